"""What is odd about a scenario that runs nevertheless: check and run say the same."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sionna_cfisac.scenario.study import load_study

ROOT = Path(__file__).parents[2]
TEXT = """\
schema_version: 1
name: odd
network: {num_aps: 5, num_users: 2, num_tx_ant: 8}
measure: [sum_rate]
samples: 4
figures: []
beamformers:
  - rzf
  - {type: hetero_gnn, weights: conditioned}
"""
IN_ITS_PLACE = (
    "beams can be far from the optimum: use dual_gnn, joint or wmmse, or train a network for it "
    "with 'cfisac train'"
)


def warned(folder: Path, extra: str = "", old: str = "", new: str = "") -> list[str]:
    assert old in TEXT
    (folder / "s.yaml").write_text((TEXT.replace(old, new, 1) if old else TEXT) + extra)
    found = [str(problem) for problem in load_study(folder / "s.yaml").warnings]
    return [line.replace(f"{folder}/", "") for line in found]


def numbers(message: str) -> str:
    """What lies between the name of the weights and the advice."""
    return re.fullmatch(r"s.yaml:\d+: [\w.]+: '[\w-]+' is made for (.*?);.*", message).group(1)


def test_within_its_training_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert warned(tmp_path, "sweep: {noise_power: [0.01, 1]}\n") == []
    assert warned(tmp_path, "objective: {sensing_weight: 10}\n", "conditioned", "paper") == []


def test_a_sweep_is_warned_of_once(tmp_path: Path) -> None:
    (found,) = warned(tmp_path, "sweep: {noise_power: [1.0e-3, 0.1, 0.5, 2, 10]}\n")
    assert found == (
        "s.yaml:9: beamformers.1.weights: 'conditioned' is made for noise powers of 0.01 to 1, got "
        f"0.001 to 10; its beams are those for the nearest noise power within; {IN_ITS_PLACE}"
    )
    sweep = "sweep: {network.num_users: [1, 2, 3, 4], network.num_aps: [5, 9]}\n"
    found = warned(tmp_path, sweep)
    assert [numbers(line) for line in found] == [
        "network.num_users 2, got 1 to 4",
        "network.num_aps 5, got 9",
    ]


def test_methods_with_the_same_weights_are_one_network(tmp_path: Path) -> None:
    extra = """\
  - {type: dual_gnn, polish: 0, label: raw}
  - dual_gnn
sweep: {objective.sensing_weight: [0, 50, 100]}
"""
    found = warned(tmp_path, extra, "  - {type: hetero_gnn, weights: conditioned}\n", "")
    assert len(found) == 1
    assert found[0].startswith(
        "s.yaml:9: beamformers.1.weights: 'dual' is made for a sensing weigh"
    )
    assert numbers(found[0]) == "a sensing weight of 0 to 20, got 50 to 100"
    assert "use joint or wmmse, or train" in found[0]


@pytest.mark.parametrize(
    ("extra", "weights", "expected"),
    [
        ("objective: {sensing_weight: 1}\n", "paper-beta2", "a sensing weight of 2, got 1"),
        ("noise_power: [0.1, 3]\n", "conditioned", "noise powers of 0.01 to 1, got 3"),
        # one value stands for what is near it
        ("noise_power: 0.15\n", "paper", None),
        ("noise_power: 0.01\n", "paper", "noise powers of 0.1, got 0.01"),
        ("noise_power: 0.0001\n", "dual", "to 29.74 dB, got 40 dB"),
        (
            "link: {snr_db: -5}\n",
            "conditioned",
            "noise powers of 0.01 to 1, got 3.162 (link.snr_db -5)",
        ),
        ("link: {snr_db: -5, snr_definition: ap}\n", "conditioned", None),
        ("link: {snr_db: -5, snr_definition: receive}\n", "conditioned", "got 3.162"),
    ],
)
def test_what_is_known_before_a_draw(
    tmp_path: Path, extra: str, weights: str, expected: str | None
) -> None:
    kind = "dual_gnn" if weights == "dual" else "hetero_gnn"
    new = f"{{type: {kind}, weights: {weights}}}"
    text = TEXT.replace("{type: hetero_gnn, weights: conditioned}", new)
    if "link" in extra:
        text = text.replace("[sum_rate]", "[bler]").replace("samples: 4\n", "")
    (tmp_path / "s.yaml").write_text(text + extra)
    found = [str(problem) for problem in load_study(tmp_path / "s.yaml").warnings]
    assert len(found) == (expected is not None)
    assert expected is None or expected in found[0]


def test_maps_lose_too_much_for_a_network_of_rayleigh_channels(tmp_path: Path) -> None:
    found = warned(tmp_path, "channel: topology\n")
    assert len(found) == 2
    gain = r"a mean \|h\|\^2 of 0\.\d+ to 1\.\d+, got 1e-05 or less on channel topology"
    assert re.fullmatch(gain, numbers(found[0]))
    assert numbers(found[1]) == "noise powers of 0.01 to 1, got 6.3e-13"
    assert (
        warned(
            tmp_path, "channel: topology\n", "{type: hetero_gnn, weights: conditioned}", "dual_gnn"
        )
        == []
    )


def test_check_and_run_say_the_same_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TEXT + "sweep: {network.num_aps: [5, 6]}\n")
    said = []
    for command in ("check", "run"):
        done = subprocess.run(
            [sys.executable, "-m", "sionna_cfisac.cli", command, "s.yaml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stderr)
    assert said[0] == said[1]
    assert said[0].startswith(
        "warning: s.yaml:9: beamformers.1.weights: 'conditioned' is made for "
    )
    assert said[0].count("\n") == 1


def test_a_card_without_it_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sionna_cfisac.beamforming import weights

    folder = tmp_path / "weights"
    folder.mkdir()
    for file in weights.PRETRAINED.glob("paper-beta2.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    about = json.loads((folder / "paper-beta2.json").read_text())
    del about["trained_on"]
    (folder / "paper-beta2.json").write_text(json.dumps(about))
    monkeypatch.setattr(weights, "PRETRAINED", folder)
    extra = "sweep: {network.num_aps: [2, 6], noise_power: [1, 2]}\n"
    assert warned(tmp_path, extra, "conditioned", "paper-beta2") == []


@pytest.mark.parametrize(
    ("extra", "measure", "expected"),
    [
        (
            "detection: {num_symbols: 14}\n",
            "[sum_rate, utility]",
            "s.yaml:10: detection: nothing uses this section: it is for measures that start with "
            "pd_, got measure [sum_rate, utility]",
        ),
        ("detection: {num_symbols: 14}\n", "[pd_energy]", None),
        ("detection: {num_symbols: 14}\n", "['./own.py:detected']", None),
        ("detection: {num_symbols: 14}\n", "['./own.py:blind']", "pd_, got measure [./own.py:blin"),
        (
            "upper_bound: {method: branch_and_bound}\n",
            "[utility]",
            "s.yaml:10: upper_bound: nothing uses this section: it is for the measure upper_bound, "
            "got measure [utility]",
        ),
        ("upper_bound: {method: branch_and_bound}\n", "[utility, upper_bound]", None),
        # what is for sensing always has an effect on the beams
        ("sensing: {noise_power: 1}\nobjective: {sensing_weight: 0}\n", "[sum_rate]", None),
        (
            "detection: {}\nsweep: {detection.num_symbols: [14, 20]}\n",
            "[sum_rate]",
            "s.yaml:10: detection: nothing uses this section",
        ),
    ],
)
def test_a_section_that_nothing_uses(
    tmp_path: Path, extra: str, measure: str, expected: str | None
) -> None:
    (tmp_path / "own.py").write_text(
        "from sionna_cfisac.measures import Measure\n"
        "detected = Measure('detected', '1', 'a', lambda state, f, detection: 0 * f[:, 0, 0, 0])\n"
        "blind = Measure('blind', '1', 'b', lambda state, f: 0 * f[:, 0, 0, 0])\n"
    )
    (tmp_path / "s.yaml").write_text(TEXT.replace("[sum_rate]", measure) + extra)
    found = [str(p).replace(f"{tmp_path}/", "") for p in load_study(tmp_path / "s.yaml").warnings]
    assert len(found) == (expected is not None)
    assert expected is None or expected in found[0]


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda f: f.stem)
def test_shipped_scenarios_warn_of_what_they_are_about_alone(file: Path) -> None:
    """One line for each network that is taken beyond its training on purpose."""
    expected = {
        "ber_gnn_vs_wmmse": ["noise powers"],
        "imperfect_csi": ["noise powers"],
        "fig4": ["network.num_aps"] * 2,
        "ue_scaling": ["network.num_users"] * 2,
        "generalisation_antennas": ["network.num_tx_ant"],
        "generalisation_aps": ["network.num_aps"] * 2,
        "generalisation_snr": ["noise powers", "an SNR"],
        "generalisation_users": ["network.num_users"] * 2,
        "generalisation_weight": ["a sensing weight"],
    }
    found = [problem.message for problem in load_study(file).warnings]
    wanted = expected.get(file.stem, [])
    assert len(found) == len(wanted)
    for message, words in zip(found, wanted, strict=True):
        assert f"is made for {words}" in message
