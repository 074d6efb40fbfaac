"""The command train: what it refuses, what it writes, and that nothing stops it for good."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import ReferenceChannel
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sionna_cfisac import cli
from sionna_cfisac.beamforming import HeteroGNNBeamformer, JointBeamformer
from sionna_cfisac.channel.base import ChannelLayer
from sionna_cfisac.scenario import training
from sionna_cfisac.scenario.errors import ScenarioError
from sionna_cfisac.scenario.load import load_study
from sionna_cfisac.scenario.training_consistency import ARCHITECTURE_DEFAULTS
from sionna_cfisac.training import Validation

ROOT = Path(__file__).parents[1]
TEXT = """\
schema_version: 1
name: tiny
description: a test
seed: 5
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
training:
  beamformer: {type: hetero_gnn, hidden_dim: 8, num_layers: 1}
  steps: 12
  batch_size: 8
  validation: {every: 4, samples: 6, test_samples: 20}
beamformers: [rzf]
fast: {training.steps: 4}
"""
Train = Callable[..., int]
Problems = Callable[..., list[str]]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    (tmp_path / "s.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["cfisac", "train", "s.yaml", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert isinstance(stop.value.code, int)
        return stop.value.code

    return call


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Neither the joint optimum nor the tracing of steps, which take long."""
    monkeypatch.setattr(Validation, "_reference", lambda self, weight: None)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    def collect(old: str = "", new: str = "") -> list[str]:
        assert old in TEXT
        (tmp_path / "s.yaml").write_text(TEXT.replace(old, new) if old else TEXT + new)
        with pytest.raises(ScenarioError) as caught:
            load_study(tmp_path / "s.yaml")
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return collect


def stored(file: str | Path) -> dict[str, Any]:
    """Every array and attribute of an HDF5 file, but for the time."""
    found: dict[str, Any] = {}
    with h5py.File(file) as store:
        store.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
        return {**found, **{k: v for k, v in store.attrs.items() if k != "seconds"}}


def assert_same_files(one: Path, other: Path, *names: str) -> None:
    for name in names:
        mine, theirs = stored(one / name), stored(other / name)
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            np.testing.assert_array_equal(value, theirs[key], err_msg=f"{name}: {key}")


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


ALL = ("tiny.weights.h5", "last.weights.h5", "best.weights.h5")


def test_weights_card_and_progress(
    train: Train, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    validations, drawn = [], {}

    class Kept(Validation):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            validations.append(self)

    draw = ChannelLayer.__call__

    def noted(self: Any, batch_size: int, seed: int | None = None) -> Any:
        state = draw(self, batch_size, seed)
        drawn[seed] = np.asarray(state.h)[:, 0, 0, 0]
        return state

    monkeypatch.setattr(training, "Validation", Kept)
    monkeypatch.setattr(ChannelLayer, "__call__", noted)
    assert train() == 0
    output = capsys.readouterr()
    # one line for each validation, the table, the file; nothing else
    lines = output.out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["step 4/12", "step 8/12", "step 12/12"]
    assert all(line.endswith(" % of the optimum") for line in lines[:3])
    assert lines[-1] == "trained/tiny/tiny.weights.h5"
    assert len(lines) == 7
    assert output.err == ""

    folder = Path("trained/tiny")
    card = json.loads((folder / "tiny.json").read_text())
    assert (card["name"], card["description"], card["seed"]) == ("tiny", "a test", 5)
    assert card["scenario"]["training"]["steps"] == 12
    assert card["scenario"]["noise_power"] == 0.1
    about = card["training"]
    assert (about["backend"], about["steps"], about["channels"]) == ("tensorflow", 12, 96)
    assert about["finished"] == time.strftime("%Y-%m-%d", time.gmtime())
    assert about["seconds"] >= 0
    assert {"python", "sionna_cfisac", "tensorflow", "keras", "numpy"} <= set(card["versions"])

    # the CSV file and TensorBoard tell the same
    board = EventAccumulator(str(folder / "tensorboard")).Reload()
    names = {"learning_rate", "objective", "utility_beta2", "share_beta2"}
    assert names | {"seconds"} == set(board.Tags()["tensors"])
    assert [row["step"] for row in log(folder)] == ["4", "8", "12"]
    for name in names:
        events = [
            (event.step, float(tf.make_ndarray(event.tensor_proto)))
            for event in board.Tensors(name)
        ]
        rows = [(int(row["step"]), pytest.approx(float(row[name]))) for row in log(folder)]
        assert events == rows

    # the weights are those of the best checkpoint, rounded to half precision
    weights = stored(folder / "tiny.weights.h5")
    assert {value.dtype for value in weights.values()} == {np.dtype("float16")}
    best = stored(folder / "best.weights.h5")
    rounded = best["beamformer/_hidden/hetero_graph_layer/vars/0"].astype(np.float16)
    np.testing.assert_array_equal(weights["hidden_0/ap_from_edges"], rounded)

    # what is measured is what the file gives, on channels that only the test sees
    network = HeteroGNNBeamformer.load(folder / "tiny")
    (score,) = card["measured"]
    (state,) = validations[-1]._states
    pair = np.asarray(network(state)), np.asarray(JointBeamformer(2.0)(state))
    mine, optimum = (
        np.array([ReferenceChannel(state, index).utility(f[index], 2.0) for index in range(20)])
        for f in pair
    )
    assert (score["sensing_weight"], score["num_channels"]) == (2.0, 20)
    assert score["utility"] == pytest.approx(mine.mean(), rel=1e-5)
    assert score["share"] == pytest.approx(mine.mean() / optimum.mean(), rel=1e-5)
    assert score["share_percentile_1"] == pytest.approx(np.percentile(mine / optimum, 1), rel=1e-5)
    # the channels of training, validation and test do not meet
    assert len(drawn) >= 12 + 2
    numbers = np.concatenate(list(drawn.values()))
    assert len(np.unique(numbers)) == len(numbers) >= 12 * 8 + 6 + 20


@pytest.mark.usefixtures("quick")
def test_a_training_is_protected_continued_and_replaced(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--fast") == 0
    folder = Path("trained/tiny")
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert json.loads((folder / "tiny.json").read_text())["training"]["steps"] == 4
    for options, message in (
        ([], "trained/tiny: already holds a training of the scenario 'tiny'; continue it with"),
        (["--resume", "--force"], "--resume: cannot be combined with --force"),
        (
            ["--resume", "--set", "training.learning_rate=1", "--set", "noise_power=1"],
            "which differs in noise_power, training.learning_rate; choose another --output",
        ),
        (["--resume", "--set", "name=other", "--output", "trained/tiny"], "which differs in name;"),
        (["--resume", "--set", "training.validation.every=2"], "training.validation.every;"),
    ):
        capsys.readouterr()
        assert train("--fast", *options) == 2
        assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in files} == files

    # finished is finished
    assert train("--fast", "--resume", "--set", "samples=7") == 0
    after = {path: path.read_bytes() for path in files}
    del files[folder / "tiny.json"], after[folder / "tiny.json"]
    del files[folder / "training.json"], after[folder / "training.json"]
    assert after == files

    # --force removes what a training wrote and nothing else
    (folder / "notes.txt").write_text("mine")
    (folder / "tensorboard").mkdir(exist_ok=True)
    (folder / "tensorboard" / "mine").write_text("mine")
    (folder / "partial-last.weights.h5").write_text("left by a kill")
    options = ["--output", "trained/tiny", "--set", "name=other", "--set", "seed=6"]
    assert train("--fast", "--force", *options) == 0
    assert {path.name for path in folder.iterdir()} - {"tensorboard"} == {
        "notes.txt",
        "training.json",
        "log.csv",
        "last.weights.h5",
        "best.weights.h5",
        "other.weights.h5",
        "other.json",
    }
    assert (folder / "tensorboard" / "mine").read_text() == "mine"
    events = list((folder / "tensorboard").glob("events*"))
    assert len(events) <= 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("notes.txt", [], "out: holds other files (notes.txt); choose another --output, or add"),
        ("notes.txt", ["--resume"], "holds other files (notes.txt)"),
        ("log.csv", [], "out: holds log.csv that 'cfisac train' did not write; choose another"),
        ("log.csv", ["--force"], "holds log.csv that 'cfisac train' did not write"),
        ("tiny.json", ["--force"], "holds tiny.json that 'cfisac train' did not write"),
        ("training.json", ["--force"], "holds training.json that 'cfisac train' did not write"),
        ("notes.txt", ["--force"], None),
    ],
)
def test_a_folder_of_somebody_else(
    train: Train,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
    message: str | None,
) -> None:
    Path("out").mkdir()
    (Path("out") / name).write_text("{}")
    code = train("--output", "out", "--fast", *options)
    assert code == (0 if message is None else 2)
    assert (message or "") in capsys.readouterr().err
    assert (Path("out") / name).read_text() == "{}"
    assert (len(list(Path("out").iterdir())) == 1) == (code == 2)


def test_a_file_in_the_way(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").write_text("mine")
    assert train("--output", "out") == 2
    assert "out: expected a folder, but out is a file" in capsys.readouterr().err
    assert train("--output", "out/deeper", "--force") == 2
    assert "out/deeper: expected a folder, but out is a file" in capsys.readouterr().err
    assert Path("out").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that root cannot write")
def test_a_folder_that_cannot_be_written(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--output", "/proc/trained") == 2
    assert "/proc/trained: cannot be written to: " in capsys.readouterr().err


def test_without_a_section_there_is_nothing_to_train(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.yaml").write_text("schema_version: 1\nname: none\nbeamformers: [rzf]\n")
    assert train() == 2
    assert capsys.readouterr().err == "s.yaml: training: this section is required to train\n"
    Path("s.yaml").write_text(TEXT.replace("fast: {training.steps: 4}", "fast: {samples: 2}"))
    assert train("--fast") == 2
    assert "--fast: expected keys of training in the file's section" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["s.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "steps: 12",
            "step: 12",
            [
                "6: training.steps: this key is required",
                "8: training.step: unknown key; did you mean 'steps'?",
            ],
        ),
        (
            "hidden_dim: 8",
            "hidden_dim: 0",
            ["7: training.beamformer.hidden_dim: expected a number of at least 1, got 0"],
        ),
        (
            "hetero_gnn",
            "gnn",
            ["7: training.beamformer.type: expected hetero_gnn, got 'gnn'"],
        ),
        (
            "steps: 12",
            "steps: 10",
            [
                "10: training.validation.every: expected a divisor of training.steps, "
                "got 4 and 10 steps"
            ],
        ),
        (
            "batch_size: 8",
            "batch_size: 8\n  samples: 7",
            ["10: training.samples: expected at least training.batch_size, 8, got 7"],
        ),
        (
            "batch_size: 8",
            "batch_size: 1\n  sizes: [{num_aps: 1}, {num_users: 1}]",
            ["9: training.batch_size: expected at least the number of training.sizes, 2, got 1"],
        ),
        (
            "batch_size: 8",
            "sizes: [{num_aps: 1}, {num_aps: 1}]",
            ["9: training.sizes.1: this size is already in the list"],
        ),
        (
            "training:\n",
            "noise_power: [0.1, 0.2]\ntraining:\n  sizes: [{num_aps: 1}, {num_users: 1}]\n",
            [
                "8: training.sizes.1: does not fit noise_power: expected 1 entries "
                "(network.num_users), got 2"
            ],
        ),
        (
            "batch_size: 8",
            "sensing_weight: {low: 0, high: 5}\n  noise_power: {low: 0.1, high: 1}",
            [
                "9: training.sensing_weight: a range needs a network that reads it: "
                "training.beamformer.conditioned: true",
                "10: training.noise_power: a range needs a network that reads it: "
                "training.beamformer.conditioned: true",
            ],
        ),
        (
            "num_layers: 1}",
            "conditioned: true}\n  sensing_weight: {low: 0, high: 21}\n"
            "  noise_power: {low: 0.001, high: 1}",
            [
                "8: training.sensing_weight: a conditioned network is made for 0 to 20, got 21",
                "9: training.noise_power: a conditioned network is made for 0.01 to 1, got 0.001",
            ],
        ),
        (
            "training:\n  beamformer: {type: hetero_gnn,",
            "objective: {sensing_weight: 30}\nnoise_power: [0.1, 2]\n"
            "training:\n  beamformer: {type: hetero_gnn, conditioned: true,",
            [
                "6: objective.sensing_weight: a conditioned network is made for 0 to 20, got 30",
                "7: noise_power: a conditioned network is made for 0.01 to 1, got 2",
            ],
        ),
        (
            "test_samples: 20",
            "sensing_weights: [1, 2, 1]",
            ["10: training.validation.sensing_weights.2: 1 is already in the list"],
        ),
        (
            "test_samples: 20",
            "sensing_weights: []",
            [
                "10: training.validation.sensing_weights: expected at least 1 entry, got 0",
            ],
        ),
        (
            "batch_size: 8",
            "sensing_weight: {low: 3, high: 2}",
            ["9: training.sensing_weight: expected low <= high, got 3 and 2"],
        ),
        (
            "batch_size: 8",
            "sensing_weight: -1",
            ["9: training.sensing_weight: expected a number of at least 0, got -1"],
        ),
        (
            "batch_size: 8",
            "noise_power: {low: 0, high: 2}",
            ["9: training.noise_power.low: expected a number above 0, got 0"],
        ),
        (
            "batch_size: 8",
            "initial_weights: paper-beta77",
            ["9: training.initial_weights: no weights named 'paper-beta77'"],
        ),
        (
            "batch_size: 8",
            "initial_weights: gone.weights.h5",
            ["9: training.initial_weights: no file 'gone.weights.h5'"],
        ),
        ("", "sweep: {training.steps: [4, 8]}", ["13: sweep.training.steps: this key cannot be"]),
    ],
)
def test_every_mistake_has_its_line(
    problems: Problems, old: str, new: str, expected: list[str]
) -> None:
    found = [line.removeprefix("s.yaml:") for line in problems(old, new)]
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_what_a_sweep_of_the_comparison_does_is_not_the_training_s_concern(tmp_path: Path) -> None:
    text = TEXT.replace("num_layers: 1", "conditioned: true")
    text += "sweep: {objective.sensing_weight: [0, 50], noise_power: [0.1, 5]}\n"
    (tmp_path / "s.yaml").write_text(text)
    assert len(load_study(tmp_path / "s.yaml").conditions) == 4


@pytest.fixture
def initial(tmp_path: Path) -> Callable[..., Path]:
    def save(**options: Any) -> Path:
        keras.utils.set_random_seed(3)
        given = {"hidden_dim": 8, "num_layers": 1, **options}
        return HeteroGNNBeamformer(given.pop("num_tx_ant", 4), **given).save(tmp_path / "initial")

    return save


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_dim": 4}, "has hidden_dim 4, not 8"),
        ({"num_tx_ant": 3, "aggregation": "sum"}, "has num_tx_ant 3, not 4, aggregation sum, not"),
        ({"sensing_gain_on_edge": False}, "has sensing_gain_on_edge False, not True"),
        ({"conditioned": True}, "has conditioned True, not False"),
    ],
)
def test_initial_weights_of_another_architecture(
    problems: Problems, initial: Callable[..., Path], options: dict[str, Any], message: str
) -> None:
    file = initial(**options)
    (line,) = problems("batch_size: 8", f"initial_weights: {file}")
    start = "s.yaml:9: training.initial_weights: expected the architecture to train, but "
    assert line.startswith(f"{start}initial.weights.h5 {message}")


def test_initial_weights_that_are_damaged(
    train: Train, initial: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = initial()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    for command in ("train", "check"):
        sys.argv = ["cfisac", command, "s.yaml", "--set", f"training.initial_weights={file}"]
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("--set training.initial_weights: ")
        assert "checksum" in error
    assert not Path("trained").exists()


@pytest.mark.parametrize("conditioned", [False, True])
def test_a_training_starts_from_the_initial_weights(
    tmp_path: Path, initial: Callable[..., Path], conditioned: bool
) -> None:
    text = TEXT.replace("batch_size: 8", f"initial_weights: {initial()}")
    if conditioned:
        text = text.replace("num_layers: 1", "num_layers: 1, conditioned: true")
    (tmp_path / "s.yaml").write_text(text)
    network = training.make_network(load_study(tmp_path / "s.yaml").scenario)
    state = training.make_channels(load_study(tmp_path / "s.yaml").scenario)[0](5, seed=1)
    expected = HeteroGNNBeamformer.load(tmp_path / "initial")(state)
    # what reads the weight has no effect before it is trained
    np.testing.assert_allclose(network.beams(state, 7.0), expected, rtol=1e-5, atol=1e-6)


def test_defaults_of_the_architecture_are_those_of_the_network() -> None:
    architecture = HeteroGNNBeamformer(2).architecture()
    assert architecture == {"num_tx_ant": 2, **ARCHITECTURE_DEFAULTS}


def test_channels_are_those_of_the_scenario_in_single_precision(tmp_path: Path) -> None:
    sizes = "sizes: [{num_aps: 3}, {num_users: 1, num_targets: 2}]\n  batch_size: 8"
    text = TEXT.replace("batch_size: 8", sizes)
    text = text.replace("num_tx_ant: 4", "num_tx_ant: 4, total_power: 6")
    (tmp_path / "s.yaml").write_text(text + "noise_power: 0.5\nprecision: double\n")
    scenario = load_study(tmp_path / "s.yaml").scenario
    states = [layer(2) for layer in training.make_channels(scenario)]
    assert [state.h.shape for state in states] == [(2, 3, 2, 4), (2, 2, 1, 4)]
    assert [state.a.shape for state in states] == [(2, 3, 1, 4), (2, 2, 2, 4)]
    assert [float(state.ap_power[0, 0]) for state in states] == [2.0, 3.0]
    for state in states:
        assert str(state.h.dtype).endswith("complex64'>")
        assert np.all(np.asarray(state.noise_power) == 0.5)


@pytest.mark.usefixtures("quick")
def test_a_training_that_runs_off_fails_with_one_line(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--set", "training.learning_rate=1.0e30", "--set", "training.warmup_steps=0") == 1
    error = capsys.readouterr().err.splitlines()
    assert error[0].startswith("error: the objective gives nan at step 2; try a lower learning")
    assert len(error) == 2


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
    kill((folder / "training.json").exists)
    command.append("--resume")
    kill(lambda: (folder / "log.csv").exists() and len(log(folder)) >= 4)
    assert 4 <= len(log(folder)) < 19
    assert (folder / "last.weights.h5").exists()
    assert not (folder / "tiny.weights.h5").exists()
    assert train(*options, "--resume") == 0
    assert "no share of the optimum: that of several targets is" in capsys.readouterr().out
    assert train(*options, "--output", "whole") == 0
    assert_same_files(folder, tmp_path / "whole", *ALL)
    assert log(folder) == log(tmp_path / "whole")
    assert len(log(folder)) == 20


def test_scenarios_that_train_are_checked_without_anything_heavy() -> None:
    files = sorted(map(str, (ROOT / "scenarios").glob("train_*.yaml")))
    assert len(files) >= 6
    program = f"""
import sys
from sionna_cfisac import cli
for file in {files!r}:
    sys.argv = ["cfisac", "check", file]
    try:
        cli.main()
    except SystemExit as stop:
        assert stop.code == 0, stop.code
found = [name for name in ("tensorflow", "keras", "sionna", "h5py") if name in sys.modules]
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": good: ") == len(files)
