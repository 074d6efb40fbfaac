"""A beamformer of another package in a scenario file, through an entry point."""

import sys
from pathlib import Path

import pytest

from sionna_cfisac import cli
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.study import load_study

MODULE = '''
import numpy as np
import tensorflow as tf


class Scaled:
    """Conjugate beams with a share of the power."""

    def __init__(self, share=1.0, *, sensing_weight=0.0):
        self.share = share
        self.sensing_weight = sensing_weight

    def __call__(self, state):
        norm = tf.norm(state.h, axis=(-2, -1), keepdims=True)
        limit = tf.cast(tf.sqrt(self.share * state.ap_power), state.h.dtype)
        return state.h / norm * limit[:, :, None, None]


def plain(state, share=1.0):
    return Scaled(share)(state)


def wrong_shape(state):
    return state.h[:, :, :1]


def not_finite(state):
    return state.h * np.nan


def breaks(state):
    raise ArithmeticError("no beams today")


number = 3
'''
ENTRIES = """[sionna_cfisac.beamformers]
scaled = my_beams:Scaled
plain = my_beams:plain
wrong_shape = my_beams:wrong_shape
not_finite = my_beams:not_finite
breaks = my_beams:breaks
number = my_beams:number
gone = no_such_module:Thing
"""


@pytest.fixture(autouse=True)
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    info = site / "my_beams-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "my_beams.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-beams\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "my_beams", raising=False)
    monkeypatch.chdir(tmp_path)


def write(*beamformers: str) -> Path:
    file = Path("s.yaml")
    entries = "".join(f"  - {entry}\n" for entry in beamformers)
    file.write_text(
        "schema_version: 1\nname: s\nnetwork: {num_aps: 2, num_tx_ant: 4}\nsamples: 6\n"
        f"measure: [sum_rate, ap_power_max]\nbeamformers:\n{entries}figures: []\n"
    )
    return file


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cfisac", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_it_runs_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    write("conjugate", "scaled", "{type: scaled, share: 0.25, label: quarter}", "{type: plain}")
    assert run(monkeypatch, "run", "s.yaml") == 0
    cells = [line.split(",") for line in Path("results/s/results.csv").read_text().splitlines()]
    values = {(row[0], row[1]): float(row[2]) for row in cells[1:]}
    assert values["scaled", "sum_rate"] == pytest.approx(values["conjugate", "sum_rate"], rel=1e-9)
    assert values["plain", "sum_rate"] == values["scaled", "sum_rate"]
    assert values["quarter", "ap_power_max"] == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "{type: scaled, shar: 1}",
            "s.yaml:7: beamformers.0.shar: unknown key; did you mean 'share'?",
        ),
        (
            "{type: gone}",
            "s.yaml:7: beamformers.0.type: plug-in 'gone' (no_such_module:Thing) cannot",
        ),
        ("{type: number}", "plug-in 'number' (my_beams:number): expected a class or function"),
        (
            "scalded",
            "s.yaml:7: beamformers.0: unknown beamformer 'scalded'; did you mean 'scaled'?",
        ),
    ],
)
def test_its_options_are_checked_before_anything_is_drawn(entry: str, expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_study(write(entry))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "{type: scaled, share: 1.1}",
            "scaled: ValueError: f: expected at most the power 0.5 at AP 0",
        ),
        ("wrong_shape", "wrong_shape: ValueError: f: expected shape [B, 2, S, 4]"),
        ("not_finite", "not_finite: ValueError: f: expected finite beams"),
        ("breaks", "breaks: ArithmeticError: no beams today"),
    ],
)
def test_beams_that_are_no_solution_fail_the_run(
    entry: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("conjugate", entry)
    assert run(monkeypatch, "run", "s.yaml") == 1
    errors = capsys.readouterr().err
    assert expected in errors
    assert "Traceback" not in errors
    assert '"status": "failed"' in Path("results/s/run.json").read_text()


def test_list_names_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "list") == 0
    assert "(plug-in of my-beams)" in capsys.readouterr().out
