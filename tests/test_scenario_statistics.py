"""Confidence intervals against SciPy and against simulation."""

import numpy as np
import pytest
from scipy import stats

from sionna_cfisac.scenario.statistics import mean_interval, ratio_interval


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 5, 300])
def test_mean_interval_is_students(n: int, confidence: float) -> None:
    x = np.random.default_rng(n).normal(3.0, 2.0, n)
    low, high = stats.t.interval(confidence, n - 1, loc=x.mean(), scale=stats.sem(x))
    np.testing.assert_allclose(mean_interval(x, confidence)[:3], (x.mean(), low, high), rtol=1e-12)


def test_one_sample_has_no_interval() -> None:
    estimate = mean_interval(np.array([2.0]), 0.95)
    assert estimate.value == 2.0
    assert np.isnan(estimate.low)
    assert np.isnan(estimate.high)


def test_ratio_interval_covers_the_truth_and_uses_the_pairing() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        y = rng.gamma(4.0, size=60)
        x = 0.8 * y + rng.normal(0.0, 0.1, 60)
        estimate = ratio_interval(x, y, 0.95)
        inside += estimate.low <= 0.8 <= estimate.high
        # unpaired, the spread of y alone would make it ten times as wide
        assert estimate.half_width < 0.02
    assert 0.91 < inside / 400 < 0.98


def test_a_method_is_all_of_itself() -> None:
    x = np.random.default_rng(1).gamma(3.0, size=50)
    np.testing.assert_allclose(ratio_interval(x, x, 0.95)[:3], 1.0, rtol=1e-12)
    assert np.isnan(ratio_interval(x, np.zeros(50), 0.95).value)
