"""The command line: quick where nothing is computed, and quiet."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sionna_cfisac import __version__, cli

HEAVY = ("tensorflow", "keras", "sionna", "pandas", "matplotlib", "scipy")
QUICKSTART = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cfisac", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", str(QUICKSTART)], ["schema"], ["list"], ["init"]]
)
def test_nothing_heavy_is_imported_where_nothing_is_computed(arguments: list[str]) -> None:
    program = f"""
import sys
from sionna_cfisac import cli
sys.argv = ["cfisac", *{arguments!r}]
try:
    cli.main()
except SystemExit as stop:
    assert stop.code == 0, stop.code
found = [name for name in {HEAVY!r} if name in sys.modules]
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


def test_check_says_what_would_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", str(QUICKSTART), "--fast", "--set", "samples=3") == 0
    output = capsys.readouterr().out
    assert "6 conditions" in output
    assert "18 channels" in output
    assert "nullspace_sensing" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "gone.yaml"],
        ["check"],
        ["chek"],
        ["init", "nothing"],
        ["plot", "."],
        ["run", "--x"],
    ],
)
def test_wrong_usage_exits_with_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 2
    assert list(tmp_path.iterdir()) == []


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.strip().endswith(__version__)


def test_schema_is_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "schema") == 0
    assert "beamformers" in json.loads(capsys.readouterr().out)["properties"]


def test_a_failure_shows_one_line_and_with_debug_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("sionna_cfisac.scenario.study.load_study", fail)
    assert call(monkeypatch, "check", "x.yaml") == 1
    assert capsys.readouterr().err.splitlines()[0] == "error: RuntimeError: broken"
    monkeypatch.setattr(sys, "argv", ["cfisac", "check", "x.yaml", "--debug"])
    with pytest.raises(RuntimeError, match="broken"):
        cli.main()


def test_a_run_is_quiet_but_for_its_results(tmp_path: Path) -> None:
    scenario = (
        "schema_version: 1\nname: quiet\nbeamformers: [rzf]\nmeasure: [sum_rate]\n"
        "samples: 3\nfigures: []\n"
    )
    (tmp_path / "s.yaml").write_text(scenario)
    command = [sys.executable, "-m", "sionna_cfisac.cli", "run", "s.yaml"]
    # JAX, which other tests import, sets a log level that subprocesses inherit
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "condition 1/1: sum_rate: rzf" in done.stdout
