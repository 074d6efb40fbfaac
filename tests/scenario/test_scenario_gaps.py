"""What is printed between the curves of a waterfall, and what they need not go on with."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sionna_cfisac.scenario.report.gaps import print_gaps
from sionna_cfisac.scenario.results.table import Row
from sionna_cfisac.scenario.runner import SNR, finished_methods
from sionna_cfisac.scenario.study import Condition, Study, load_study
from sionna_cfisac.statistics import Estimate

TEXT = """\
schema_version: 1
name: study
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
link: {num_subcarriers: 12, skip_below: 0.01}
beamformers: [conjugate, rzf]
measure: [bler, sum_rate]
"""
Load = Callable[[str], Study]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def study(more: str) -> Study:
        (tmp_path / "s.yaml").write_text(TEXT + more)
        return load_study(tmp_path / "s.yaml")

    return study


def row(columns: dict[str, Any], method: str, exponent: float, metric: str = "bler") -> Row:
    """A rate of this decimal logarithm, and a tenth of a decade on either side."""
    ends = (min(10 ** (exponent + step), 1.0) for step in (0.0, -0.1, 0.1))
    return Row(columns, method, metric, Estimate(*ends, 1000))


def curve(study: Study, offsets: dict[str, float]) -> list[Row]:
    """A quarter of a decade per dB for every method, from 10**-0.3 and its offset at 0 dB.

    A code rate of 0.7 takes another 1 dB.
    """
    rows = []
    for condition in study.conditions:
        at = condition.columns
        snr = (at[SNR] or 0.0) - (at.get("link.code_rate") == 0.7)
        for method, offset in offsets.items():
            rows.append(row(at, method, -0.3 - 0.25 * snr + offset))
            rows.append(row(at, method, -0.9, "sum_rate"))
    return rows


def printed(study: Study, rows: Iterable[Row], width: int = 100) -> list[list[str]]:
    """Lines that are printed, cut where there are two spaces."""
    stream = io.StringIO()
    print_gaps(Console(file=stream, width=width), study, list(rows))
    lines = stream.getvalue().splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


SWEEP = "sweep: {link.snr_db: [0, 2, 4, 6]}\n"


def test_gaps_of_a_waterfall(load: Load) -> None:
    study = load(SWEEP)
    lines = printed(study, curve(study, {"conjugate": 0.0, "rzf": -0.2}))
    # -1 is at 2.8 dB and at 2 dB; a tenth of a decade is 0.4 dB, and the root of two of it 0.57
    assert lines == [
        ["SNR for a BLER of 10 %, in dB"],
        ["method", "SNR", "more than the best"],
        ["conjugate", "2.80 [2.40, 3.20]", "0.80 [0.23, 1.37]"],
        ["rzf", "2.00 [1.60, 2.40]", "best"],
        ["by interpolation, with 95 % intervals; - is outside of the simulated SNRs"],
    ]


def test_what_is_outside_of_the_simulated_snrs(load: Load) -> None:
    study = load("confidence: 0.9\n" + SWEEP)
    offsets = {"conjugate": 0.25, "rzf": 0.75, "wmmse": -0.65, "joint": -1.0}
    assert printed(study, curve(study, offsets))[2:] == [
        # a lower limit below 0 dB, an upper one above 6 dB, and no crossing
        ["conjugate", "3.80 [3.40, 4.20]", "3.60 [3.03, -]"],
        ["rzf", "5.80 [5.40, -]", "5.60 [5.03, -]"],
        ["wmmse", "0.20 [-, 0.60]", "best"],
        ["joint", "-", "-"],
        ["by interpolation, with 90 % intervals; - is outside of the simulated SNRs"],
    ]


def test_every_other_condition_has_a_best_of_its_own(load: Load) -> None:
    study = load("sweep: {link.code_rate: [0.3, 0.7], link.snr_db: [0, 2, 4, 6]}\n")
    lines = printed(study, curve(study, {"conjugate": 0.0, "rzf": -0.2}))
    assert lines[1] == ["code_rate", "method", "SNR", "more than the best"]
    # the condition is named once
    assert lines[2:-1] == [
        ["0.3", "conjugate", "2.80 [2.40, 3.20]", "0.80 [0.23, 1.37]"],
        ["rzf", "2.00 [1.60, 2.40]", "best"],
        ["0.7", "conjugate", "3.80 [3.40, 4.20]", "0.80 [0.23, 1.37]"],
        ["rzf", "3.00 [2.60, 3.40]", "best"],
    ]


def test_order_of_the_sweep_does_not_matter(load: Load) -> None:
    offsets = {"conjugate": 0.0, "rzf": -0.2}
    lines = [
        printed(study, curve(study, offsets))
        for study in map(load, (SWEEP, SWEEP.replace("[0, 2, 4, 6]", "[4, 0, 6, 2]")))
    ]
    assert lines[0] == lines[1]


def test_without_a_sweep_of_the_snr_nothing_is_printed(load: Load) -> None:
    study = load("sweep: {link.code_rate: [0.3, 0.7]}\n")
    rows = [row(condition.columns, "rzf", -0.5) for condition in study.conditions]
    assert printed(study, rows) == []


def test_without_block_error_rates_nothing_is_printed(load: Load) -> None:
    study = load(SWEEP)
    rows = curve(study, {"rzf": 0.0})
    assert printed(study, [r for r in rows if r.metric != "bler"]) == []
    assert printed(study, rows) != []


def test_the_noise_of_the_channel_is_no_snr(load: Load) -> None:
    study = load("sweep: {link.snr_db: [null, 0, 2, 4]}\n")
    rows = curve(study, {"rzf": -0.2})
    assert rows[0].columns == {SNR: None}
    assert printed(study, rows)[2] == ["rzf", "2.00 [1.60, 2.40]", "best"]
    assert printed(study, rows[:2]) == []


def test_names_are_printed_as_they_are(load: Load) -> None:
    study, name = load(SWEEP), "[bold]mine[/x]_of_a_name_that_is_long"
    rows = curve(study, {name: 0.0})
    assert printed(study, rows)[2][0] == name
    # and whole where there is little room
    assert name in "".join(line[0] for line in printed(study, rows, 60))


def at(study: Study, **columns: Any) -> Condition:
    """Condition with these columns, the dots of whose keys are left out."""
    for condition in study.conditions:
        if {k.rsplit(".", 1)[-1]: v for k, v in condition.columns.items()} == columns:
            return condition
    raise AssertionError(columns)


def low(columns: dict[str, Any], method: str, high: float, metric: str = "bler") -> Row:
    return Row(columns, method, metric, Estimate(high / 2, high / 4, high, 1000))


def test_methods_below_the_limit_at_a_lower_snr_are_finished(load: Load) -> None:
    study = load(SWEEP)
    table = [
        low({SNR: 0}, "conjugate", 0.2),
        low({SNR: 0}, "rzf", 0.0101),
        low({SNR: 2}, "conjugate", 0.0099),
        # neither the limit itself nor another metric is below it
        low({SNR: 2}, "rzf", 0.01),
        low({SNR: 2}, "rzf", 0.001, "ber"),
        low({SNR: 4}, "rzf", 0.001),
    ]
    want = {0: set(), 2: set(), 4: {"conjugate"}, 6: {"conjugate", "rzf"}}
    for snr, methods in want.items():
        assert finished_methods(at(study, snr_db=snr), table) == methods
        assert finished_methods(at(study, snr_db=snr), table[::-1]) == methods
    assert finished_methods(at(study, snr_db=6), []) == set()


def test_only_the_same_conditions_count(load: Load) -> None:
    study = load("sweep: {link.code_rate: [0.3, 0.7], link.snr_db: [0, 2]}\n")
    table = [low({"link.code_rate": 0.3, SNR: 0}, "rzf", 0.001)]
    assert finished_methods(at(study, code_rate=0.3, snr_db=2), table) == {"rzf"}
    assert finished_methods(at(study, code_rate=0.7, snr_db=2), table) == set()
    assert finished_methods(at(study, code_rate=0.3, snr_db=0), table) == set()


@pytest.mark.parametrize(
    ("old", "new", "sweep"),
    [
        (", skip_below: 0.01", "", SWEEP),
        ("link: {num_subcarriers: 12, skip_below: 0.01}\n", "", "sweep: {noise_power: [1.0, 0.1]}"),
        ("", "", "sweep: {link.code_rate: [0.3, 0.7]}"),
    ],
)
def test_all_is_simulated_otherwise(tmp_path: Path, old: str, new: str, sweep: str) -> None:
    text = TEXT.replace(old, new) + sweep
    if "link" not in text:
        text = text.replace("bler, ", "")
    (tmp_path / "s.yaml").write_text(text)
    study = load_study(tmp_path / "s.yaml")
    table = [low(condition.columns, "rzf", 0.001) for condition in study.conditions]
    assert all(finished_methods(condition, table) == set() for condition in study.conditions)


def test_the_noise_of_the_channel_is_neither_lower_nor_higher(load: Load) -> None:
    study = load("sweep: {link.snr_db: [null, 0, 2]}\n")
    table = [low({SNR: snr}, "rzf" if snr is None else "conjugate", 0.001) for snr in (None, 0)]
    assert finished_methods(at(study, snr_db=None), table) == set()
    assert finished_methods(at(study, snr_db=0), table) == set()
    assert finished_methods(at(study, snr_db=2), table) == {"conjugate"}
