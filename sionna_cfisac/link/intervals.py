"""Confidence intervals of error rates, from channels whose errors come together."""

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from sionna_cfisac.arguments import integer, one_of

METHODS = ("wilson", "clopper_pearson")


class Interval(NamedTuple):
    """An error rate and the ends of its confidence interval."""

    value: float
    low: float
    high: float


def error_rate_interval(
    errors: Any, units: int, confidence: float = 0.95, method: str = "wilson"
) -> Interval:
    r"""Error rate of the units, blocks or bits, of independent slots.

    The units of a slot share its channel, and their errors come together: to count each as a trial
    makes intervals that are far too narrow. Instead the binomial interval is that of the effective
    number of trials

    .. math::
        n_\mathrm{eff} = \frac{n k}{d}, \quad
        d = \frac{\widehat{\mathrm{Var}}(e)}{k \hat{p} (1 - \hat{p})}, \quad 1 \le d \le k

    with n slots of k units, :math:`e` errors in each, and the design effect d after Kish (1965)
    and Korn and Graubard (1998). As there, :math:`n_\mathrm{eff}` is reduced by the squared ratio
    of the quantiles of the normal and of Student's distribution with :math:`n - 1` degrees of
    freedom. Few slots with errors tell little of how these come together: d is drawn towards k
    with the weight of one such slot, :math:`(m d + k) / (m + 1)` with m slots that have an error
    (or, if these are fewer, m slots that have a unit that is right). Where no unit is wrong, or all
    are, every slot counts as one trial.

    Parameters
    ----------
    errors : [n] ints
        Errors in every slot
    units : int
        Units k of a slot
    confidence : float
        Level of the interval
    method : "wilson" | "clopper_pearson"
        Kind of binomial interval; the second never covers less than the level for independent
        trials

    Returns
    -------
    Interval
        Rate per unit, and its interval

    Raises
    ------
    ValueError
        If there is no slot, or a number of errors is not between 0 and ``units``
    """
    one_of(method, "method", METHODS)
    integer(units, "units", 1)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence!r}")
    counts = np.asarray(errors)
    if counts.ndim != 1 or counts.size == 0:
        raise ValueError(f"errors: expected counts of at least one slot, got shape {counts.shape}")
    if (counts < 0).any() or (counts > units).any() or (counts != np.round(counts)).any():
        raise ValueError(f"errors: expected whole numbers from 0 to {units}, got others")
    n, rate = len(counts), float(counts.mean() / units)
    if rate in (0.0, 1.0):
        trials = float(n)
    else:
        # one slot tells nothing about how slots differ
        spread = counts.var(ddof=1) if n > 1 else np.inf
        effect = min(max(spread / (units * rate * (1.0 - rate)), 1.0), float(units))
        # few slots with errors tell little of how errors come together
        telling = min(np.count_nonzero(counts), np.count_nonzero(counts < units))
        effect = (telling * effect + units) / (telling + 1.0)
        trials = n * units / effect
        if units > 1 and n > 1:
            # the effect is an estimate from n slots
            level = 0.5 + confidence / 2
            trials *= (stats.norm.ppf(level) / stats.t.ppf(level, n - 1)) ** 2
    low, high = (_wilson if method == "wilson" else _clopper_pearson)(rate, trials, confidence)
    return Interval(rate, min(low, rate), max(high, rate))


def _wilson(rate: float, trials: float, confidence: float) -> tuple[float, float]:
    z = stats.norm.ppf(0.5 + confidence / 2)
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)


def _clopper_pearson(rate: float, trials: float, confidence: float) -> tuple[float, float]:
    miss, errors = (1 - confidence) / 2, rate * trials
    low = 0.0 if errors == 0 else stats.beta.ppf(miss, errors, trials - errors + 1)
    high = 1.0 if errors >= trials else stats.beta.ppf(1 - miss, errors + 1, trials - errors)
    return float(low), float(high)
