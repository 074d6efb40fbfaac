"""The examples run and show what they say."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(folder: Path, script: str, *arguments: str) -> str:
    """What a script prints when it runs in a folder."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_one_line_puts_the_network_into_a_script_of_sionna(tmp_path: Path) -> None:
    printed = run(tmp_path, "rzf_to_gnn.py", "--snr-db", "9", "--batches", "2")
    rows = re.findall(r"│ 9 +│ (.*?) +│ (\S+) \[(\S+), (\S+)\] │ (\S+) ", printed)
    bler = {name: float(value) for name, value, *_ in rows}
    assert list(bler) == ["RZF of Sionna", "RZF, limit per AP", "GNN, limit per AP"]
    # at 9 dB every precoder of a working chain is on its waterfall; Sionna's RZF stands for itself
    assert all(0.0 < value < 0.15 for value in bler.values())
    for _, value, low, high, ber in rows:
        assert float(low) <= float(value) <= float(high)
        assert float(ber) < float(value)


def test_variants_differ_in_one_line() -> None:
    text = (EXAMPLES / "rzf_to_gnn.py").read_text(encoding="utf-8")
    assert text.count("return CellFreePrecoder(GNN, grid, streams, **options)") == 1
    assert text.count("make_precoder(") == 2  # where it is defined, and where it is called


@pytest.mark.slow
def test_sim_ber_and_the_package_agree(tmp_path: Path) -> None:
    printed = run(tmp_path, "sim_ber.py", "--snr-db", "-6", "-5", "--blocks", "1000")
    rows = re.findall(r"^ +(-\d\.0) +(\w+) (\S+) +(\S+) +(\S+) +\d+ +(\S+)$", printed, re.MULTILINE)
    assert [(snr, name) for snr, name, *_ in rows] == [
        (snr, name) for snr in ("-6.0", "-5.0") for name in ("rzf", "dual_gnn")
    ]
    for _, _, _, low, high, sim_ber in rows:
        # other draws: both have an interval of about this width
        width = float(high) - float(low)
        assert float(low) - width < float(sim_ber) < float(high) + width
    assert "gap_db" in printed
    for name in ("sim_ber.png", "sim_ber.pdf", "sim_ber_sionna.png"):
        assert (tmp_path / name).stat().st_size > 5000


@pytest.mark.slow
def test_bits_teach_the_network(tmp_path: Path) -> None:
    printed = run(tmp_path, "train_through_link.py", "--steps", "40", "--batch-size", "64")
    reached, total = re.search(r"gradient reaches (\d+) of (\d+)", printed).groups()
    assert reached == total
    before, after = (
        float(re.search(rf"GNN {when} +(\S+)", printed).group(1)) for when in ("before", "after")
    )
    # from next to nothing to most of the bits
    assert before > 0.85
    assert after < 0.4


@pytest.mark.slow
def test_notebook_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "story.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) == 3
    # the last table: closed form, measurement and standard error of every detector
    html = outputs[-1]["data"]["text/plain"]
    rows = re.findall(r"(?:rzf|joint) +\w+ +(\S+) +(\S+) +(\S+) +(\S+)$", html, re.MULTILINE)
    assert len(rows) == 6
    for expected, measured, error, alarms in rows:
        assert abs(float(measured) - float(expected)) < 4 * float(error)
        assert float(alarms) == pytest.approx(0.01, abs=4 * (0.01 / 2000) ** 0.5)
