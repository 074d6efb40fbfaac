"""Tails of weighted sums of squared Gaussians: closed forms, matrix exponentials, samples."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from sionna_cfisac.sensing.quadratic_form import tail, threshold


def phase_type(t: float, weights: np.ndarray) -> float:
    """P(Q > t) of a sum of exponentials: it runs through phases with these mean durations."""
    rates = 1.0 / np.asarray(weights)
    generator = np.diag(-rates) + np.diag(rates[:-1], 1)
    return float(expm(generator * t)[0].sum())


@pytest.mark.parametrize("count", [1, 2, 8, 40])
@pytest.mark.parametrize("level", [0.999, 0.5, 1e-3, 1e-9, 1e-14])
def test_equal_weights_are_a_gamma_distribution(count: int, level: float) -> None:
    t = stats.gamma.isf(level, count) * 0.7
    assert tail(t, np.full(count, 0.7)) == pytest.approx(level, rel=1e-7)
    assert threshold(level, np.full(count, 0.7)) == pytest.approx(t, rel=1e-8)


@pytest.mark.parametrize(
    "weights",
    [
        [1.0, 0.5],
        [0.5, 1.0, 2.0, 4.0],
        [1.0, 1.0 + 1e-9, 1.0 - 1e-7],
        [1.0, 0.999, 0.5, 0.5001, 0.01],
        [1e3, 1.0, 1.0, 0.02],
    ],
)
def test_unequal_and_nearly_equal_weights_are_a_phase_type_distribution(
    weights: list[float],
) -> None:
    for t in np.sum(weights) * np.array([0.05, 0.5, 1.0, 3.0, 6.0]):
        expected = phase_type(t, np.array(weights))
        assert tail(t, weights) == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_partial_fractions_where_they_are_good() -> None:
    w = np.array([0.5, 1.0, 2.0, 4.0])
    t = 9.0
    terms = [np.exp(-t / a) * np.prod([a / (a - b) for b in w if b != a]) for a in w]
    assert tail(t, w) == pytest.approx(sum(terms), rel=1e-9)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("power", [0.0, 0.3, 10.0, 1e3])
def test_noncentral_sums_are_a_noncentral_chi_square(count: int, power: float) -> None:
    means = power * np.arange(1, count + 1) / np.sum(np.arange(1, count + 1))
    centre = count + power
    for t in centre + np.sqrt(count + 2 * power) * np.array([-2.0, 0.0, 2.0, 5.0]):
        if t <= 0:
            continue
        expected = stats.ncx2.sf(2 * t, 2 * count, 2 * power)
        assert tail(t, np.ones(count), means) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_unequal_noncentral_sums_have_the_tail_of_samples() -> None:
    rng = np.random.default_rng(1)
    w, means, n = np.array([0.2, 1.0, 3.0]), np.array([4.0, 0.0, 1.5]), 400_000
    v = rng.normal(size=(n, 3, 2)) @ np.array([1, 1j]) / np.sqrt(2)
    q = (w * np.abs(v + np.sqrt(means)) ** 2).sum(axis=1)
    for t in (2.0, 8.0, 20.0):
        expected = (q > t).mean()
        error = np.sqrt(expected * (1 - expected) / n)
        assert abs(float(tail(t, w, means)) - expected) < 4 * error


def test_threshold_and_tail_are_inverse_for_rows_of_weights() -> None:
    rng = np.random.default_rng(2)
    weights = rng.exponential(size=(50, 10)) ** 3
    level = 10.0 ** -rng.uniform(0.01, 12, size=(4, 50))
    np.testing.assert_allclose(tail(threshold(level, weights), weights), level, rtol=1e-6)


def test_scale_and_order_of_weights_change_nothing() -> None:
    w = np.array([0.1, 2.0, 0.7])
    assert tail(3.0, w) == pytest.approx(float(tail(300.0, 100 * w[::-1])), rel=1e-10)
    # weights of zero do not count
    assert tail(3.0, [*w, 0.0]) == pytest.approx(float(tail(3.0, w)), rel=1e-10)


def test_everything_exceeds_zero_and_nothing_exceeds_infinity() -> None:
    np.testing.assert_array_equal(tail([-1.0, 0.0, 1e300], [1.0, 2.0]), [1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tail(1.0, [-1.0, 1.0]), "weights: expected finite non-negative numbers, got -1"),
        (lambda: tail(1.0, [0.0, 0.0]), "weights: expected a positive weight"),
        (lambda: tail(1.0, 2.0), r"weights: expected shape \[\.\.\., K\]"),
        (lambda: tail(float("nan"), [1.0]), "threshold: expected numbers, got nan"),
        (lambda: tail(1.0, [1.0, 1.0], [1.0, 1.0, 1.0]), "noncentrality: expected shape"),
        (lambda: tail(1.0, [1.0], [-1.0]), "noncentrality: expected finite non-negative"),
        (lambda: threshold(0.0, [1.0]), "false_alarm: expected numbers above 0 and below 1"),
        (lambda: threshold(1.0, [1.0]), "false_alarm: expected numbers above 0 and below 1"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
