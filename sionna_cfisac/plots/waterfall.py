"""Error rates over the SNR."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from sionna_cfisac.kinds import Look
from sionna_cfisac.plots import style
from sionna_cfisac.plots.canvas import figure, legend, line_style
from sionna_cfisac.plots.curves import geometric
from sionna_cfisac.snr_gap import error_rates_of
from sionna_cfisac.tidy import unit_of

_NO_ERRORS = "No errors: upper limit"
_TARGETS = {"bler": 0.1}
# a bar at the point and an arrow down from it
_LIMIT = Path(
    [(-0.2, 0.0), (0.2, 0.0), (0.0, 0.0), (0.0, -1.0), (-0.2, -0.7), (0.0, -1.0), (0.2, -0.7)],
    [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.LINETO],
)
_ARROW: dict[str, Any] = {"marker": _LIMIT, "markersize": 18.0, "linestyle": "none"}
# points between the arrows of methods that have one at the same SNR, where there is room
_APART = 5.0


def plot_waterfall(
    df: pd.DataFrame,
    x: str,
    metric: str,
    units: Mapping[str, str] | None = None,
    target: float | None = None,
) -> Figure:
    """Error rates over the SNR on a logarithmic axis, a line for each method.

    Bars are the confidence intervals. Where no error was seen the rate is zero, which has no place
    on the axis: an arrow points down from the upper confidence limit, which the line does not
    reach. Arrows of several methods at the same SNR stand side by side. A point that was not
    simulated has no row, and the line goes on to the next one. The axis ends at the decade below
    the smallest rate or limit that is shown.

    Parameters
    ----------
    df : DataFrame
        Results with condition columns and :data:`~sionna_cfisac.plotting.TIDY_COLUMNS`, at most one
        row for each value of ``x`` and method
    x : str
        Condition column for the horizontal axis, usually the SNR in dB
    metric : str
        Error rate for the vertical axis, ``bler`` or ``ber``
    units : None or dict of str to str
        Units of the condition columns that have one
    target : None or float
        Error rate that a thin line marks; by default 0.1 for ``bler`` and no line for others, for
        which 0 stands

    Returns
    -------
    Figure
        The figure, 3.5 inches wide

    Raises
    ------
    ValueError
        If the table is empty, lacks ``x`` or ``metric``, ``x`` holds no numbers, there are several
        rows for one point, values are no error rates, or ``target`` is not one
    """
    line = _TARGETS.get(metric, 0.0) if target is None else target
    if not 0.0 <= line < 1.0:
        raise ValueError(f"target: expected an error rate of at least 0 and below 1, got {target}")
    rows = error_rates_of(df, x, metric)
    seen = rows["value"] > 0
    shown = np.where(seen, rows["value"], rows["ci_high"])
    # rounded, since the logarithm of a decade may miss it
    bottom = 10.0 ** (math.ceil(round(math.log10(shown.min()), 9)) - 1)
    if line > 0:
        bottom = min(bottom, 10.0 ** math.floor(round(math.log10(line), 9)))
    top = max(shown.max(), line)
    # room for markers, but no empty decade
    top = min(2.0 * top, 1.3 * 10.0 ** math.ceil(round(math.log10(top), 9)))
    looks, every = style.styles(rows["method"]), np.unique(rows[x].to_numpy(float))
    with figure(2.7, len(looks) + (not seen.all())) as fig:
        ax = fig.add_subplot()
        ax.set_yscale("log")
        ax.set_ylim(bottom, top)
        if line > 0:
            ax.axhline(line, color="0.4", lw=0.7, zorder=1.5)
        for method, part in rows.groupby("method", sort=False):
            _curve(ax, part.sort_values(x), x, looks[method], str(method), bottom)
        # the axis of the SNR spans all rows, also where there are arrows only
        ax.update_datalim([(at, top) for at in every])
        ax.margins(x=0.06)
        ax.set_xlabel(style.condition_label(x, (units or {}).get(x, "")))
        ax.set_ylabel(style.metric_label(metric, unit_of(rows)))
        if geometric(every, x):
            ax.set_xscale("log")
        else:
            ax.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]))
        if seen.all():
            legend(fig, ax)
        else:
            legend(fig, ax, [Line2D([], [], color="black", label=_NO_ERRORS, **_ARROW)])
            _limits(fig, ax, rows, x, looks)
    return fig


def _curve(ax: Any, part: pd.DataFrame, x: str, look: Look, method: str, bottom: float) -> None:
    # what is not a number interrupts the line
    low, value, high = (
        part[name].where(part["value"] > 0).to_numpy(float)
        for name in ("ci_low", "value", "ci_high")
    )
    # a limit of zero, too, has no place
    bars = [value - np.maximum(low, 1e-3 * bottom), high - value]
    drawn = ax.errorbar(
        part[x].to_numpy(float),
        value,
        yerr=np.maximum(bars, 0.0),
        **line_style(look),
        elinewidth=0.6,
        label=style.method_label(method),
    )
    # whole markers at the end of the axis, where all of the line is
    drawn.lines[0].set_clip_on(False)


def _limits(fig: Figure, ax: Any, rows: pd.DataFrame, x: str, looks: Mapping[str, Look]) -> None:
    """Arrows down from the upper limits where no error was seen, side by side at an SNR."""
    # only a figure that is laid out knows how much room there is
    fig.draw_without_rendering()
    limits = ax.get_xlim()
    every = np.unique(rows[x].to_numpy(float))
    for at, part in rows.groupby(x):
        none, some = part[part["value"] == 0], part[part["value"] > 0]
        if none.empty:
            continue
        # in the middle, or beside it where bars of other methods are
        covered = (some["ci_low"] < none["ci_high"].max()).any()
        steps = np.arange(len(none)) + (1.0 if covered else -(len(none) - 1) / 2)
        steps *= _apart(fig, ax, every, at, float(np.abs(steps).max()))
        for step, method, high in zip(steps, none["method"], none["ci_high"], strict=True):
            ax.plot(
                at,
                high,
                color=looks[method].color,
                transform=ax.transData + ScaledTranslation(step / 72, 0.0, fig.dpi_scale_trans),
                # a limit may lie just above the end of the axis
                clip_on=False,
                zorder=3.0,
                **_ARROW,
            )
    ax.set_xlim(limits)


def _apart(fig: Figure, ax: Any, every: np.ndarray, at: float, reach: float) -> float:
    """Points between arrows, ``reach`` of which neither meet those of the next SNR nor the edge."""
    places = ax.transData.transform([(x, ax.get_ylim()[0]) for x in every])[:, 0] * 72 / fig.dpi
    right = ax.bbox.x1 * 72 / fig.dpi - places[np.searchsorted(every, at)]
    step = np.diff(places).min(initial=math.inf)
    return float(min(_APART, min(0.45 * step, right - 2.0) / max(reach, 0.5)))
