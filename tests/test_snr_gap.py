"""SNRs and gaps between methods, by hand and by simulation."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sionna_cfisac.plotting import TIDY_COLUMNS
from sionna_cfisac.snr_gap import GAP_COLUMNS, snr_at

X = "link.snr_db"
Point = tuple[float, float, float, float]
"""SNR, rate and its limits."""


def table(curves: dict[str, Sequence[Point]], metric: str = "bler") -> pd.DataFrame:
    rows = [
        (at, method, metric, value, low, high, 1000, "1")
        for method, points in curves.items()
        for at, value, low, high in points
    ]
    return pd.DataFrame(rows, columns=[X, *TIDY_COLUMNS])


def curve(
    exponents: Sequence[float], spread: float = 0.0, above: float | None = None
) -> list[Point]:
    """Points at 0, 2, 4, … dB with these decimal logarithms, and so much below and above them."""
    up = spread if above is None else above
    return [
        (2.0 * index, 10.0**e, 10.0 ** (e - spread), 10.0 ** (e + up))
        for index, e in enumerate(exponents)
    ]


def snr_of(points: Sequence[Point], target: float = 0.1) -> tuple[float, float, float]:
    """SNR and its interval of a single method."""
    found = snr_at(table({"rzf": points}), X, "bler", target)
    return tuple(found.loc[0, ["snr_db", "low", "high"]])


@pytest.mark.parametrize(
    ("exponents", "target", "want"),
    [
        # a third of the way from -1/2 to -2
        ([-0.5, -2.0], 0.1, 2 / 3),
        ([-0.2, -0.5, -2.0, -2.3], 0.1, 2 + 2 / 3),
        ([-0.2, -0.5, -2.0, -2.5], 0.01, 4.0),
        ([-0.2, -0.5, -2.0, -2.5], 10**-2.25, 5.0),
        # several crossings: the last
        ([-0.5, -1.5, -0.5, -1.5, -2.0], 0.1, 5.0),
        # points on the target, the last of which counts
        ([-0.5, -1.0, -1.5], 0.1, 2.0),
        ([-0.5, -1.0, -1.0, -1.5], 0.1, 4.0),
        ([-1.0, -1.5], 0.1, 0.0),
        ([-0.5, -1.0], 0.1, 2.0),
    ],
)
def test_logarithm_is_interpolated(exponents: list[float], target: float, want: float) -> None:
    points = curve(exponents)
    assert snr_of(points, target)[0] == pytest.approx(want, abs=1e-9)
    # in whatever order
    assert snr_of(points[::-1], target)[0] == pytest.approx(want, abs=1e-9)


def test_a_curve_that_ends_above_the_target_has_not_reached_it() -> None:
    assert np.isnan(snr_of(curve([-0.5, -1.5, -0.9]), 0.1)[0])


def test_interpolation_is_numpys() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        at, logs = np.sort(rng.uniform(-5, 20, 9)), -np.sort(rng.uniform(0, 5, 9))
        target = 10 ** rng.uniform(logs[-1], logs[0])
        want = np.interp(-np.log10(target), -logs, at)
        points = [(a, v, v, v) for a, v in zip(at, 10**logs, strict=True)]
        assert snr_of(points, target)[0] == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("exponents", [[-0.1, -0.5, -0.9], [-1.1, -2.0], [-1.5, -0.5], [-0.5]])
def test_a_curve_that_does_not_cross_has_no_snr(exponents: list[float]) -> None:
    assert np.isnan(snr_of(curve(exponents, spread=0.05))).all()


ZERO = 0.0, 0.0


@pytest.mark.parametrize(
    ("points", "want"),
    [
        # its upper limit takes the place of the rate
        ([(0, 10**-0.5, 0.2, 0.4), (4, *ZERO, 10**-1.5)], 2.0),
        ([(0, 10**-0.5, 0.2, 0.4), (4, *ZERO, 0.1)], 4.0),
        # or the point does not count, if that is above the target
        ([(0, 10**-0.5, 0.2, 0.4), (4, *ZERO, 0.2), (8, 10**-1.5, 0.02, 0.05)], 4.0),
        ([(0, 10**-0.5, 0.2, 0.4), (4, *ZERO, 0.2), (8, *ZERO, 10**-2.5)], 2.0),
        ([(0, 10**-0.5, 0.2, 0.4), (4, *ZERO, 0.2)], np.nan),
        ([(0, *ZERO, 0.2), (4, *ZERO, 0.05)], np.nan),
        # an error at a higher SNR than without
        ([(0, 0.2, 0.1, 0.3), (2, *ZERO, 0.01), (4, 10**-0.5, 0.2, 0.4), (6, *ZERO, 10**-1.5)], 5),
    ],
)
def test_points_without_errors(points: list[Point], want: float) -> None:
    assert snr_of(points)[0] == pytest.approx(want, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("points", "want"),
    [
        # a quarter of a decade per dB, and a quarter on either side
        (curve([-0.3, -0.8, -1.3, -1.8, -2.3], 0.25), (2.8, 1.8, 3.8)),
        # far from the crossing of the rate
        (curve([-0.5, -1.1, -1.3, -2.0], 0.4), (5 / 3, 1 / 3, 4 + 2 / 7)),
        # several crossings: those next to the rate's last
        (curve([-0.5, -1.5, -0.5, -1.5, -2.0], 0.25), (5.0, 4.5, 5.5)),
        (curve([-0.5, -1.5, -0.7, -1.5, -2.0], 0.4), (4.75, 0.2, 5.75)),
        # a limit that does not cross
        (curve([-0.9, -1.4], 0.25), (0.4, np.nan, 1.4)),
        (curve([-0.6, -1.1], 0.25), (1.6, 0.6, np.nan)),
        # a limit on the target
        (
            [(0, 0.5, 0.4, 0.6), (2, 0.05, 0.03, 0.1)],
            (2 * np.log10(5), 2 * np.log(4) / np.log(40 / 3), 2.0),
        ),
        # a lower limit of zero is below the target everywhere between the points
        (
            [(0, 10**-0.5, 10**-0.75, 10**-0.25), (2, 0.01, 0.0, 10**-1.75)],
            (2 / 3, 0.0, 1.0),
        ),
        # and so is that of a point without errors, whether it counts or not
        (
            [(0, 10**-0.5, 10**-0.75, 10**-0.25), (2, 0.0, 0.0, 10**-1.5)],
            (1.0, 0.0, 1.2),
        ),
        (
            [
                (0, 10**-0.5, 10**-0.75, 10**-0.25),
                (2, 0.0, 0.0, 10**-0.5),
                (4, 10**-1.5, 10**-1.75, 10**-1.25),
            ],
            (2.0, 0.0, 2 + 4 / 3),
        ),
    ],
)
def test_limits_cross_where_their_curves_do(points: list[Point], want: tuple[float, ...]) -> None:
    np.testing.assert_allclose(snr_of(points), want, atol=1e-9)


@pytest.fixture
def three() -> pd.DataFrame:
    """SNRs of 2.8 dB in [2.4, 3.8] and of 2 dB in [1, 3.6], and a curve that does not cross."""
    return table(
        {
            "conjugate": curve([-0.3, -0.8, -1.3, -1.8, -2.3], 0.1, 0.25),
            "flat": curve([-0.3, -0.35, -0.4, -0.45, -0.5], 0.1),
            "rzf": curve([-0.5, -1.0, -1.5, -2.0, -2.5], 0.25, 0.4),
        }
    )


def test_gaps_to_the_best(three: pd.DataFrame) -> None:
    found = snr_at(three, X)
    assert tuple(found.columns) == GAP_COLUMNS
    assert found["method"].tolist() == ["conjugate", "flat", "rzf"]
    worse, none, best = found.drop(columns="method").to_numpy(float)
    np.testing.assert_allclose(worse[:3], (2.8, 2.4, 3.8), atol=1e-9)
    # the error of a difference is the root of the sum of the squares
    want = (0.8, 0.8 - np.sqrt(0.4**2 + 1.6**2), 0.8 + np.sqrt(1.0**2 + 1.0**2))
    np.testing.assert_allclose(worse[3:], want, atol=1e-9)
    np.testing.assert_allclose(best, (2.0, 1.0, 3.6, 0.0, 0.0, 0.0), atol=1e-9)
    assert np.isnan(none).all()


def test_gaps_to_a_reference(three: pd.DataFrame) -> None:
    found = snr_at(three, X, reference="conjugate").set_index("method")
    assert found.loc["conjugate", "gap_db"] == 0.0
    want = (-0.8, -0.8 - np.sqrt(1.0**2 + 1.0**2), -0.8 + np.sqrt(1.6**2 + 0.4**2))
    np.testing.assert_allclose(found.loc["rzf"].tolist()[3:], want, atol=1e-9)
    # all else is as without
    pd.testing.assert_frame_equal(
        found.iloc[:, :3], snr_at(three, X).set_index("method").iloc[:, :3]
    )
    none = snr_at(three, X, reference="flat")
    assert none[["gap_db", "gap_low", "gap_high"]].isna().all(axis=None)
    assert none["snr_db"].notna().sum() == 2


def test_gaps_where_a_limit_is_missing() -> None:
    curves = {"a": curve([-0.6, -1.1], 0.25), "b": curve([-0.9, -1.4], 0.25)}
    gap = snr_at(table(curves), X).set_index("method").loc["a"]
    assert gap["gap_db"] == pytest.approx(1.2, abs=1e-9)
    # a has no upper limit, nor b a lower one
    assert np.isnan(gap["gap_high"])
    assert gap["gap_low"] == pytest.approx(1.2 - np.sqrt(1.0**2 + 1.0**2), abs=1e-9)


def test_the_first_of_equals_is_the_best() -> None:
    found = snr_at(table(dict.fromkeys("ba", curve([-0.5, -1.5], 0.1))), X)
    assert found["method"].tolist() == ["b", "a"]
    assert found["gap_db"].tolist() == [0.0, 0.0]
    assert found["gap_high"].tolist()[0] == 0.0 < found["gap_high"].tolist()[1]


def test_no_method_crosses() -> None:
    found = snr_at(table({"a": curve([-0.1, -0.2]), "b": curve([-2.0, -3.0])}), X)
    assert found.drop(columns="method").isna().all(axis=None)


def test_other_metrics_and_columns_do_not_matter(three: pd.DataFrame) -> None:
    others = three.assign(metric="sum_rate", value=9.0, ci_high=np.nan, **{X: np.nan})
    bits = three.assign(metric="ber", value=three["value"] / 10, ci_low=0.0)
    more = pd.concat([others, bits, three]).assign(**{"link.code_rate": 0.5})
    pd.testing.assert_frame_equal(snr_at(more, X), snr_at(three, X))
    pd.testing.assert_frame_equal(
        snr_at(more, X, "ber", 0.01)[["method", "snr_db"]], snr_at(three, X)[["method", "snr_db"]]
    )


def simulated(rng: np.random.Generator, shift: float, trials: int) -> list[Point]:
    """Rates of a curve that reaches 0.1 at 3 dB and the shift, from trials that are independent."""
    at = np.arange(0.0, 9.0, 2.0)
    errors = rng.binomial(trials, 10 ** (-0.25 * (at - shift - 3) - 1))
    z, rate = stats.norm.isf(0.025), errors / trials
    centre = (rate + z**2 / trials / 2) / (1 + z**2 / trials)
    half = np.sqrt(rate * (1 - rate) / trials + (z / trials / 2) ** 2) * z / (1 + z**2 / trials)
    return [*zip(at, rate, np.maximum(centre - half, 0.0), centre + half, strict=True)]


def test_intervals_cover_the_truth() -> None:
    rng, trials, repetitions = np.random.default_rng(2), 600, 300
    covered, width = np.zeros(2), 0.0
    for _ in range(repetitions):
        curves = {"a": simulated(rng, 0.0, trials), "b": simulated(rng, 0.7, trials)}
        found = snr_at(table(curves), X, reference="a").set_index("method")
        one, two = found.loc["a"], found.loc["b"]
        covered += one["low"] <= 3 <= one["high"], two["gap_low"] <= 0.7 <= two["gap_high"]
        width += (one["high"] - one["low"]) / 2 / repetitions
    # both points err at once in the limits, but by chance hardly: they cover more than 95 %
    assert (covered / repetitions > 0.95 - 3 * np.sqrt(0.95 * 0.05 / repetitions)).all()
    # a rate of 0.1 in 600 trials has a standard deviation of 12 %; a decade is 4 dB
    limit = stats.norm.isf(0.025) * np.sqrt(0.9 / 0.1 / trials) * 4 / np.log(10)
    assert width == pytest.approx(limit, rel=0.1)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, np.nan, 10])
def test_targets_that_are_no_error_rates(three: pd.DataFrame, target: float) -> None:
    with pytest.raises(ValueError, match="target: expected an error rate above 0 and below 1"):
        snr_at(three, X, target=target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[:0], "df: expected at least one row, got none"),
        (lambda t: t.drop(columns="ci_low"), r"df: expected the columns .*\['ci_low'\]"),
        (lambda t: t.rename(columns={X: "snr"}), rf"x: expected one of .*\['snr'\], got '{X}'"),
        (lambda t: t.assign(metric="ber"), r"metric: expected one of \['ber'\], got 'bler'"),
        (lambda t: t.astype({X: str}), f"x: expected a column of finite numbers, got '{X}'"),
        (lambda t: t.replace({X: {4.0: np.inf}}), "x: expected a column of finite numbers"),
        (lambda t: t.replace({X: {4.0: np.nan}}), "x: expected a column of finite numbers"),
        (lambda t: pd.concat([t, t[:1]]), f"df: expected one row for each {X} and method"),
    ],
)
def test_wrong_tables_are_refused(
    three: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        snr_at(change(three), X)


@pytest.mark.parametrize(
    "limits",
    [(-0.1, 0.1, 0.2), (0.101, 0.1, 0.3), (0.1, 0.201, 0.2), (0.1, 0.3, 1.1), (0.0, 0.0, 0.0),
     (-0.2, -0.1, 0.1), (0.1, np.nan, 0.2), (np.nan, 0.1, 0.2), (0.1, 0.2, np.nan)],
)  # fmt: skip
def test_what_is_no_error_rate_is_refused(limits: tuple[float, float, float]) -> None:
    points = [(0.0, 0.5, 0.4, 0.6), (3.0, limits[1], limits[0], limits[2])]
    with pytest.raises(ValueError, match=f"df: expected error rates .* of 'rzf' at {X} = 3$"):
        snr_of(points)


def test_unknown_reference_is_refused(three: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"reference: expected one of .*'rzf'\], got 'mmse'"):
        snr_at(three, X, reference="mmse")


def test_limits_may_miss_the_rate_by_rounding() -> None:
    points = [(0.0, 0.5, 0.5 + 1e-12, 0.5), (2.0, 0.02, 0.02, 0.02 - 1e-12)]
    assert snr_of(points)[0] == pytest.approx(2 * np.log10(5) / np.log10(25), abs=1e-9)
