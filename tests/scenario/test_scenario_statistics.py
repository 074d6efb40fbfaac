"""Confidence intervals against SciPy and against simulation."""

import numpy as np
import pytest
from scipy import stats

from sionna_cfisac.scenario.report.terminal import number
from sionna_cfisac.statistics import (
    Estimate,
    mean_interval,
    percentile_interval,
    ratio_interval,
)


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


@pytest.mark.parametrize("percent", [1.0, 50.0, 90.0])
@pytest.mark.parametrize("n", [1, 2, 40, 2000])
def test_percentile_is_numpys_and_lies_in_its_interval(n: int, percent: float) -> None:
    x = np.random.default_rng(n).normal(size=n)
    estimate = percentile_interval(x, percent, 0.95)
    assert estimate.value == np.percentile(x, percent)
    assert estimate.n == n
    assert not estimate.value < estimate.low
    assert not estimate.value > estimate.high


@pytest.mark.parametrize(("n", "percent"), [(1000, 1.0), (400, 5.0), (30, 50.0)])
def test_percentile_interval_covers_the_truth(n: int, percent: float) -> None:
    rng = np.random.default_rng(3)
    truth = stats.expon.ppf(percent / 100)
    found = [percentile_interval(rng.exponential(size=n), percent, 0.9) for _ in range(2000)]
    too_high = np.mean([estimate.low > truth for estimate in found])
    too_low = np.mean([estimate.high < truth for estimate in found])
    # each end errs in at most 5 %, less what the steps of the binomial distribution cost;
    # the standard error of 2,000 trials is 0.5 %
    for error in (too_high, too_low):
        assert 0.015 < error < 0.065


@pytest.mark.parametrize(("n", "known"), [(367, False), (368, True)])
def test_few_samples_say_nothing_of_how_bad_the_worst_are(n: int, known: bool) -> None:
    x = np.random.default_rng(0).normal(size=n)
    estimate = percentile_interval(x, 1.0, 0.95)
    # all of them above the percentile has probability 0.99^n, 2.5 % at 367.2
    assert np.isfinite(estimate.low) == known
    assert not known or estimate.low == x.min()
    assert np.isfinite(estimate.high)


def test_a_percentile_of_undefined_ratios_is_undefined() -> None:
    assert np.isnan(percentile_interval(np.array([1.0, np.nan]), 1.0, 0.95)[:3]).all()


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (14.988, 0.017, "14.988 ± 0.017"),
        (79.92, 12.3, "80 ± 12"),
        (0.99997195, 1.8e-6, "0.9999720 ± 0.0000018"),
        (3.14159e-12, 2.71e-14, "3.142e-12 ± 2.7e-14"),
        (1.5e-12, 4.0e-12, "1.5e-12 ± 4.0e-12"),
        (2.0e9, 3.3e6, "2.0000e+09 ± 3.3e+06"),
        (0.0, 0.0, "0"),
        (1.0, float("nan"), "1"),
    ],
)
def test_a_number_is_written_down_to_the_second_digit_of_its_half_width(
    value: float, half: float, text: str
) -> None:
    assert number(Estimate(value, value - half, value + half, 10)) == text
