"""How many decibels lie between the methods of a waterfall."""

from collections.abc import Iterator, Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sionna_cfisac.scenario.results.table import Row
from sionna_cfisac.scenario.runner import SNR
from sionna_cfisac.scenario.study import Study, text
from sionna_cfisac.snr_gap import snr_at
from sionna_cfisac.tidy import TIDY_COLUMNS

TARGET = 0.1
"""Block error rate at which methods are compared."""


def print_gaps(console: Console, study: Study, rows: Sequence[Row]) -> None:
    """Print the SNR at which each method reaches a BLER of 10 %, and how far it is from the best.

    Prints nothing where the SNR of a link is not swept or ``bler`` not measured.
    """
    tables = list(_gaps(study, rows))
    if not tables:
        return
    others = [key for key in study.columns if key != SNR]
    shown = Table(box=None, pad_edge=False, title=f"SNR for a BLER of {100 * TARGET:g} %, in dB")
    for key in others:
        shown.add_column(key.rsplit(".", 1)[-1], justify="right")
    shown.add_column("method", overflow="fold")
    shown.add_column("SNR", justify="right")
    shown.add_column("more than the best", justify="right")
    for condition, table in tables:
        cells = condition
        for row in table.itertuples():
            shown.add_row(
                # what is in brackets is a name, no markup
                *(Text(cell) for cell in (*cells, str(row.method))),
                _decibels(row.snr_db, row.low, row.high),
                "best" if row.gap_db == 0 else _decibels(row.gap_db, row.gap_low, row.gap_high),
            )
            cells = tuple("" for _ in condition)
    console.print(shown)
    level = f"{100 * study.scenario.confidence:g} %"
    console.print(
        f"by interpolation, with {level} intervals; - is outside of the simulated SNRs",
        highlight=False,
    )


def _gaps(study: Study, rows: Sequence[Row]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """What else was swept, and the table of :func:`~sionna_cfisac.snr_gap.snr_at`."""
    if SNR not in study.columns:
        return
    curves: dict[tuple[str, ...], list[tuple]] = {}
    for row in rows:
        # where there is no SNR, the noise power of the channel stands
        if row.metric != "bler" or row.columns[SNR] is None:
            continue
        others = tuple(text(row.columns[key]) for key in study.columns if key != SNR)
        value = row.estimate
        curves.setdefault(others, []).append(
            (row.columns[SNR], row.method, "bler", value.value, value.low, value.high, value.n, "1")
        )
    for others, points in curves.items():
        yield (
            others,
            snr_at(pd.DataFrame(points, columns=[SNR, *TIDY_COLUMNS]), SNR, "bler", TARGET),
        )


def _decibels(value: float, low: float, high: float) -> str:
    if pd.isna(value):
        return "-"
    ends = ", ".join("-" if pd.isna(end) else f"{end:.2f}" for end in (low, high))
    return f"{value:.2f} [{ends}]"
