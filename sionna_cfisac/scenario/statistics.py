"""Means over channels with their confidence intervals."""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Estimate(NamedTuple):
    """A mean and its confidence interval.

    Attributes
    ----------
    value, low, high : float
        Mean and ends of the interval; the ends are nan where one sample gives no interval
    n : int
        Number of samples
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


def mean_interval(values: np.ndarray, confidence: float) -> Estimate:
    """Mean and Student t interval of independent samples [n]."""
    # a measure in dB is -inf where no power reaches the target; its interval is then nan
    with np.errstate(invalid="ignore"):
        deviations = values - np.mean(values)
    return _interval(float(np.mean(values)), deviations, confidence)


def ratio_interval(values: np.ndarray, reference: np.ndarray, confidence: float) -> Estimate:
    """Ratio of the means of paired samples [n], with the interval of the delta method.

    The two see the same channels, so the deviation that counts is ``values - ratio * reference``.
    A reference with mean zero gives nan.
    """
    scale = float(np.mean(reference))
    if scale == 0.0:
        return Estimate(np.nan, np.nan, np.nan, len(values))
    ratio = float(np.mean(values)) / scale
    return _interval(ratio, (values - ratio * reference) / abs(scale), confidence)


def _interval(value: float, deviations: np.ndarray, confidence: float) -> Estimate:
    n = len(deviations)
    if n < 2:
        return Estimate(value, np.nan, np.nan, n)
    error = float(np.sqrt(np.sum(deviations**2) / (n - 1) / n))
    half = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * error
    return Estimate(value, value - half, value + half, n)
