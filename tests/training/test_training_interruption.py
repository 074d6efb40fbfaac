"""The command train: nothing stops it for good, neither Ctrl-C nor a kill."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_helpers import Train, log, stored

from sionna_cfisac.training import Validation

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")


def assert_same_files(one: Path, other: Path) -> None:
    for name in ("tiny.weights.h5", "_last.weights.h5", "_best.weights.h5"):
        mine, theirs = stored(one / name), stored(other / name)
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            np.testing.assert_array_equal(value, theirs[key], err_msg=f"{name}: {key}")


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests run in the background of a shell that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_says_how_to_go_on(
    train: Train, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    score, calls = Validation.__call__, []

    def interrupted(self: Validation, beamformer: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), getattr(signal, name))
        return score(self, beamformer)

    monkeypatch.setattr(Validation, "__call__", interrupted)
    options = ["--output", "my folder", "--set", "seed=8"]
    assert train("--force", *options) == 1
    error = capsys.readouterr().err
    assert error.startswith("interrupted; the last checkpoint is in my folder, continue with: ")
    assert "cfisac train s.yaml --output 'my folder' --set seed=8 --resume\n" in error
    assert "Traceback" not in error
    assert [row["step"] for row in log(Path("my folder"))] == ["4"]
    assert train(*options, "--resume") == 0
    assert [row["step"] for row in log(Path("my folder"))] == ["4", "8", "12"]
    assert signal.getsignal(signal.SIGTERM) != signal.default_int_handler


@pytest.mark.usefixtures("quick")
def test_an_interruption_before_the_first_checkpoint_says_so(
    train: Train, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Validation, beamformer: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Validation, "__call__", interrupted)
    assert train("--resume") == 1
    error = capsys.readouterr().err
    assert "trained/tiny: nothing to resume; starting afresh\n" in error
    assert "interrupted; no checkpoint is yet in trained/tiny, continue with: " in error


DIVERGING = """\
schema_version: 1
name: diverging
network: {num_aps: 3}
training:
  beamformer: {type: hetero_gnn, hidden_dim: 16}
  steps: 200
  learning_rate: 1000
  validation: {samples: 10, test_samples: 10}
"""


def test_a_diverging_training_ends(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(DIVERGING)
    command = [sys.executable, "-m", "sionna_cfisac.cli", "train", "s.yaml", "--force"]
    for _ in range(2):
        # where it hangs, it hangs every other time
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 1, done.stderr
        assert re.search(r"error: the objective gives -?(nan|inf) at step \d+; try", done.stderr)


def test_killed_and_resumed_gives_the_same_bits(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--set", "training.steps=400", "--set", "training.validation.every=20"]
    options += ["--set", "network.num_targets=2"]
    command = [sys.executable, "-m", "sionna_cfisac.cli", "train", "s.yaml", *options]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    folder = tmp_path / "trained" / "tiny"

    def kill(when: Callable[[], bool]) -> None:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path)
        deadline = time.monotonic() + 120
        while not when() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    # before TensorFlow is there, then in the middle of the training
    kill((folder / "_training.json").exists)
    command.append("--resume")
    kill(lambda: (folder / "log.csv").exists() and len(log(folder)) >= 4)
    assert 4 <= len(log(folder)) < 19
    assert (folder / "_last.weights.h5").exists()
    assert not (folder / "tiny.weights.h5").exists()
    assert train(*options, "--resume") == 0
    assert "no share of the optimum: that of several targets is" in capsys.readouterr().out
    assert train(*options, "--output", "whole") == 0
    assert_same_files(folder, tmp_path / "whole")
    assert log(folder, "seconds") == log(tmp_path / "whole", "seconds")
    assert len(log(folder)) == 20
