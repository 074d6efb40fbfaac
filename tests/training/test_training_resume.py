"""Training: going on after an interruption, and checkpoints that do not allow it."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from training_helpers import (
    WEIGHTS,
    Told,
    assert_equal,
    log,
    make_data,
    make_network,
    stop_at,
    stored,
    utility,
)

from sionna_cfisac.training import Draw, TrainingError, TrainingPlan, train

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")


@pytest.mark.usefixtures("eager")
def test_resuming_gives_the_same_bits_wherever_it_was_interrupted(tmp_path: Path) -> None:
    options = {
        "sizes": 2,
        "num_samples": 20,
        "sensing_weight": WEIGHTS,
        "noise_power": Draw(0.01, 1),
    }
    plan, validation = TrainingPlan(4, 0.01, 5), utility(2, 1.0, 4.0)
    whole = make_network(conditioned=True)
    train(whole, make_data(**options), validation, plan, tmp_path / "whole")
    folder = tmp_path / "part"
    # before the first checkpoint, in the middle, and right after a checkpoint
    for number, listen in enumerate([stop_at(2), stop_at(10), stop_at(12, True)]):
        network, data = make_network(conditioned=True), make_data(**options)
        with pytest.raises(KeyboardInterrupt):
            train(network, data, validation, plan, folder, resume=number > 0, on_progress=listen)
    part = make_network(conditioned=True)
    steps: list[int] = []
    seconds = train(
        part,
        make_data(**options),
        validation,
        plan,
        folder,
        resume=True,
        on_progress=lambda progress: steps.append(progress.step),
    )
    assert steps[0] == 13
    assert_equal(part, whole)
    assert log(folder, "seconds") == log(tmp_path / "whole", "seconds")
    assert [row["epoch"] for row in log(folder)] == ["0", "1", "2", "3"]
    for name in ("_last.weights.h5", "_best.weights.h5"):
        one, other = stored(folder / name), stored(tmp_path / "whole" / name)
        assert one.keys() == other.keys()
        assert any(key.startswith("optimizer") for key in one)
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)
    # a finished training does not go on
    again = make_network(conditioned=True)
    files = {file: file.read_bytes() for file in folder.glob("*.h5")}
    assert train(again, make_data(**options), validation, plan, folder, resume=True) == seconds
    assert_equal(again, whole)
    assert {file: file.read_bytes() for file in folder.glob("*.h5")} == files
    assert log(folder, "seconds") == log(tmp_path / "whole", "seconds")


@pytest.mark.usefixtures("eager")
def test_an_end_between_the_two_checkpoints_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[train.__module__]
    plan = TrainingPlan(3, 0.01, 0)
    whole = make_network()
    train(whole, make_data(), utility(), plan, tmp_path / "whole")
    save, saved = module._save, []

    def stop_before_last(model: Any, file: Path, state: dict[str, float]) -> None:
        saved.append(file.name)
        if saved.count("_last.weights.h5") == 2 and file.name == "_last.weights.h5":
            raise KeyboardInterrupt
        save(model, file, state)

    monkeypatch.setattr(module, "_save", stop_before_last)
    network, data = make_network(), make_data()
    with pytest.raises(KeyboardInterrupt):
        train(network, data, utility(), plan, tmp_path / "part")
    monkeypatch.undo()
    part = make_network()
    train(part, make_data(), utility(), plan, tmp_path / "part", resume=True)
    assert_equal(part, whole)
    assert log(tmp_path / "part", "seconds") == log(tmp_path / "whole", "seconds")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    tf.config.run_functions_eagerly(True)
    network, data, plan = make_network(), make_data(steps_per_epoch=1), TrainingPlan(3, 0.01, 0)
    validation: Any = Told(0.5, 0.4)
    with pytest.raises(KeyboardInterrupt):
        train(network, data, validation, plan, folder, on_progress=stop_at(2, True))
    tf.config.run_functions_eagerly(False)
    return folder


@pytest.fixture
def interrupted(checkpoints: Path, tmp_path: Path, eager: None) -> Path:
    """A copy of the folder of an interrupted training."""
    return Path(shutil.copytree(checkpoints, tmp_path / "interrupted"))


@pytest.mark.usefixtures("eager")
def test_the_best_epoch_survives_an_interruption(interrupted: Path) -> None:
    network, data, plan = make_network(), make_data(steps_per_epoch=1), TrainingPlan(3, 0.01, 0)
    validation: Any = Told(0.45)
    train(network, data, validation, plan, interrupted, resume=True)
    assert stored(interrupted / "_best.weights.h5")["epoch"] == 1
    assert stored(interrupted / "_last.weights.h5")["epoch"] == 3


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("_best.weights.h5", None),
        ("_best.weights.h5", b"x"),
        ("_last.weights.h5", b""),
        ("_last.weights.h5", "other"),
    ],
)
def test_checkpoints_that_are_missing_damaged_or_of_another_network(
    interrupted: Path, name: str, content: bytes | str | None
) -> None:
    hidden_dim = 8
    if content is None:
        (interrupted / name).unlink()
    elif isinstance(content, bytes):
        (interrupted / name).write_bytes(content)
    else:
        hidden_dim, name = 4, "_best.weights.h5"
    network, data = make_network(hidden_dim), make_data(steps_per_epoch=1)
    validation: Any = Told(0.5)
    with pytest.raises(TrainingError, match=f"{name}: expected a checkpoint of this training"):
        train(network, data, validation, TrainingPlan(3), interrupted, resume=True)
