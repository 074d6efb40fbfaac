"""Scenarios with a link: runs, pairing, stopping, skipping, resuming, wrong input."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sionna_cfisac import cli
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.study import load_study

TEXT = """\
schema_version: 1
name: study
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
link:
  num_subcarriers: 6
  num_ofdm_symbols: 8
  pilot_symbols: [2]
  num_iterations: 5
  slots_per_batch: 64
  stop: {block_errors: 100, max_blocks: 384}
  skip_below: 0.1
beamformers: [conjugate, rzf]
measure: [bler, ber, sum_rate]
precision: single
sweep: {link.snr_db: [-8, 16, 24]}
figures: []
"""
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    (tmp_path / "s.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["cfisac", "run", "s.yaml", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert isinstance(stop.value.code, int)
        return stop.value.code

    return call


def table(folder: str = "results/study") -> list[dict[str, str]]:
    with open(Path(folder) / "results.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def test_results_of_a_waterfall(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    rows = {(row["link.snr_db"], row["method"], row["metric"]): row for row in table()}
    low = rows["-8", "rzf", "bler"]
    # 100 errors are seen in the first 64 slots with 2 blocks each
    assert int(low["n"]) == 128
    assert float(low["value"]) == 1.0
    assert float(low["ci_low"]) < 1.0
    assert int(rows["-8", "rzf", "ber"]["n"]) % 128 == 0
    # at 16 dB there are too few errors to stop before the maximum of 384 blocks
    zero = rows["16", "rzf", "bler"]
    assert int(zero["n"]) == 384
    assert float(zero["value"]) == 0.0 < float(zero["ci_high"]) < 0.2
    # a point that was not simulated is absent, not zero
    assert ("24", "rzf", "bler") not in rows
    assert float(rows["-8", "rzf", "sum_rate"]["value"]) > 0
    assert "[" in capsys.readouterr().out


@pytest.mark.parametrize("channel", ["rayleigh", "tdl"])
def test_results_do_not_depend_on_the_slots_per_batch(run: Run, channel: str) -> None:
    # one point ends by its errors in the first slots, the other at the maximum
    options = [f"channel={channel}", "sweep={link.snr_db: [-8, 3]}"]
    bytes_of = []
    for slots in (16, 64, 100, 256):
        changes = [*options, f"link.slots_per_batch={slots}"]
        words = [word for change in changes for word in ("--set", change)]
        assert run("--force", "--output", "out", *words) == 0
        bytes_of.append(Path("out/results.csv").read_bytes())
    assert len(set(bytes_of)) == 1
    numbers = {row["n"] for row in table("out") if row["metric"] == "bler"}
    assert {"128", "384"} <= numbers
    # what only changes speed and memory is no reason to compute again
    assert run("--resume", "--output", "out", *words, "--set", "link.slots_per_batch=256") == 0
    assert Path("out/results.csv").read_bytes() == bytes_of[0]


def test_resume_gives_the_same_bytes(run: Run) -> None:
    assert run() == 0
    whole = Path("results/study/results.csv").read_bytes()
    stored = sorted(Path("results/study/conditions").iterdir())
    stored[1].unlink()
    stored[2].write_bytes(b"damaged")
    assert run("--resume") == 0
    assert Path("results/study/results.csv").read_bytes() == whole


def test_figures_are_drawn_again_from_the_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--set", "figures=[curves]") == 0
    drawn = {file.name for file in Path("results/study").glob("curve-*")}
    assert {f"curve-snr_db-{metric}.pdf" for metric in ("bler", "ber", "sum_rate")} <= drawn
    for file in Path("results/study").glob("curve-*"):
        file.unlink()
    monkeypatch.setattr(sys, "argv", ["cfisac", "plot", "results/study"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 0
    assert {file.name for file in Path("results/study").glob("curve-*")} == drawn


def spec(**changes: Any) -> ScenarioSpec:
    values: dict[str, Any] = {
        "schema_version": 1,
        "name": "link",
        "network": {"num_aps": 2, "num_users": 2, "num_tx_ant": 4},
        "link": {
            "snr_db": 0.0,
            "num_subcarriers": 6,
            "num_ofdm_symbols": 8,
            "pilot_symbols": [2],
            "num_iterations": 5,
            "slots_per_batch": 64,
            "stop": {"block_errors": 1000, "max_blocks": 256},
        },
        "beamformers": ["conjugate", "rzf"],
        "measure": ["bler", "ber", "sum_rate"],
        "precision": "single",
    }
    link = {**values["link"], **changes.pop("link", {})}
    return ScenarioSpec.model_validate({**values, "link": link, **changes})


Values = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def both() -> Values:
    """What both methods give in the scenario as it stands."""
    return engine_of(spec()).run().values


def test_methods_do_not_depend_on_each_other(both: Values) -> None:
    alone = engine_of(spec(beamformers=["rzf"])).run().values
    skipped = engine_of(spec()).run(skip=["conjugate"]).values
    for other in (alone, skipped):
        assert list(other) == ["rzf"]
        for metric in ("bler", "ber", "sum_rate"):
            np.testing.assert_array_equal(both["rzf"][metric], other["rzf"][metric])


def test_slots_are_the_same_at_every_snr_and_their_errors_follow_it(both: Values) -> None:
    low, high = both, engine_of(spec(link={"snr_db": 3.0})).run().values
    # the same channels, bits and noise: less noise makes hardly any block worse
    worse = (high["rzf"]["ber"] > low["rzf"]["ber"]).mean()
    assert worse < 0.1
    assert (high["rzf"]["sum_rate"] > low["rzf"]["sum_rate"]).all()


def test_the_same_method_twice_makes_the_same_errors() -> None:
    values = engine_of(spec(beamformers=["rzf", {"type": "rzf", "label": "again"}])).run().values
    np.testing.assert_array_equal(values["rzf"]["ber"], values["again"]["ber"])


@pytest.mark.parametrize(
    "channel", [{"type": "tdl"}, {"type": "umi", "area": [200, 200]}, {"type": "topology"}]
)
def test_all_channels_of_links_run(channel: dict[str, Any]) -> None:
    link = {"snr_definition": "receive", "snr_db": 0.0, "stop": {"max_blocks": 32}}
    scenario = spec(channel=channel, link=link, csi={"pilot_snr_db": 10.0})
    values = engine_of(scenario).run().values
    assert len(values["rzf"]["bler"]) == 64
    # pilots on links of -100 dB tell little, but never nothing
    assert (values["rzf"]["sum_rate"] > 0).all()


def test_csi_costs_rate_and_blocks() -> None:
    values = [
        engine_of(spec(csi={"error_variance": variance})).run().values["rzf"]
        for variance in (0.0, 0.5)
    ]
    assert values[1]["sum_rate"].mean() < values[0]["sum_rate"].mean()
    assert values[1]["bler"].sum() > values[0]["bler"].sum()


def test_methods_that_fail_are_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["link.num_subcarriers=2", "link.num_ofdm_symbols=40", "link.beams_per=wideband",
               "beamformers=[nullspace_sensing]"]  # fmt: skip
    assert run(*(word for change in changes for word in ("--set", change))) == 1
    error = capsys.readouterr().err
    assert "nullspace_sensing: num_subcarriers: expected at least one for the pilots of" in error
    # not from within a graph that is traced
    assert "File" not in error


GOOD = """\
schema_version: 1
name: good
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
link:
  num_subcarriers: 12
  snr_db: 3
beamformers: [conjugate, rzf]
measure: [bler, ber]
"""


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str], list[str]]:
    def collect(content: str) -> list[str]:
        file = tmp_path / "s.yaml"
        file.write_text(content)
        with pytest.raises(ScenarioError) as caught:
            load_study(file)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return collect


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("snr_db: 3", "modulation: 8psk",
         "s.yaml:6: link.modulation: expected one of qpsk, 16qam, 64qam, 256qam, got '8psk'"),
        ("snr_db: 3", "code_rate: 0.1",
         "s.yaml:6: link.code_rate: expected a number of at least 0.2, got 0.1"),
        ("snr_db: 3", "code_rate: 1.5",
         "s.yaml:6: link.code_rate: expected a number of at most 0.95, got 1.5"),
        ("snr_db: 3", "code_rate: none", "s.yaml:6: link.code_rate: expected"),
        ("snr_db: 3", "pilot_symbols: [2, 14]",
         "s.yaml:6: link.pilot_symbols.1: expected an index below link.num_ofdm_symbols 14, "
         "got 14"),
        ("snr_db: 3", "pilot_symbols: [2, 2]",
         "s.yaml:6: link.pilot_symbols.1: 2 is already in the list"),
        ("snr_db: 3", "pilot_symbols: []\n  estimation: ls",
         "s.yaml:6: link.pilot_symbols: expected some for estimation: ls, got none"),
        ("num_subcarriers: 12", "num_subcarriers: 1",
         "s.yaml:5: link.num_subcarriers: expected at least one for the pilots of each of the "
         "2 streams, got 1"),
        ("num_subcarriers: 12", "num_subcarriers: 20\n  beams_per: resource_block",
         "s.yaml:5: link.num_subcarriers: expected a multiple of 12 for beams_per: "
         "resource_block, got 20"),
        ("num_subcarriers: 12", "num_subcarriers: 2\n  num_ofdm_symbols: 3\n  code_rate: 0.2",
         "s.yaml:7: link.code_rate: expected 12 to 8448 information bits in a block, got 2 in "
         "the 2 data symbols of a slot"),
        ("snr_db: 3", "snr_db: 3\nnoise_power: 0.1",
         "s.yaml:6: link.snr_db: expected either link.snr_db or noise_power to say how strong "
         "the noise is, got both"),
        ("measure: [bler, ber]", "measure: [sum_rate]",
         "s.yaml:8: measure: expected bler or ber, which the section 'link' is for"),
        ("measure: [bler, ber]", "measure: [bler, upper_bound]",
         "s.yaml:8: measure.1: upper_bound cannot be measured together with a link"),
        ("measure: [bler, ber]", "measure: [bler]\nreference: rzf",
         "s.yaml:9: reference: has no effect with a link, whose methods are simulated on "
         "different numbers of slots"),
        ("measure: [bler, ber]", "measure: [bler]\nsamples: 5",
         "s.yaml:9: samples: has no effect with a link: link.stop says how long"),
        ("measure: [bler, ber]", "measure: [bler, pd_energy]",
         "s.yaml:8: measure.1: pd_energy needs the section 'detection'"),
        ("measure: [bler, ber]",
         "measure: [bler]\ncsi: {error_variance: 0.1, pilot_snr_db: 3}",
         "s.yaml:9: csi.pilot_snr_db: expected either error_variance or pilot_snr_db, got both"),
        ("measure: [bler, ber]", "measure: [bler]\ncsi: {allow_for_error: true}",
         "s.yaml:9: csi.allow_for_error: the methods of a link are told the noise power alone"),
        ("measure: [bler, ber]", "measure: [bler]\ncsi: {error_variance: 1}",
         "s.yaml:9: csi.error_variance: expected a number below 1, got 1"),
        ("measure: [bler, ber]", "measure: [bler]\nchannel: {type: umi, ue_height: 0.5}",
         "s.yaml:9: channel.ue_height: expected UE heights of 1.5 to 22.5 m for 'umi', got 0.5 "
         "to 0.5"),
        ("measure: [bler, ber]", "measure: [bler]\nchannel: {type: umi, ap_positions: [[0, 0]]}",
         "s.yaml:9: channel.ap_positions: expected 2 entries (network.num_aps), got 1"),
        ("snr_db: 3", "snr_db: 3\nchannel: umi",
         "s.yaml:4: link.snr_definition: expected receive on channel umi, whose links lose more "
         "than 50 dB, or link.snr_db above that, got transmit at 3 dB"),
        ("measure: [bler, ber]", "measure: [bler]\nchannel: {type: tdl, model: F}",
         "s.yaml:9: channel.model: expected one of"),
        ("measure: [bler, ber]", "measure: [bler]\nchannel: {type: tdl, model: D}",
         "s.yaml:9: channel.model: expected one of A, B, C, A30, B100, C300, got 'D'"),
        ("measure: [bler, ber]", "measure: [bler]\nchannel: tdl\nsensing: {gain: radar}",
         "s.yaml:10: sensing.gain: radar needs positions: expected exponential or unit on "
         "channel tdl"),
        ("snr_db: 3", "stop: {max_blocks: 0}",
         "s.yaml:6: link.stop.max_blocks: expected a number of at least 1, got 0"),
        ("snr_db: 3", "snr: 3", "s.yaml:6: link.snr: unknown key; did you mean 'snr_db'?"),
    ],
)  # fmt: skip
def test_wrong_links_are_refused(
    problems: Callable[[str], list[str]], old: str, new: str, expected: str
) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new))
    assert any(problem.startswith(expected) for problem in found), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("measure: [bler]\n", "s.yaml:4: measure.0: bler needs the section 'link'"),
        ("channel: umi\n",
         "s.yaml:4: channel.type: umi is a channel of links: expected the section 'link', or "
         "channel rayleigh or topology"),
        ("measure: [pd_energy]\n", "s.yaml:4: measure.0: pd_energy needs the section 'detection'"),
        ("measure: [pd_energy]\ndetection: {}\nnetwork: {num_targets: 2}\n",
         "s.yaml:4: measure.0: pd_energy handles one target, got network.num_targets 2"),
        ("measure: [pd_energy, bler]\nchannel: tdl\nlink: {}\ndetection: {}\n",
         "s.yaml:7: detection.num_symbols: expected at least 24, a symbol for each stream of each "
         "group of subcarriers with beams of its own, got 14"),
        ("measure: [pd_energy]\ndetection: {false_alarm: 0}\n",
         "s.yaml:5: detection.false_alarm: expected a number above 0, got 0"),
    ],
)  # fmt: skip
def test_what_needs_another_section_says_so(
    problems: Callable[[str], list[str]], text: str, expected: str
) -> None:
    found = problems(f"schema_version: 1\nname: x\nbeamformers: [rzf]\n{text}")
    assert expected in found


def test_swept_links_are_checked(problems: Callable[[str], list[str]]) -> None:
    found = problems(GOOD + "sweep: {link.pilot_symbols: [[2], [99]]}\n")
    assert found == [
        "s.yaml:9: sweep.link.pilot_symbols.1: 0: expected an index below link.num_ofdm_symbols "
        "14, got 99"
    ]
