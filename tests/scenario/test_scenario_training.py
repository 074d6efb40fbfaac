"""The section training of a scenario: what it stands for, and weights to start from."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from training_helpers import TEXT, Train, problems_of

from sionna_cfisac import cli
from sionna_cfisac.beamforming import DualGNNBeamformer, HeteroGNNBeamformer
from sionna_cfisac.beamforming.methods import NETWORKS
from sionna_cfisac.scenario.engines import training
from sionna_cfisac.scenario.study import load_study

ROOT = Path(__file__).parents[2]


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
    tmp_path: Path, initial: Callable[..., Path], options: dict[str, Any], message: str
) -> None:
    file = initial(**options)
    (line,) = problems_of(tmp_path, "batch_size: 8", f"initial_weights: {file}")
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
    declared = {name: kind(type=name).fixed_options() for name, kind in NETWORKS.own.items()}
    assert architecture == {"num_tx_ant": 2, **declared["hetero_gnn"]}
    assert DualGNNBeamformer().architecture() == declared["dual_gnn"]


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
