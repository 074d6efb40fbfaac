"""Which figures a result folder gets, and drawing them again."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sionna_cfisac import cli

TEXT = """\
schema_version: 1
name: drawn
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
beamformers: [conjugate, nullspace_sensing]
measure: [sum_rate, sensing_snr, utility]
samples: 8
"""
Call = Callable[..., int]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["cfisac", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert isinstance(stop.value.code, int)
        return stop.value.code

    return run


def names(suffix: str = "pdf") -> set[str]:
    return {path.stem for path in Path("results/drawn").glob(f"*.{suffix}")}


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", {"tradeoff", "cdf-sum_rate", "cdf-sensing_snr", "cdf-utility", "beampattern"}),
        (
            "sweep: {objective.sensing_weight: [0, 1, 2]}",
            {
                "tradeoff",
                *(f"curve-sensing_weight-{m}" for m in ("sum_rate", "sensing_snr", "utility")),
            },
        ),
        (
            "sweep: {network.num_aps: [1, 2, 3], noise_power: [0.1, 1.0]}\nfigures: [curves]",
            {
                f"curve-num_aps-{metric}-{part}"
                for metric in ("sum_rate", "sensing_snr", "utility")
                for part in ("noise_power-0.1", "noise_power-1.0")
            },
        ),
        ("sweep: {sensing.gain: [unit, exponential]}\nfigures: [beampattern]", {"beampattern"}),
        ("figures: []", set()),
    ],
)
def test_the_scenario_says_which(call: Call, extra: str, expected: set[str]) -> None:
    Path("s.yaml").write_text(TEXT + extra + "\n")
    assert call("run", "s.yaml") == 0
    assert names("pdf") == names("png") == expected
    record = json.loads(Path("results/drawn/run.json").read_text())
    assert {Path(name).stem for name in record["figures"]} == expected


def test_plot_draws_again_and_force_removes(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text(TEXT + "figures: [tradeoff, beampattern]\n")
    call("run", "s.yaml")
    Path("results/drawn/tradeoff.pdf").unlink()
    capsys.readouterr()
    assert call("plot", "results/drawn") == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert names() == {"tradeoff", "beampattern"}
    call("run", "s.yaml", "--force", "--set", "figures=[]")
    assert names() == set()


def test_the_distribution_is_that_of_the_scenario_s_own_values(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sionna_cfisac import plotting

    shown: list[Any] = []
    draw = plotting.plot_cdf
    monkeypatch.setattr(plotting, "plot_cdf", lambda v, label: (shown.append(v), draw(v, label))[1])
    text = TEXT.replace("[sum_rate, sensing_snr, utility]", "[utility]")
    sweep = "sweep: {objective.sensing_weight: [0, 2, 7]}\nobjective: {sensing_weight: 7}\n"
    Path("s.yaml").write_text(text + sweep + "figures: [cdf]\n")
    assert call("run", "s.yaml") == 0
    table = Path("results/drawn/results.csv").read_text().splitlines()
    mean = next(float(line.split(",")[3]) for line in table if line.startswith("7,conjugate"))
    assert shown[0]["conjugate"].mean() == pytest.approx(mean, rel=1e-9)
