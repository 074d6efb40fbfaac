"""Sensing over rate: the trade-off of a sweep over the sensing weight."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sionna_cfisac.plots import style
from sionna_cfisac.plots.canvas import figure, legend, line_style
from sionna_cfisac.plots.table import conditions_of, metrics_of, rows_of, unit_of

_RATE = "sum_rate"
_SENSING = ("sensing_snr", "sensing_snr_db", "sensing_share")
_WEIGHT = "objective.sensing_weight"


def plot_tradeoff(df: pd.DataFrame) -> Figure:
    """Sensing SNR over sum rate: a curve for each method that changes over the sweep, else a point.

    The curve runs over ``objective.sensing_weight`` if that is a condition column, else over the
    first numeric one; its points are annotated with the value where there is room. Other condition
    columns give a curve for each of their combinations. Bars are the confidence intervals.

    Parameters
    ----------
    df : DataFrame
        Results with condition columns and :data:`TIDY_COLUMNS`; the metrics ``sum_rate`` and one of
        ``sensing_snr``, ``sensing_snr_db`` and ``sensing_share``, the first that is there

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
    sensing = next((m for m in _SENSING if (df["metric"] == m).any()), None)
    if sensing is None:
        raise ValueError(f"df: expected one of the metrics {_SENSING}, got {metrics_of(df)}")
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
                texts = [style.condition_value(swept, v) for v in rows[swept]]
                curves.append((points, texts, looks[method].color))
        ax.set_xlabel(style.metric_label(_RATE, unit_of(rate_rows)))
        ax.set_ylabel(style.metric_label(sensing, unit_of(sensing_rows)))
        ax.margins(0.08)
        legend(fig, ax)
        every = table[["value_x", "value_y"]].to_numpy(float)
        _annotate(fig, ax, curves, every)
    return fig


def _errorbar(ax: Any, rows: pd.DataFrame, look: style.Style, label: str, line: bool) -> None:
    bars = {
        f"{axis}err": np.abs(
            rows[[f"ci_low_{axis}", f"ci_high_{axis}"]].to_numpy(float)
            - rows[[f"value_{axis}"]].to_numpy(float)
        ).T
        for axis in "xy"
    }
    # hollow and larger, so that methods with the same result show through each other
    point = {"linestyle": "none", "markerfacecolor": "none", "markersize": 6.5, "zorder": 3}
    ax.errorbar(
        rows["value_x"].to_numpy(float),
        rows["value_y"].to_numpy(float),
        **bars,
        **line_style(look) | ({} if line else point),
        elinewidth=0.7,
        label=label,
    )


def _annotate(fig: Figure, ax: Any, curves: list, points: np.ndarray) -> None:
    """Write the texts next to their points where they hide neither points nor each other."""
    # only a drawn figure knows where its points are
    fig.canvas.draw()
    pixels = ax.transData.transform(points)
    taken: list = []
    for curve, texts, color in curves:
        for point, text in zip(curve, texts, strict=True):
            for dx, dy, ha, va in (
                (4, 3, "left", "bottom"),
                (-4, -3, "right", "top"),
                (4, -3, "left", "top"),
                (-4, 3, "right", "bottom"),
            ):
                note = ax.annotate(
                    text,
                    point,
                    (dx, dy),
                    textcoords="offset points",
                    ha=ha,
                    va=va,
                    color=color,
                    fontsize=style.FONT_SIZE - 1,
                )
                note.set_in_layout(False)
                box = note.get_window_extent()
                inside = ax.bbox.contains(box.x0, box.y0) and ax.bbox.contains(box.x1, box.y1)
                if inside and not box.count_contains(pixels) and not box.count_overlaps(taken):
                    taken.append(box)
                    break
                note.remove()


def _swept(table: pd.DataFrame, conditions: list[str]) -> str | None:
    """The condition that a curve runs over."""
    numeric = [c for c in conditions if pd.api.types.is_numeric_dtype(table[c])]
    moving = [c for c in numeric if table[c].nunique() > 1]
    return _WEIGHT if _WEIGHT in moving else next(iter(moving), None)
