"""Intervals of error rates against SciPy, against their definitions and by their coverage."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from sionna_cfisac.link.intervals import METHODS, error_rate_interval

EXACT = {"wilson": "wilson", "clopper_pearson": "exact"}


def binomial(errors: int, trials: int, confidence: float, method: str) -> tuple[float, ...]:
    """SciPy's rate and interval of independent trials."""
    ends = stats.binomtest(errors, trials).proportion_ci(confidence, method=EXACT[method])
    return errors / trials, float(ends.low), float(ends.high)


def slots(errors: int, size: int) -> np.ndarray:
    """Errors in slots of one unit, the first of which are wrong."""
    return (np.arange(size) < errors).astype(int)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(("errors", "size"), [(0, 40), (1, 40), (7, 40), (40, 40), (3, 10_000)])
def test_one_unit_in_a_slot_is_scipys_interval(
    errors: int, size: int, confidence: float, method: str
) -> None:
    got = error_rate_interval(slots(errors, size), 1, confidence, method)
    np.testing.assert_allclose(got, binomial(errors, size, confidence, method), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_slots_that_do_not_differ_count_every_unit(method: str) -> None:
    # of so many slots that Student's distribution is nearly normal
    got = error_rate_interval([2] * 2500, 8, 0.95, method)
    np.testing.assert_allclose(got, binomial(5000, 20_000, 0.95, method), rtol=1e-4)
    # nor do slots that differ less than independent units would: 1 <= d
    less = error_rate_interval([3, 5] * 1000, 8, 0.95, method)
    np.testing.assert_allclose(less, binomial(8000, 16_000, 0.95, method), rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_slots_that_fail_as_a_whole_count_as_one_trial_each(method: str) -> None:
    got = error_rate_interval(8 * slots(900, 6000), 8, 0.9, method)
    np.testing.assert_allclose(got, binomial(900, 6000, 0.9, method), rtol=1e-4)


@pytest.fixture
def correlated() -> tuple[np.ndarray, float, float]:
    """Errors in slots of 6 units, their rate and the effective number of trials."""
    errors = np.array([0, 0, 3, 1, 0, 6, 0, 2, 0, 4, 0, 0])
    # the variance from all pairs of slots
    pairs = [(x - y) ** 2 / 2 for i, x in enumerate(errors) for y in errors[:i]]
    rate = 16 / 72
    effect = float(np.mean(pairs)) / (6 * rate * (1 - rate))
    # five slots have errors, and a sixth in which all units fail is added to what they tell
    trials = 72 / ((5 * effect + 6) / 6)
    # Korn and Graubard: at a level of 90 %, from 12 slots
    return errors, rate, trials * (1.644854 / 1.795885) ** 2


def test_wilson_inverts_the_score_test(correlated: tuple[np.ndarray, float, float]) -> None:
    errors, rate, trials = correlated
    assert 10 < trials < 36
    got = error_rate_interval(errors, 6, 0.9)
    assert got.value == pytest.approx(rate, rel=1e-12)
    for end, sign in ((got.low, 1), (got.high, -1)):
        z = (rate - end) / np.sqrt(end * (1 - end) / trials)
        assert stats.norm.cdf(sign * z) == pytest.approx(0.95, rel=1e-6)


def test_clopper_pearson_inverts_the_tails(correlated: tuple[np.ndarray, float, float]) -> None:
    errors, rate, trials = correlated
    got = error_rate_interval(errors, 6, 0.9, "clopper_pearson")
    # P(X >= x) and P(X <= x) of binomial X, for numbers that need not be whole
    x = rate * trials
    assert special.betainc(x, trials - x + 1, got.low) == pytest.approx(0.05, rel=1e-5)
    assert special.betaincc(x + 1, trials - x, got.high) == pytest.approx(0.05, rel=1e-5)


@pytest.mark.parametrize(("units", "size"), [(1, 30), (8, 30), (600, 4)])
def test_without_errors_a_slot_is_a_trial(units: int, size: int) -> None:
    none = error_rate_interval([0] * size, units, 0.95, "clopper_pearson")
    assert none[:2] == (0.0, 0.0)
    # so many slots would be free of errors with 2.5 %
    assert (1 - none.high) ** size == pytest.approx(0.025, rel=1e-9)
    wilson, z = error_rate_interval([0] * size, units), stats.norm.isf(0.025)
    assert wilson[:2] == (0.0, 0.0)
    assert wilson.high == pytest.approx(z**2 / (size + z**2), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("errors", [[0, 0, 0], [8, 8], [1, 0, 7, 8, 2], [5]])
def test_right_units_mirror_wrong_ones(errors: list[int], method: str) -> None:
    wrong = error_rate_interval(errors, 8, 0.95, method)
    right = error_rate_interval([8 - e for e in errors], 8, 0.95, method)
    np.testing.assert_allclose(
        right, (1 - wrong.value, 1 - wrong.high, 1 - wrong.low), rtol=1e-12, atol=1e-12
    )
    assert 0 <= wrong.low <= wrong.value <= wrong.high <= 1


def test_one_slot_tells_as_much_as_one_trial() -> None:
    # of one trial, half an error: the ends of the score test are p with (p - 1/2)^2 = z^2 p(1 - p)
    got, z = error_rate_interval([3], 6), stats.norm.isf(0.025)
    half = z / np.sqrt(1 + z**2) / 2
    np.testing.assert_allclose(got, (0.5, 0.5 - half, 0.5 + half), rtol=1e-9)
    # whatever the number of units
    np.testing.assert_allclose(error_rate_interval([300], 600), got, rtol=1e-12)


def draws(rate: float, correlation: float, shape: tuple[int, int], units: int) -> np.ndarray:
    """Beta-binomial errors [repetitions, slots] with this correlation between units of a slot."""
    rng = np.random.default_rng(5)
    scale = 1 / correlation - 1
    return rng.binomial(units, rng.beta(rate * scale, (1 - rate) * scale, shape))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.9])
def test_interval_covers_where_errors_come_together(correlation: float, method: str) -> None:
    rate, units, repetitions, size = 0.1, 8, 1000, 200
    errors = draws(rate, correlation, (repetitions, size), units)
    ends = np.array([error_rate_interval(e, units, 0.95, method)[1:] for e in errors])
    covered = np.mean((ends[:, 0] <= rate) & (rate <= ends[:, 1]))
    error = np.sqrt(0.95 * 0.05 / repetitions)
    assert covered > 0.95 - 3 * error
    # Clopper and Pearson's is longer by half a trial at each end, up to 6 % of its length
    assert covered < 0.95 + 3 * error + (0.013 if method == "clopper_pearson" else 0.0)


@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.9])
def test_units_as_trials_would_cover_less(correlation: float) -> None:
    rate, units, repetitions, size = 0.1, 8, 1000, 200
    errors = draws(rate, correlation, (repetitions, size), units)
    # one slot of one unit for every unit is what to count each as a trial means
    total = size * units
    every = np.arange(total)[None] < errors.sum(axis=1)[:, None]
    ends = np.array([error_rate_interval(e.astype(int), 1)[1:] for e in every])
    covered = np.mean((ends[:, 0] <= rate) & (rate <= ends[:, 1]))
    # the mean's standard deviation is larger by the root of the design effect
    effect = 1 + (units - 1) * correlation
    want = 1 - 2 * stats.norm.sf(stats.norm.isf(0.025) / np.sqrt(effect))
    assert want < 0.9
    assert abs(covered - want) < 3.5 * np.sqrt(want * (1 - want) / repetitions)


@pytest.mark.parametrize("units", [16, 576])
def test_rare_errors_that_come_together_are_covered(units: int) -> None:
    rate, size, repetitions = 1e-3, 1000, 1000
    rng = np.random.default_rng(6)
    errors = rng.binomial(units, rng.beta(0.005, 0.005 * (1 / rate - 1), (repetitions, size)))
    ends = np.array([error_rate_interval(e, units)[1:] for e in errors])
    covered = np.mean((ends[:, 0] <= rate) & (rate <= ends[:, 1]))
    assert covered > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / repetitions)
    # one error must not make a limit that is far below that of none
    none, one = (error_rate_interval([e] + [0] * (size - 1), units) for e in (0, 1))
    assert one.high > none.high / 2


def test_design_effect_is_that_of_the_correlation() -> None:
    rate, correlation, units, size = 0.3, 0.25, 5, 100_000
    got = error_rate_interval(draws(rate, correlation, (1, size), units)[0], units)
    # Wilson's interval of many trials is the mean's normal one, of k / d trials in a slot
    effect = 1 + (units - 1) * correlation
    want = stats.norm.isf(0.025) * np.sqrt(rate * (1 - rate) * effect / (size * units))
    assert (got.high - got.low) / 2 == pytest.approx(want, rel=0.015)


@pytest.mark.parametrize("method", METHODS)
def test_more_confidence_is_wider(method: str) -> None:
    ends = [
        error_rate_interval([1, 0, 3, 0, 0, 2], 4, level, method)[1:] for level in (0.5, 0.9, 0.99)
    ]
    lows, highs = zip(*ends, strict=True)
    assert (np.diff(lows) < 0).all()
    assert (np.diff(highs) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 4), r"errors: expected counts of at least one slot, got shape \(0,\)"),
        (([[1, 2]], 4), r"errors: expected counts of at least one slot, got shape \(1, 2\)"),
        ((3, 4), "errors: expected counts"),
        (([0, 5], 4), "errors: expected whole numbers from 0 to 4"),
        (([-1, 2], 4), "errors: expected whole numbers"),
        (([0.5], 4), "errors: expected whole numbers"),
        (([np.nan], 4), "errors: expected whole numbers"),
        (([1], 0), "units: expected an integer >= 1, got 0"),
        (([1], 2.0), "units: expected an integer >= 1, got 2.0"),
        (([1], 4, 0.0), "confidence: expected a number between 0 and 1, got 0.0"),
        (([1], 4, 1.0), "confidence: expected a number between 0 and 1"),
        (([1], 4, np.nan), "confidence: expected a number between 0 and 1"),
        (([1], 4, 0.95, "wald"), "method: expected one of .*got 'wald'"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Sequence[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        error_rate_interval(*arguments)
