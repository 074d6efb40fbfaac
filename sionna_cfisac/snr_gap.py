"""SNR that a method needs for a given error rate, and how far others are from it."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from sionna_cfisac.tidy import conditions_of, rows_of

GAP_COLUMNS = ("method", "snr_db", "low", "high", "gap_db", "gap_low", "gap_high")
"""Columns of the table that :func:`snr_at` returns."""


class _Crossing(NamedTuple):
    snr: float
    low: float
    high: float


_NONE = _Crossing(math.nan, math.nan, math.nan)


def snr_at(
    df: pd.DataFrame,
    x: str,
    metric: str = "bler",
    target: float = 0.1,
    reference: str | None = None,
) -> pd.DataFrame:
    r"""SNR at which each method reaches an error rate, and the gap to a reference.

    The logarithm of the error rate is interpolated linearly between the two neighbouring points of
    the simulation that the rate crosses the target between; where it does so several times, at the
    highest SNR, and nowhere if the curve ends above the target. A point without errors has no
    logarithm: its upper limit takes the place of the rate if it is not above the target, which
    makes the SNR too high rather than too low, and otherwise the point does not count.

    The interval reaches from where the curve of the lower limits crosses the target to where that
    of the upper limits does. That of a gap :math:`a - b` with the intervals
    :math:`[a_l, a_h]` and :math:`[b_l, b_h]` takes the two as independent,

    .. math:: a - b - \sqrt{(a - a_l)^2 + (b_h - b)^2}, \quad
              a - b + \sqrt{(a_h - a)^2 + (b - b_l)^2}.

    It is conservative where the methods were simulated on the same channels, bits and noise, as
    :class:`~sionna_cfisac.link.monte_carlo.ErrorSimulation` does: errors then come together, so
    that the gap is known better than either SNR.

    Parameters
    ----------
    df : DataFrame
        Results with condition columns and :data:`~sionna_cfisac.plotting.TIDY_COLUMNS`, at most one
        row for each value of ``x`` and method
    x : str
        Condition column with the SNR in dB
    metric : str
        Error rate, ``bler`` or ``ber``
    target : float
        Error rate to reach, above 0 and below 1
    reference : None or str
        Method that the gaps refer to; by default the one that needs the lowest SNR

    Returns
    -------
    DataFrame
        A row for each method in the order of the table: columns ``method``; ``snr_db`` with its
        interval ``low`` and ``high``; and ``gap_db``, ``gap_low`` and ``gap_high``, how much more
        SNR the method needs than the reference. All of a method that never crosses the target
        within the simulated range is NaN, and so is a limit whose curve does not

    Raises
    ------
    ValueError
        If the table is empty, lacks ``x``, ``metric`` or ``reference``, ``x`` holds no numbers,
        there are several rows for one point, values are no error rates, or ``target`` is not
        between 0 and 1
    """
    if not 0.0 < target < 1.0:
        raise ValueError(f"target: expected an error rate above 0 and below 1, got {target}")
    rows = error_rates_of(df, x, metric)
    found = {
        str(method): _crossing(part.sort_values(x), x, target)
        for method, part in rows.groupby("method", sort=False)
    }
    if reference is not None and reference not in found:
        raise ValueError(f"reference: expected one of the methods {[*found]}, got {reference!r}")
    reached = [name for name, crossing in found.items() if not math.isnan(crossing.snr)]
    if reference is None and reached:
        reference = min(reached, key=lambda name: found[name].snr)
    table = []
    for name, crossing in found.items():
        if reference is None:
            gap = _NONE
        elif name == reference:
            gap = _NONE if math.isnan(crossing.snr) else _Crossing(0.0, 0.0, 0.0)
        else:
            gap = _difference(crossing, found[reference])
        table.append((name, *crossing, *gap))
    return pd.DataFrame(table, columns=list(GAP_COLUMNS))


def error_rates_of(df: pd.DataFrame, x: str, metric: str) -> pd.DataFrame:
    """Rows of an error rate over a column of numbers, one for each point.

    Parameters
    ----------
    df : DataFrame
        Results with condition columns and :data:`~sionna_cfisac.plotting.TIDY_COLUMNS`
    x : str
        Condition column
    metric : str
        Error rate

    Returns
    -------
    DataFrame
        Rows of the metric, all columns

    Raises
    ------
    ValueError
        If the table is empty, lacks ``x`` or ``metric``, ``x`` holds no numbers, there are several
        rows for one point, or a value is no error rate with its interval
    """
    conditions = conditions_of(df)
    if x not in conditions:
        raise ValueError(f"x: expected one of the condition columns {conditions}, got {x!r}")
    rows = rows_of(df, metric)
    if not pd.api.types.is_numeric_dtype(df[x]) or not np.isfinite(rows[x].to_numpy(float)).all():
        raise ValueError(f"x: expected a column of finite numbers, got {x!r} of {df[x].dtype}")
    if rows.duplicated([x, "method"]).any():
        raise ValueError(
            f"df: expected one row for each {x} and method, got several; "
            f"select one value of the other condition columns first"
        )
    low, value, high = rows[["ci_low", "value", "ci_high"]].to_numpy(float).T
    # a limit may miss the value by rounding; without errors the upper limit is all there is
    slack = 1e-9
    fits = (low >= -slack) & (low <= value + slack) & (value <= high + slack) & (high <= 1 + slack)
    fits &= (value >= 0) & (high > 0)
    if not fits.all():
        method, at = rows.loc[~fits, ["method", x]].iloc[0]
        wrong = tuple(float(limit[~fits][0]) for limit in (low, value, high))
        raise ValueError(
            f"df: expected error rates with 0 <= ci_low <= value <= ci_high <= 1 and a positive "
            f"ci_high, got {wrong} of {method!r} at {x} = {at:g}"
        )
    return rows


def _crossing(rows: pd.DataFrame, x: str, target: float) -> _Crossing:
    """Where one method's curve, its points in order, goes below the target."""
    at, value, low, high = rows[[x, "value", "ci_low", "ci_high"]].to_numpy(float).T
    rate = np.where(value > 0, value, high)
    counted = np.flatnonzero((value > 0) | (high <= target))
    before, after = rate[counted[:-1]], rate[counted[1:]]
    steps = np.flatnonzero((before >= target) & (after <= target) & (before > after))
    # a curve that ends above the target has not reached it for good
    if not steps.size or rate[counted[-1]] > target:
        return _NONE
    above, below = counted[steps[-1]], counted[steps[-1] + 1]

    def between(left: int, right: int, curve: np.ndarray) -> float:
        with np.errstate(divide="ignore"):
            start, end = np.log10(curve[left] / target), np.log10(curve[right] / target)
        # a rate of zero ends at minus infinity, so that the crossing is at the left
        share = start / (start - end) if start > end else 1.0
        return float(at[left] + share * (at[right] - at[left]))

    # the curves of the limits cross where the rate does, or the lower one earlier and the upper
    # one later
    earlier = np.flatnonzero(low[: above + 1] >= target)
    later = below + np.flatnonzero(high[below:] <= target)
    return _Crossing(
        between(above, below, rate),
        between(earlier[-1], earlier[-1] + 1, low) if earlier.size else math.nan,
        between(later[0] - 1, later[0], high) if later.size else math.nan,
    )


def _difference(a: _Crossing, b: _Crossing) -> _Crossing:
    """Difference of two SNRs with its interval."""
    gap = a.snr - b.snr
    return _Crossing(
        gap,
        gap - math.hypot(a.snr - a.low, b.high - b.snr),
        gap + math.hypot(a.high - a.snr, b.snr - b.low),
    )
