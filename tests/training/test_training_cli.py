"""The command train: what it writes, and the folders that it refuses."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from reference import ReferenceChannel
from scipy.stats import gamma
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_helpers import TEXT, Train, log, stored

from sionna_cfisac import training
from sionna_cfisac.beamforming import HeteroGNNBeamformer, JointBeamformer
from sionna_cfisac.channel.base import ChannelLayer
from sionna_cfisac.training import Validation

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")


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
    known = card["trained_on"]
    assert [known[f"num_{key}"] for key in ("aps", "users", "tx_ant")] == [[2, 2], [2, 2], [4, 4]]
    assert (known["sensing_weight"], known["noise_power"]) == ([2, 2], [0.1, 0.1])
    # the mean of 16 exponential variables, over noise of 0.1
    np.testing.assert_allclose(
        known["channel_gain"], gamma(16, scale=1 / 16).ppf([0.01, 0.99]), rtol=0.1
    )
    np.testing.assert_allclose(known["snr"], 10 * np.array(known["channel_gain"]), rtol=1e-3)
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
    best = stored(folder / "_best.weights.h5")
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
    del files[folder / "_training.json"], after[folder / "_training.json"]
    assert after == files

    # --force removes what a training wrote and nothing else
    (folder / "notes.txt").write_text("mine")
    (folder / "tensorboard").mkdir(exist_ok=True)
    (folder / "tensorboard" / "mine").write_text("mine")
    (folder / "partial-_last.weights.h5").write_text("left by a kill")
    options = ["--output", "trained/tiny", "--set", "name=other", "--set", "seed=6"]
    assert train("--fast", "--force", *options) == 0
    assert {path.name for path in folder.iterdir()} - {"tensorboard"} == {
        "notes.txt",
        "_training.json",
        "log.csv",
        "_last.weights.h5",
        "_best.weights.h5",
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
        ("_training.json", ["--force"], "holds _training.json that 'cfisac train' did not write"),
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
    assert "/proc/trained: this folder cannot be written to: " in capsys.readouterr().err


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


@pytest.mark.usefixtures("quick")
def test_a_training_that_runs_off_fails_with_one_line(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--set", "training.learning_rate=1.0e30", "--set", "training.warmup_steps=0") == 1
    error = capsys.readouterr().err.splitlines()
    assert error[0].startswith("error: the objective gives nan at step 2; try a lower learning")
    assert len(error) == 2
