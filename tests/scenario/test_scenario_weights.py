"""Weights of trained networks that are not there or do not fit a scenario file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sionna_cfisac.beamforming import weights
from sionna_cfisac.scenario.catalogue import catalogue
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.study import load_study, study_of

TEXT = """\
schema_version: 1
name: trained
network: {num_aps: 3, num_users: 2, num_tx_ant: 8}
objective: {sensing_weight: 2}
measure: [sum_rate, utility]
samples: 4
figures: []
beamformers:
  - ENTRY
"""
MEMBERS = "paper-beta0, paper-beta2, paper-beta10"


def edit_card(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def write(entry: str, extra: str = "", old: str = "", new: str = "") -> Path:
    text = TEXT.replace("ENTRY", entry) + extra
    assert old in text
    Path("s.yaml").write_text(text.replace(old, new, 1) if old else text)
    return Path("s.yaml")


def problems(file: Path) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_study(file)
    return [str(problem) for problem in caught.value.problems]


def gnn(options: str) -> str:
    return f"{{type: hetero_gnn, {options}}}"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (gnn("weights: papr"), "weights: no weights named 'papr'; did you mean 'paper'?"),
        (gnn("weights: conditoned"), "weights: no weights named 'conditoned'; did you mean 'cond"),
        (
            gnn("weights: weights/papr-beta2.weights.h5"),
            "weights: no file 'weights/papr-beta2.weights.h5'; did you mean 'weights/paper-beta2.w",
        ),
        (gnn("weights: nowhere/a.weights.h5"), "weights: no file 'nowhere/a.weights.h5'"),
        (gnn("weights: a.h5"), "weights: expected a file NAME.weights.h5 or a name, got 'a.h5'"),
        (
            gnn("weights: four"),
            "weights: 'four' is for 4 antennas per AP, got network.num_tx_ant 8",
        ),
        (
            gnn("weights: paper, sensing_weight: 2"),
            "sensing_weight: 'paper-beta2' (for objective.sensing_weight 2) cannot be told",
        ),
        (
            gnn("weights: conditioned, sensing_weight: 20.5"),
            "sensing_weight: 'conditioned' is made for sensing weights from 0 to 20, got 20.5",
        ),
        (
            gnn("weights: conditioned, sensing_weight: -1"),
            "sensing_weight: expected a number of at least 0, got -1",
        ),
        (gnn("weights: ''"), "weights: expected text that is not empty, got ''"),
        (
            "{type: nullspace_sensing, communication: {type: hetero_gnn, weights: four}}",
            "communication.weights: 'four' is for 4 antennas per AP",
        ),
    ],
)
def test_weights_that_do_not_fit_are_reported_at_their_entry(
    weights_folder: Path, entry: str, expected: str
) -> None:
    (found,) = problems(write(entry))
    assert found.startswith(f"s.yaml:9: beamformers.0.{expected}")


@pytest.mark.parametrize(
    ("entry", "weight", "expected"),
    [
        (
            "hetero_gnn",
            0.5,
            "no weights of the family 'paper' are for objective.sensing_weight 0.5; "
            f"there are {MEMBERS}",
        ),
        (
            gnn("weights: conditioned"),
            30,
            "'conditioned' is made for sensing weights from 0 to 20, got "
            "objective.sensing_weight 30",
        ),
    ],
)
def test_a_sensing_weight_that_the_weights_are_not_for(
    weights_folder: Path, entry: str, weight: float, expected: str
) -> None:
    file = write(entry, old="sensing_weight: 2", new=f"sensing_weight: {weight}")
    assert problems(file) == [f"s.yaml:9: beamformers.0.weights: {expected}"]
    # the other value of the sweep is good, and the scenario's own value is in no condition
    file.write_text(file.read_text() + f"sweep: {{objective.sensing_weight: [2, {weight}]}}\n")
    assert problems(file) == [
        f"s.yaml:10: sweep.objective.sensing_weight.1: beamformers.0.weights: {expected}"
    ]


def change_type(folder: Path) -> None:
    edit_card(folder / "paper-beta2.json", type="OtherBeamformer")


def cut_card(folder: Path) -> None:
    card = folder / "paper-beta2.json"
    card.write_text(card.read_text()[:100])


def spoil_architecture(folder: Path) -> None:
    edit_card(folder / "paper-beta2.json", architecture={"hidden_dim": 8})


def lose_weights(folder: Path) -> None:
    (folder / "paper-beta2.weights.h5").unlink()


def lose_card(folder: Path) -> None:
    (folder / "paper-beta2.json").unlink()


def cut_weights(folder: Path) -> None:
    file = folder / "paper-beta2.weights.h5"
    file.write_bytes(file.read_bytes()[:-1])


def swap_weights(folder: Path) -> None:
    shutil.copy(folder / "paper-beta0.weights.h5", folder / "paper-beta2.weights.h5")


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (change_type, "expected weights of HeteroGNNBeamformer, got OtherBeamformer"),
        (cut_card, "expected the card of some weights"),
        (spoil_architecture, "architecture: expected an integer num_tx_ant"),
        (lose_weights, "no such file, although there is its card"),
        (lose_card, "no such file; weights need their card"),
        (cut_weights, "expected the weights that paper-beta2.json describes, got another"),
        (swap_weights, "expected the weights that paper-beta2.json describes, got another"),
    ],
)
def test_damaged_weights(weights_folder: Path, harm: Callable[[Path], None], expected: str) -> None:
    name = "weights/paper-beta2.weights.h5" if harm is lose_card else "paper-beta2"
    file = write(gnn(f"weights: {name}"))
    load_study(file)
    harm(weights_folder)
    (found,) = problems(file)
    assert found.startswith("s.yaml:9: beamformers.0.weights: ")
    assert "weights/paper-beta2." in found
    assert expected in found
    # other weights are none the worse for it, and the list shows what there is
    load_study(write(gnn("weights: paper-beta0")))
    assert "paper-beta0" in catalogue(weights_folder)["weights"]


@pytest.mark.parametrize(
    ("entry", "sweep", "expected"),
    [
        (
            "hetero_gnn",
            "objective.sensing_weight: [0, 2, 3, 10], network.num_aps: [2, 5]",
            "sweep.objective.sensing_weight.2: beamformers.0.weights: no weights of the family "
            f"'paper' are for objective.sensing_weight 3; there are {MEMBERS}",
        ),
        (
            "hetero_gnn",
            "objective: [{sensing_weight: 0}, {sensing_weight: 7}]",
            "sweep.objective.1: beamformers.0.weights: no weights of the family 'paper' are for "
            f"objective.sensing_weight 7; there are {MEMBERS}",
        ),
        (
            gnn("weights: conditioned"),
            "noise_power: [0.1, 5], network.num_tx_ant: [8, 4]",
            "sweep.network.num_tx_ant.1: beamformers.0.weights: 'conditioned' is for 8 antennas "
            "per AP, got network.num_tx_ant 4",
        ),
        (
            gnn("weights: conditioned"),
            "beamformers.0.weights: [paper, conditioned, papr]",
            "sweep.beamformers.0.weights.2: no weights named 'papr'; did you mean 'paper'?",
        ),
        (
            gnn("weights: four"),
            "objective.sensing_weight: [0, 1], network.num_aps: [2, 5]",
            "beamformers.0.weights: 'four' is for 4 antennas per AP, got network.num_tx_ant 8",
        ),
        (
            gnn("weights: papr"),
            "objective.sensing_weight: [0, 1]",
            "beamformers.0.weights: no weights named 'papr'; did you mean 'paper'?",
        ),
    ],
)
def test_a_sweep_is_to_blame_once_and_only_for_what_it_changes(
    weights_folder: Path, entry: str, sweep: str, expected: str
) -> None:
    line = 10 if expected.startswith("sweep") else 9
    assert problems(write(entry, f"sweep: {{{sweep}}}\n")) == [f"s.yaml:{line}: {expected}"]


@pytest.mark.parametrize(
    ("entry", "extra"),
    [
        ("hetero_gnn", ""),
        ("hetero_gnn", "sweep: {objective.sensing_weight: [0, 2, 10.0]}\n"),
        # a network of one weight may be tried at another
        (gnn("weights: paper-beta2"), "sweep: {objective.sensing_weight: [0.3, 50]}\n"),
        (gnn("weights: conditioned"), "sweep: {objective.sensing_weight: [0, 0.3, 20]}\n"),
        (gnn("weights: conditioned, sensing_weight: 20"), "sweep: {objective: [{}]}\n"),
        # the layer warns of noise beyond what it was trained with
        (gnn("weights: conditioned"), "noise_power: 5\n"),
        (gnn("weights: weights/conditioned.weights.h5"), ""),
        ("{type: nullspace_sensing, communication: hetero_gnn}", ""),
    ],
)
def test_weights_that_fit(weights_folder: Path, entry: str, extra: str) -> None:
    load_study(write(entry, extra))


def test_several_mistakes_are_reported_at_once(weights_folder: Path) -> None:
    text = TEXT.replace("ENTRY", "hetero_gnn\n  - {type: hetero_gnn, weights: four, label: b}")
    Path("s.yaml").write_text(text.replace("weight: 2", "weight: 3").replace("samples", "sampels"))
    found = problems(Path("s.yaml"))
    starts = ["s.yaml:6: sampels", "s.yaml:9: beamformers.0.weights", "s.yaml:10: beamformers.1.w"]
    assert [line[: len(start)] for line, start in zip(found, starts, strict=True)] == starts


def test_without_any_weights_there_is_nothing_to_suggest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "PRETRAINED", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert problems(write("hetero_gnn")) == [
        "s.yaml:9: beamformers.0.weights: no weights named 'paper'"
    ]
    assert catalogue(tmp_path)["weights"] == {}


def test_what_a_scenario_trains_need_not_be_there_yet(weights_folder: Path) -> None:
    training = "training: {beamformer: hetero_gnn, steps: 10}\n"
    load_study(write(gnn("weights: trained"), training))
    load_study(write(gnn("weights: runs/trained.weights.h5"), training))
    assert "no weights named 'other'" in problems(write(gnn("weights: other"), training))[0]


def test_results_can_be_drawn_without_the_weights(weights_folder: Path) -> None:
    stored = load_study(write("hetero_gnn")).resolved
    shutil.rmtree(weights_folder)
    assert study_of(stored, "run.json").resolved == stored
