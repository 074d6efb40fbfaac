"""The output folder: what a run writes, protects, resumes and repairs."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sionna_cfisac import cli

TEXT = """\
schema_version: 1
name: study
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
beamformers: [conjugate, rzf]
measure: [sum_rate, sensing_snr, utility]
reference: rzf
sweep: {objective.sensing_weight: [0, 1, 2], noise_power: [0.1, 1.0]}
samples: 12
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


def test_results_and_record(run: Run) -> None:
    assert run() == 0
    rows = table()
    assert list(rows[0]) == [
        "objective.sensing_weight", "noise_power", "method", "metric",
        "value", "ci_low", "ci_high", "n", "unit",
    ]  # fmt: skip
    assert len(rows) == 6 * 2 * 5
    assert {row["metric"]: row["unit"] for row in rows} == {
        "sum_rate": "bit/s/Hz",
        "sensing_snr": "linear",
        "utility": "bit/s/Hz",
        "utility_share": "1",
        "utility_share_p1": "1",
    }
    # twelve channels are too few for the lower end of a 1st percentile
    low = [0.0 if r["metric"] == "utility_share_p1" else float(r["ci_low"]) for r in rows]
    assert {r["ci_low"] for r in rows if r["metric"] == "utility_share_p1"} == {"nan"}
    assert all(
        end <= float(r["value"]) <= float(r["ci_high"]) for end, r in zip(low, rows, strict=True)
    )
    record = json.loads(Path("results/study/run.json").read_text())
    assert record["status"] == "finished"
    assert record["scenario"]["network"]["total_power"] == 1.0
    assert set(record["wall_time"]) == {"conjugate", "rzf"}
    for times in record["wall_time"].values():
        assert times["total_s"] == pytest.approx(times["compile_s"] + times["compute_s"], abs=2e-4)
    assert {"python", "sionna_cfisac", "sionna", "tensorflow", "keras"} <= set(record["versions"])
    assert len({condition["seed"] for condition in record["conditions"]}) == 1
    stored = Path("results/study") / record["conditions"][0]["file"]
    with np.load(stored) as values:
        mean = float(np.mean(values["value_0_sum_rate"]))
        share = values["value_0_utility"] / values["value_1_utility"]
    assert float(rows[0]["value"]) == pytest.approx(mean, rel=1e-9)
    worst = [row for row in rows[:5] if row["metric"] == "utility_share_p1"]
    assert float(worst[0]["value"]) == pytest.approx(float(np.percentile(share, 1)), rel=1e-9)


def test_utility_follows_from_rate_and_snr_on_the_same_channels(run: Run) -> None:
    run("--set", "samples=1", "--set", "sweep.noise_power=[0.1]")
    by_metric = {(r["objective.sensing_weight"], r["method"], r["metric"]): r for r in table()}
    for weight in (0, 1, 2):
        cell = {
            m: float(by_metric[str(weight), "rzf", m]["value"])
            for m in ("sum_rate", "sensing_snr", "utility")
        }
        expected = cell["sum_rate"] + weight * np.log2(1 + cell["sensing_snr"])
        assert cell["utility"] == pytest.approx(expected, rel=1e-9)


def test_rows_do_not_depend_on_the_order_of_the_sweep_nor_the_batch_size(run: Run) -> None:
    run("--output", "one")
    reordered = "sweep={noise_power: [1.0, 0.1], objective.sensing_weight: [2, 0, 1]}"
    run("--output", "two", "--set", reordered, "--set", "batch_size=5")

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(
            row[k] for k in ("objective.sensing_weight", "noise_power", "method", "metric")
        )

    one, two = ({key(row): row for row in table(name)} for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in ("value", "ci_low", "ci_high"):
        np.testing.assert_allclose(
            [float(two[k][name]) for k in one], [float(one[k][name]) for k in one], rtol=1e-8
        )


def test_results_are_protected(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    before = {p: p.stat().st_mtime_ns for p in Path("results").rglob("*")}
    assert run() == 2
    assert "--resume" in capsys.readouterr().err
    assert run("--set", "seed=9", "--set", "noise_power=2", "--resume") == 2
    assert "differs in seed, noise_power" in capsys.readouterr().err
    assert run("--resume", "--force") == 2
    assert {p: p.stat().st_mtime_ns for p in Path("results").rglob("*")} == before


def test_force_replaces_our_files_and_no_others(run: Run) -> None:
    assert run() == 0
    folder = Path("results/study")
    (folder / "notes.txt").write_text("mine")
    (folder / "conditions" / "mine.npz").write_text("mine")
    assert run("--force", "--set", "seed=5", "--set", "sweep={}") == 0
    assert (folder / "notes.txt").read_text() == "mine"
    stored = {p.name for p in (folder / "conditions").iterdir()}
    assert len(stored) == 2
    assert "mine.npz" in stored
    assert len(table()) == 10


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("notes.txt", (), 2),
        ("notes.txt", ("--resume",), 2),
        ("notes.txt", ("--force",), 0),
        ("results.csv", ("--force",), 2),
        ("run.json", ("--force",), 2),
    ],
)
def test_a_folder_of_somebody_else(
    run: Run, name: str, options: tuple[str, ...], code: int
) -> None:
    Path("out").mkdir()
    (Path("out") / name).write_text("{}")
    assert run("--output", "out", "--set", "sweep={}", *options) == code
    assert (Path("out") / name).read_text() == "{}"
    assert (len(list(Path("out").iterdir())) == 1) == (code == 2)


def test_a_file_in_the_way(run: Run) -> None:
    Path("out").write_text("mine")
    assert run("--output", "out") == 2
    assert run("--output", "out/deeper") == 2
    assert Path("out").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that root cannot write")
def test_a_folder_that_cannot_be_written(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--output", "/proc/results") == 2
    assert "/proc/results: this folder cannot be written to" in capsys.readouterr().err


def test_resume_computes_what_is_missing_or_damaged(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    folder = Path("results/study")
    whole = (folder / "results.csv").read_bytes()
    stored = sorted((folder / "conditions").iterdir())
    stored[1].unlink()
    stored[3].write_bytes(stored[3].read_bytes()[:300])
    kept = stored[0].stat().st_mtime_ns
    capsys.readouterr()
    assert run("--resume", "--set", "batch_size=4") == 0
    assert (folder / "results.csv").read_bytes() == whole
    assert stored[0].stat().st_mtime_ns == kept
    output = capsys.readouterr().out
    assert "damaged" in output
    assert output.count("from the folder") == 4


def test_ctrl_c_keeps_what_is_finished(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sionna_cfisac.scenario.engines.flat import FlatEngine

    simulate, calls = FlatEngine.run, []

    def interrupted(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return simulate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FlatEngine, "run", interrupted)
    assert run() == 1
    assert "cfisac run s.yaml --resume" in capsys.readouterr().err
    assert json.loads(Path("results/study/run.json").read_text())["status"] == "interrupted"
    assert len(table()) == 2 * 10
    assert run("--resume") == 0
    assert len(calls) == 7
    resumed = Path("results/study/results.csv").read_bytes()
    assert run("--output", "whole") == 0
    assert resumed == Path("whole/results.csv").read_bytes()


SLOW = """
import time


def slow(state):
    time.sleep(0.15)
    return state.h / (abs(state.h) ** 2).numpy().sum()
"""


def test_killed_and_resumed_gives_the_same_bytes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "slow_beams-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "slow_beams.py").write_text(SLOW)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-beams\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sionna_cfisac.beamformers]\nslow = slow_beams:slow\n")
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    options = ["--set", "beamformers=[rzf, slow]", "--set", "batch_size=3"]
    command = [sys.executable, "-m", "sionna_cfisac.cli", "run", "s.yaml", *options]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path)
    conditions = tmp_path / "results" / "study" / "conditions"
    deadline = time.monotonic() + 60
    while len(list(conditions.glob("[0-9]*.npz"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 2 <= len(list(conditions.glob("[0-9]*.npz"))) < 6
    # what follows needs no process of its own
    monkeypatch.syspath_prepend(str(site))
    assert run(*options, "--resume") == 0
    assert run(*options, "--output", "whole") == 0
    sys.modules.pop("slow_beams")
    resumed = (tmp_path / "results" / "study" / "results.csv").read_bytes()
    assert resumed == (tmp_path / "whole" / "results.csv").read_bytes()
