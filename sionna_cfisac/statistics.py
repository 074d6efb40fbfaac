"""Means and percentiles over channels with their confidence intervals."""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Estimate(NamedTuple):
    """A mean or percentile and its confidence interval.

    Attributes
    ----------
    value, low, high : float
        Estimate and ends of the interval; an end that the samples are too few for is nan
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


def percentile_interval(values: np.ndarray, percent: float, confidence: float) -> Estimate:
    """Percentile of independent samples [n], with the interval between two order statistics.

    How many samples lie below the true percentile is binomial whatever their distribution, so the
    interval covers it with at least the given confidence, and each end errs with at most half of
    the rest. An end is nan where even the least or the largest sample cannot promise that: the
    lower end of a 1st percentile at 95 % takes 368 samples. The estimate interpolates between
    samples; where it leaves the interval, the interval is widened to it.
    """
    n, below = len(values), percent / 100
    if not np.isfinite(values).all():
        return Estimate(np.nan, np.nan, np.nan, n)
    ordered = np.sort(values)
    miss = (1 - confidence) / 2
    # P(fewer than k below) = P(the k-th smallest is above the percentile), k = 1, …, n
    above = stats.binom.cdf(np.arange(n), n, below)
    at_low, at_high = np.flatnonzero(above <= miss), np.flatnonzero(above >= 1 - miss)
    value = float(np.percentile(values, percent))
    low = min(value, float(ordered[at_low[-1]])) if len(at_low) else np.nan
    high = max(value, float(ordered[at_high[0]])) if len(at_high) else np.nan
    return Estimate(value, low, high, n)


def _interval(value: float, deviations: np.ndarray, confidence: float) -> Estimate:
    n = len(deviations)
    if n < 2:
        return Estimate(value, np.nan, np.nan, n)
    error = float(np.sqrt(np.sum(deviations**2) / (n - 1) / n))
    half = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * error
    return Estimate(value, value - half, value + half, n)
