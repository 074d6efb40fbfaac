"""A metric over a swept condition."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from sionna_cfisac.plots import style
from sionna_cfisac.plots.canvas import figure, legend, line_style
from sionna_cfisac.tidy import conditions_of, rows_of, unit_of

_ROOM = 0.03


def plot_curves(
    df: pd.DataFrame, x: str, metric: str, units: Mapping[str, str] | None = None
) -> Figure:
    """A metric over a swept condition, its mean with a confidence band for each method.

    Parameters
    ----------
    df : DataFrame
        Results with condition columns and :data:`TIDY_COLUMNS`, one row for each value of ``x``
        and method. The method ``upper_bound`` is drawn as a bound: dashed, black, without markers
    x : str
        Condition column for the horizontal axis
    metric : str
        Metric for the vertical axis
    units : None or dict of str to str
        Units of the condition columns that have one

    Returns
    -------
    Figure
        The figure, 3.5 inches wide

    Raises
    ------
    ValueError
        If the table is empty, lacks ``x`` or ``metric``, ``x`` holds no numbers, or there are
        several rows for one point
    """
    conditions = conditions_of(df)
    if x not in conditions:
        raise ValueError(f"x: expected one of the condition columns {conditions}, got {x!r}")
    if not pd.api.types.is_numeric_dtype(df[x]):
        raise ValueError(f"x: expected a column of numbers, got {x!r} of dtype {df[x].dtype}")
    rows = rows_of(df, metric)
    if rows.duplicated([x, "method"]).any():
        raise ValueError(
            f"df: expected one row for each {x} and method, got several; "
            f"select one value of the other condition columns first"
        )
    looks = style.styles(rows["method"])
    with figure(2.4, len(looks)) as fig:
        ax = fig.add_subplot()
        for method, part in rows.groupby("method", sort=False):
            part = part.sort_values(x)
            look, at = looks[method], part[x].to_numpy(float)
            ax.fill_between(
                at,
                part["ci_low"].to_numpy(float),
                part["ci_high"].to_numpy(float),
                color=look.color,
                alpha=0.2,
                linewidth=0,
            )
            ax.plot(
                at,
                part["value"].to_numpy(float),
                label=style.method_label(method),
                # a bound is thin, since it is close to what it bounds
                **line_style(look) | ({} if look.marker else {"linewidth": 0.8}),
            )
        ax.set_xlabel(style.condition_label(x, (units or {}).get(x, "")))
        ax.set_ylabel(style.metric_label(metric, unit_of(rows)))
        if metric.startswith("pd_"):
            # a probability: no room beyond 0 and 1 but for the markers
            low, high = ax.get_ylim()
            ax.set_ylim(max(low, -_ROOM), min(high, 1.0 + _ROOM))
        at = np.unique(rows[x].to_numpy(float))
        if geometric(at, x):
            ax.set_xscale("log")
        elif len(at) <= 12 and np.array_equal(at, np.round(at)) and np.ptp(at) <= 12:
            ax.xaxis.set_major_locator(MultipleLocator(1 if np.ptp(at) <= 6 else 2))
        legend(fig, ax)
    return fig


def geometric(at: np.ndarray, column: str) -> bool:
    """Whether values span more than a decade in steps that are more even on a logarithmic axis.

    Decibels are logarithms already.
    """
    if column.endswith("_db") or len(at) < 3 or at[0] <= 0 or at[-1] < 10 * at[0]:
        return False
    plain, logarithmic = np.diff(at), np.diff(np.log(at))
    return bool(np.std(logarithmic) / np.mean(logarithmic) < np.std(plain) / np.mean(plain))
