"""Sensing over rate: the trade-off of a sweep over the sensing weight."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from sionna_cfisac.kinds import Look
from sionna_cfisac.plots import style
from sionna_cfisac.plots.canvas import figure, legend, line_style
from sionna_cfisac.tidy import conditions_of, metrics_of, rows_of, unit_of

SENSING_METRICS = ("sensing_snr", "sensing_snr_db", "sensing_share")
"""Metrics for the vertical axis, in the order of preference."""

_RATE = "sum_rate"
_WEIGHT = "objective.sensing_weight"
# offset in points and alignment of a text beside its point
_PLACES = (
    (4, 3, "left", "bottom"),
    (-4, -3, "right", "top"),
    (4, -3, "left", "top"),
    (-4, 3, "right", "bottom"),
    (6, 0, "left", "center"),
    (-6, 0, "right", "center"),
    (0, 6, "center", "bottom"),
    (0, -6, "center", "top"),
)


def plot_tradeoff(df: pd.DataFrame, units: Mapping[str, str] | None = None) -> Figure:
    """Sensing SNR over sum rate: a curve for each method that changes over the sweep, else a point.

    The curve runs over ``objective.sensing_weight`` if that is a condition column, else over the
    first numeric one; the points of the longest curve are annotated with the value where there is
    room. Other condition columns give a curve for each of their combinations. Bars are the
    confidence intervals.

    Parameters
    ----------
    df : DataFrame
        Results with condition columns and :data:`TIDY_COLUMNS`; the metrics ``sum_rate`` and one of
        ``sensing_snr``, ``sensing_snr_db`` and ``sensing_share``, the first that is there
    units : None or dict of str to str
        Units of the condition columns that have one

    Returns
    -------
    Figure
        The figure, 3.5 inches wide

    Raises
    ------
    ValueError
        If the table is empty, lacks a column, or lacks a metric
    """
    conditions = conditions_of(df)
    sensing = next((m for m in SENSING_METRICS if (df["metric"] == m).any()), None)
    if sensing is None:
        raise ValueError(f"df: expected one of the metrics {SENSING_METRICS}, got {metrics_of(df)}")
    rate_rows, sensing_rows = rows_of(df, _RATE), rows_of(df, sensing)
    keys = [*conditions, "method"]
    table = rate_rows.merge(sensing_rows, on=keys, suffixes=("_x", "_y"), sort=False)
    if table.empty:
        raise ValueError(f"df: expected {_RATE} and {sensing} of the same method and condition")
    swept = _swept(table, conditions)
    others = [c for c in conditions if c != swept and table[c].nunique(dropna=False) > 1]
    looks = style.styles(table["method"])
    curves = []
    with figure(2.6, len(looks)) as fig:
        ax = fig.add_subplot()
        for (method, *values), rows in table.groupby(["method", *others], sort=False, dropna=False):
            if swept is not None:
                rows = rows.sort_values(swept)
            label = ", ".join(
                [
                    style.method_label(method),
                    *(style.condition_value(c, v) for c, v in zip(others, values, strict=True)),
                ]
            )
            points = rows[["value_x", "value_y"]].to_numpy(float)
            spread = np.ptp(points, axis=0)
            still = bool((spread <= 1e-6 * np.abs(points).max(axis=0)).all())
            _errorbar(ax, rows.iloc[:1] if still else rows, looks[method], label, line=not still)
            if swept is not None and not still:
                unit = (units or {}).get(swept, "")
                texts = [f"{style.condition_value(swept, v)} {unit}".strip() for v in rows[swept]]
                curves.append((points, texts, looks[method].color))
        ax.set_xlabel(style.metric_label(_RATE, unit_of(rate_rows)))
        ax.set_ylabel(style.metric_label(sensing, unit_of(sensing_rows)))
        ax.margins(0.08)
        legend(fig, ax)
        every = table[["value_x", "value_y"]].to_numpy(float)
        _annotate(fig, ax, curves, every)
    return fig


def _errorbar(ax: Any, rows: pd.DataFrame, look: Look, label: str, line: bool) -> None:
    bars = {
        f"{axis}err": np.abs(
            rows[[f"ci_low_{axis}", f"ci_high_{axis}"]].to_numpy(float)
            - rows[[f"value_{axis}"]].to_numpy(float)
        ).T
        for axis in "xy"
    }
    # larger, so that the markers of curves fit into them
    point = {"linestyle": "none", "markersize": 6.5, "zorder": 3}
    ax.errorbar(
        rows["value_x"].to_numpy(float),
        rows["value_y"].to_numpy(float),
        **bars,
        **line_style(look) | ({} if line else point),
        elinewidth=0.7,
        label=label,
    )


def _annotate(fig: Figure, ax: Any, curves: list, points: np.ndarray) -> None:
    """Name the points of the longest curve, the others run over the same values.

    A text that would hide a point or another text is left out; of the places that are free, it
    takes the one that hides least of the curves.
    """
    if not curves:
        return
    # only a drawn figure knows where its points are
    fig.canvas.draw()
    pixels = ax.transData.transform(points)
    drawn = [ax.transData.transform(curve) for curve, _, _ in curves]
    along = np.concatenate([_dense(curve) for curve in drawn])
    longest = int(np.argmax([np.hypot(*np.ptp(curve, axis=0)) for curve in drawn]))
    taken: list = []
    for point, text in zip(*curves[longest][:2], strict=True):
        free: list = []
        for dx, dy, ha, va in _PLACES:
            note = ax.annotate(
                text,
                point,
                (dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                color=curves[longest][2],
                fontsize=style.FONT_SIZE - 1,
                path_effects=[withStroke(linewidth=1.5, foreground="white")],
                zorder=4,
            )
            note.set_in_layout(False)
            box = note.get_window_extent()
            inside = ax.bbox.contains(box.x0, box.y0) and ax.bbox.contains(box.x1, box.y1)
            if inside and not box.count_contains(pixels) and not box.count_overlaps(taken):
                free.append((box.count_contains(along), len(free), note, box))
            else:
                note.remove()
        for place, (_, _, note, box) in enumerate(sorted(free, key=lambda f: f[:2])):
            if place == 0:
                taken.append(box)
            else:
                note.remove()


def _dense(curve: np.ndarray) -> np.ndarray:
    """Points [n, 2] all along a polygon [k, 2]."""
    steps = np.linspace(0.0, len(curve) - 1, 50 * len(curve))
    return np.stack([np.interp(steps, np.arange(len(curve)), c) for c in curve.T], axis=1)


def _swept(table: pd.DataFrame, conditions: list[str]) -> str | None:
    """The condition that a curve runs over."""
    numeric = [c for c in conditions if pd.api.types.is_numeric_dtype(table[c])]
    moving = [c for c in numeric if table[c].nunique() > 1]
    return _WEIGHT if _WEIGHT in moving else next(iter(moving), None)
