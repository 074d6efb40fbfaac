"""What may change before ``--resume``: whatever is only shown. What counts is named."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from sionna_cfisac import cli
from sionna_cfisac.scenario.engines.flat import FlatEngine

SCENARIO = """
schema_version: 1
name: study
description: Before
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
beamformers: [conjugate, {type: rzf, regularization: 0.1}]
measure: [sum_rate, utility]
reference: rzf
samples: 20
confidence: 0.95
figures: []
sweep: {noise_power: [0.1, 1.0]}
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the conditions that are computed; s.yaml has run once."""
    monkeypatch.chdir(tmp_path)
    made: list[int] = []
    compute = FlatEngine.run

    def counted(self: FlatEngine, *arguments: object) -> object:
        made.append(1)
        return compute(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FlatEngine, "run", counted)
    Path("s.yaml").write_text(SCENARIO)
    assert run(monkeypatch) == 0
    assert len(made) == 2
    made.clear()
    return made


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    command = ["cfisac", "run", "s.yaml", "--output", "out", *options]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("description: Before", "description: After"),
        ("confidence: 0.95", "confidence: 0.5"),
        ("figures: []", "figures: [curves]"),
        ("name: study", "name: other"),
        ("samples: 20", "samples: 20\nbatch_size: 7"),
        ("samples: 20", "samples: 20\nfast: {samples: 3}"),
        # a default that is written out changes nothing
        ("[conjugate,", "[{type: conjugate, power_split: channel},"),
        ("samples: 20", "samples: 20\nsensing: {gain: exponential, noise_power: 0.1}"),
        # labels, and the reference that is one
        ("regularization: 0.1}", "regularization: 0.1, label: tuned}"),
    ],
)
def test_what_is_only_shown_may_change(
    old: str, new: str, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pd.read_csv("out/results.csv")
    changed = SCENARIO.replace(old, new)
    if "tuned" in new:
        changed = changed.replace("reference: rzf", "reference: tuned")
    Path("s.yaml").write_text(changed)
    assert run(monkeypatch, "--resume") == 0
    assert calls == []
    after = pd.read_csv("out/results.csv")
    assert (after["value"] == before["value"]).all()
    narrower = (after["ci_high"] < before["ci_high"]) | before["ci_high"].isna()
    shares = before["metric"].str.startswith("utility_share")
    if "0.5" in new:
        assert narrower[~shares].all()
    if "tuned" in new:
        assert list(after["method"].unique()) == ["conjugate", "tuned"]
        stored = json.loads(Path("out/run.json").read_text())
        assert set(stored["wall_time"]) == {"conjugate", "tuned"}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("samples: 20", "samples: 21", "samples"),
        ("num_aps: 2", "num_aps: 3", "network.num_aps"),
        ("regularization: 0.1", "regularization: 0.2", "beamformers.1.regularization"),
        ("reference: rzf", "reference: conjugate", "reference"),
        ("[0.1, 1.0]", "[0.1, 2.0]", "sweep"),
        ("measure: [sum_rate, utility]", "measure: [sum_rate, utility, min_rate]", "measure"),
        ("samples: 20", "samples: 20\nprecision: single", "precision"),
        ("samples: 20", "samples: 20\nsensing: {noise_power: 0.2}", "sensing.noise_power"),
    ],
)
def test_what_counts_is_named(
    old: str,
    new: str,
    key: str,
    calls: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("s.yaml").write_text(SCENARIO.replace(old, new))
    capsys.readouterr()
    assert run(monkeypatch, "--resume") == 2
    assert f"which differs in {key};" in capsys.readouterr().err
    assert calls == []
