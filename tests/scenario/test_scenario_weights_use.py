"""Weights of trained networks that a scenario names: found, listed and run."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sionna_cfisac import cli
from sionna_cfisac.beamforming import HeteroGNNBeamformer
from sionna_cfisac.beamforming.methods import HeteroGNN, NullspaceSensing, Purpose
from sionna_cfisac.beamforming.pretrained import find_weights
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.scenario.catalogue import catalogue

TEXT = """\
schema_version: 1
name: trained
network: {num_aps: 3, num_users: 2, num_tx_ant: 8}
measure: [sum_rate, utility]
sweep: {objective.sensing_weight: [2, 10]}
samples: 4
figures: []
beamformers:
  - hetero_gnn
  - {type: hetero_gnn, weights: paper-beta2, label: beta2}
  - {type: hetero_gnn, weights: conditioned, label: hetero_gnn_conditioned}
  - {type: nullspace_sensing, communication: {type: hetero_gnn, weights: conditioned}}
"""
HEAVY = ("tensorflow", "keras", "sionna", "pandas", "matplotlib", "scipy", "h5py")


@pytest.mark.parametrize(
    ("name", "weight", "file"),
    [
        ("paper", 2.0, "paper-beta2"),
        ("paper", 10.0, "paper-beta10"),
        ("paper-beta2", 0.0, "paper-beta2"),
        ("conditioned", 3.5, "conditioned"),
    ],
)
def test_the_sensing_weight_picks_one_of_a_family(
    weights_folder: Path, name: str, weight: float, file: str
) -> None:
    found = find_weights(name, weight)
    assert found == weights_folder / f"{file}.weights.h5"
    state = CellFreeChannel(3)(4, seed=1)
    spec = HeteroGNN(type="hetero_gnn", weights=name)
    told = {"sensing_weight": weight} if name == "conditioned" else {}
    expected = HeteroGNNBeamformer.load(found, **told)(state)
    np.testing.assert_array_equal(spec.make(Purpose(weight))(state), expected)


def test_an_entry_s_own_sensing_weight_comes_first(weights_folder: Path) -> None:
    spec = HeteroGNN(type="hetero_gnn", weights="conditioned", sensing_weight=0.5)
    state = CellFreeChannel(3)(4, seed=1)
    expected = HeteroGNNBeamformer.load(weights_folder / "conditioned", sensing_weight=0.5)(state)
    np.testing.assert_array_equal(spec.make(Purpose(2.0))(state), expected)


def test_networks_compute_in_the_precision_of_the_scenario(weights_folder: Path) -> None:
    spec = HeteroGNN(type="hetero_gnn", weights="paper-beta2")
    state = CellFreeChannel(3, dtype="float64")(4, seed=1)
    expected = HeteroGNNBeamformer.load(weights_folder / "paper-beta2", dtype="float64")(state)
    np.testing.assert_array_equal(spec.make(Purpose(2.0, "float64"))(state), expected)
    nested = NullspaceSensing(type="nullspace_sensing", communication=spec)
    single, double = (nested.make(Purpose(2.0, d))(state) for d in ("float32", "float64"))
    assert 0 < np.max(np.abs(single - double)) < 1e-4


def test_networks_run_beside_the_others(
    weights_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("s.yaml").write_text(TEXT)
    monkeypatch.setattr(sys, "argv", ["cfisac", "run", "s.yaml"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 0
    with open("results/trained/results.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rate = {
        (row["objective.sensing_weight"], row["method"]): float(row["value"])
        for row in rows
        if row["metric"] == "sum_rate"
    }
    assert len(rate) == 8
    assert rate["2", "hetero_gnn"] == rate["2", "beta2"] == rate["10", "beta2"]
    assert rate["10", "hetero_gnn"] != rate["10", "beta2"]
    # half of the power does not serve the users
    assert 0 < rate["2", "nullspace_sensing"] < rate["2", "hetero_gnn_conditioned"]


def test_the_list_says_what_the_weights_are_and_how_good(weights_folder: Path) -> None:
    (weights_folder / "paper-beta10.json").write_text("{")
    card = weights_folder / "paper-beta2.json"
    changes = {"measured": "nothing", "description": None}
    card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))
    found = catalogue(weights_folder)["weights"]
    assert list(found.items()) == [
        ("conditioned", "For all; 95 to 99 % of the optimum"),
        ("four", "HeteroGNNBeamformer"),
        ("paper-beta0", "For weight 0; 98.7 % of the optimum"),
        ("paper-beta2", "HeteroGNNBeamformer"),
        ("paper-beta10", "(its card cannot be read)"),
    ]


@pytest.mark.parametrize("command", ["check s.yaml", "list"])
def test_nothing_heavy_is_imported_to_look_at_weights(weights_folder: Path, command: str) -> None:
    Path("s.yaml").write_text(TEXT)
    program = f"""
import sys
from pathlib import Path
from sionna_cfisac import cli
from sionna_cfisac.beamforming import weights
weights.PRETRAINED = Path("weights")
sys.argv = ["cfisac", *{command.split()!r}]
try:
    cli.main()
except SystemExit as stop:
    assert stop.code == 0, stop.code
found = [name for name in {HEAVY!r} if name in sys.modules]
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("2 conditions" if command != "list" else "paper-beta0") in done.stdout


def test_a_condition_is_computed_again_when_its_network_was_trained_again(
    weights_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, folder = tmp_path / "s.yaml", tmp_path / "out"
    file.write_text(TEXT)

    def run(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["cfisac", "run", str(file), "-o", str(folder), *options])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 0
        return (folder / "results.csv").read_text()

    before = run()
    assert run("--resume") == before
    assert "computed again" not in capsys.readouterr().out
    HeteroGNNBeamformer(8, hidden_dim=8, num_layers=1).save(weights_folder / "paper-beta10")
    after = run("--resume")
    assert "objective.sensing_weight = 10: stored with other weights" in capsys.readouterr().out
    changed = [old != new for old, new in zip(before.split("\n"), after.split("\n"), strict=True)]
    rows = before.split("\n")
    assert {row.split(",")[0] for row, other in zip(rows, changed, strict=True) if other} == {"10"}
