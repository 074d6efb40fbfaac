"""The section training of a scenario: what is wrong with it, and what it stands for."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from training_helpers import TEXT, Train

from sionna_cfisac import cli
from sionna_cfisac.beamforming import DualGNNBeamformer, HeteroGNNBeamformer
from sionna_cfisac.scenario import training
from sionna_cfisac.scenario.errors import ScenarioError
from sionna_cfisac.scenario.load import load_study
from sionna_cfisac.scenario.training_consistency import ARCHITECTURE_DEFAULTS

ROOT = Path(__file__).parents[1]
Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    def collect(old: str = "", new: str = "") -> list[str]:
        assert old in TEXT
        (tmp_path / "s.yaml").write_text(TEXT.replace(old, new) if old else TEXT + new)
        with pytest.raises(ScenarioError) as caught:
            load_study(tmp_path / "s.yaml")
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return collect


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
            ["7: training.beamformer.type: unknown network to train 'gnn'; expected one of "],
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
            "batch_size: 8",
            "sizes: [{num_tx_ant: 4}, {num_tx_ant: 8, num_aps: 1}]",
            [
                "9: training.sizes.1.num_tx_ant: the weights of a hetero_gnn are for "
                "network.num_tx_ant 4, got 8"
            ],
        ),
        (
            "type: hetero_gnn, hidden_dim: 8, num_layers: 1}",
            "type: dual_gnn}\n  noise_power: {low: 0.1, high: 1}\n  noise_scale: {low: 1, high: 2}",
            ["9: training.noise_scale: expected either noise_power or noise_scale, got both"],
        ),
        (
            "type: hetero_gnn, hidden_dim: 8, num_layers: 1}",
            "type: dual_gnn}\n  sizes: [{num_aps: 1}, {num_targets: 2}]",
            [
                "8: training.sizes.1: does not fit network.num_targets: a dual_gnn is trained for "
                "one target, got 2"
            ],
        ),
        (
            "num_layers: 1}",
            "conditioned: true}\n  sizes: [{num_aps: 1}, {num_users: 1, noise_power: 50}]",
            ["8: training.sizes.1: a conditioned network is made for 0.01 to 1, got 50"],
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
    assert architecture == {"num_tx_ant": 2, **ARCHITECTURE_DEFAULTS["hetero_gnn"]}
    assert DualGNNBeamformer().architecture() == ARCHITECTURE_DEFAULTS["dual_gnn"]


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
