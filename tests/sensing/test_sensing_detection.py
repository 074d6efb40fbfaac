"""Thresholds and detection probabilities: published figures, closed forms, sampling, symmetries."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import RZFBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.sensing import (
    DETECTORS,
    beam_covariance,
    detection_probability,
    detection_statistic,
    detection_threshold,
    required_snr_db,
    sample_covariance,
)
from sionna_cfisac.sensing.quadratic_form import tail, threshold

INDEPENDENT = np.diag(10 ** (np.array([-3.0, 0.0, 3.0, 6.0]) / 10))[None]


def correlated(snr: list[float], correlation: float) -> np.ndarray:
    root = np.sqrt(np.outer(snr, snr))
    return (root * (correlation + (1 - correlation) * np.eye(len(snr))))[None]


def random_covariance(rng: np.random.Generator, *shape: int, streams: int = 2) -> np.ndarray:
    """Covariances [..., Mr, M, M] of AP beams with few streams, and gains of their own."""
    *lead, num_rx, num_aps = shape
    g = rng.normal(size=(*lead, 1, num_aps, streams, 2)) @ np.array([1, 1j])
    amplitude = np.sqrt(rng.exponential(size=(*lead, num_rx, num_aps)))
    gram = g.conj() @ g.swapaxes(-1, -2)
    return amplitude[..., :, None] * gram * amplitude[..., None, :]


@pytest.mark.parametrize(
    ("detector", "expected"), [("neyman_pearson", 0.362), ("energy", 0.327), ("best_path", 0.250)]
)
def test_published_figures_of_independent_paths(detector: str, expected: float) -> None:
    assert detection_probability(INDEPENDENT, 1e-3, detector) == pytest.approx(expected, abs=5e-4)


def test_published_figures_of_correlated_waveforms() -> None:
    a = correlated([4.0, 8.0, 8.0], 0.95)
    assert detection_probability(a, 1e-3) == pytest.approx(0.716, abs=5e-4)
    ignored = np.diag([4.0, 8.0, 8.0])[None]
    assert detection_probability(ignored, 1e-3) == pytest.approx(0.811, abs=5e-4)
    # the summed SNR in the formula of a single path is another number altogether
    total = np.trace(INDEPENDENT[0])
    assert 1e-3 ** (1 / (1 + total)) == pytest.approx(0.443, abs=5e-4)


def test_one_path_is_the_single_look_formula() -> None:
    snr, false_alarm = np.array([0.1, 1.0, 30.0]), np.array([[1e-6], [1e-2]])
    a = snr[:, None, None, None] * np.ones((1, 1, 1))
    for detector in DETECTORS:
        got = detection_probability(a, false_alarm, detector)
        np.testing.assert_allclose(got, false_alarm ** (1 / (1 + snr)), rtol=1e-7)
        # Swerling 0 is Marcum's Q function
        got = detection_probability(a, false_alarm, detector, swerling=0)
        want = stats.ncx2.sf(-2 * np.log(false_alarm), 2, 2 * snr)
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_equal_paths_are_gamma_distributed() -> None:
    a = np.broadcast_to(3.0 * np.eye(4), (2, 4, 4))
    limit = stats.gamma.isf(1e-4, 8)
    for detector, factor in (("energy", 1.0), ("neyman_pearson", 0.75)):
        assert detection_threshold(a, 1e-4, detector) == pytest.approx(factor * limit, rel=1e-8)
        got = detection_probability(a, 1e-4, detector)
        assert got == pytest.approx(stats.gamma.sf(limit / 4.0, 8), rel=1e-7)
        got = detection_probability(a, 1e-4, detector, swerling=0)
        assert got == pytest.approx(stats.ncx2.sf(2 * limit, 16, 48), rel=1e-6)


@pytest.mark.parametrize("swerling", [0, 1])
@pytest.mark.parametrize("detector", DETECTORS)
def test_probabilities_are_those_of_samples(detector: str, swerling: int) -> None:
    rng = np.random.default_rng(3)
    a, n = random_covariance(rng, 2, 3), 100_000
    # data z = H α + n with H any root of the covariance, not its eigenvectors
    root = np.linalg.cholesky(a + 1e-12 * np.eye(3)).conj().swapaxes(-1, -2)
    gauss = rng.normal(size=(2, n, 2, 3, 2)) @ np.array([1, 1j]) / np.sqrt(2)
    alpha, noise = gauss
    if swerling == 0:
        alpha = alpha / np.abs(alpha)

    def statistic(z: np.ndarray) -> np.ndarray:
        matched = np.einsum("rkm,brk->brm", root.conj(), z)
        return detection_statistic(a, matched, detector)

    for false_alarm in (1e-2, 1e-3):
        limit = detection_threshold(a, false_alarm, detector)
        alarms = (statistic(noise) > limit).mean()
        assert abs(alarms - false_alarm) < 3 * np.sqrt(false_alarm / n)
        echoes = statistic(np.einsum("rkm,brm->brk", root, alpha) + noise)
        got = (echoes > limit).mean()
        want = float(detection_probability(a, false_alarm, detector, swerling=swerling))
        assert abs(got - want) < 3 * np.sqrt(want * (1 - want) / n)


def test_neyman_pearson_is_the_most_powerful() -> None:
    a = random_covariance(np.random.default_rng(4), 200, 3, 3) * 0.3
    best = detection_probability(a, 1e-3)
    for detector in ("energy", "best_path"):
        assert (detection_probability(a, 1e-3, detector) <= best + 1e-9).all()


def test_likelihood_ratio_is_the_neyman_pearson_statistic() -> None:
    # ln p1(z) / p0(z) of z ~ CN(0, I + H H^H) from its densities
    rng = np.random.default_rng(5)
    h = rng.normal(size=(6, 3, 2)) @ np.array([1, 1j])
    z = rng.normal(size=(20, 6, 2)) @ np.array([1, 1j])
    full = np.eye(6) + h @ h.conj().T
    ratio = (
        np.sum(np.abs(z) ** 2, axis=1)
        - np.einsum("bk,kl,bl->b", z.conj(), np.linalg.inv(full), z).real
    )
    a, matched = (h.conj().T @ h)[None], (z @ h.conj())[:, None]
    np.testing.assert_allclose(detection_statistic(a, matched), ratio, rtol=1e-9)
    # and the energy in the space of the signals is that of the projection
    projected = z @ np.linalg.qr(h)[0].conj()
    want = np.sum(np.abs(projected) ** 2, axis=1)
    np.testing.assert_allclose(detection_statistic(a, matched, "energy"), want, rtol=1e-9)
    best = np.argmax([np.sum(np.abs(a[0, m]) ** 2) / a[0, m, m].real for m in range(3)])
    want = np.abs(matched[:, 0, best]) ** 2 / a[0, best, best].real
    np.testing.assert_allclose(detection_statistic(a, matched, "best_path"), want, rtol=1e-9)


@pytest.mark.parametrize("swerling", [0, 1])
@pytest.mark.parametrize("detector", DETECTORS)
def test_order_of_paths_and_receivers_and_phases_change_nothing(
    detector: str, swerling: int
) -> None:
    rng = np.random.default_rng(6)
    a = random_covariance(rng, 3, 3)
    turn = np.exp(2j * np.pi * rng.random((3, 3)))
    turned = turn[:, :, None] * a * turn.conj()[:, None, :]
    paths, receivers = rng.permutation(3), rng.permutation(3)
    moved = turned[receivers][:, paths][:, :, paths]
    # the mean over phases is at finitely many points
    tolerance = 1e-8 if swerling == 1 else 1e-3
    for false_alarm in (1e-1, 1e-4):
        one, two = (
            detection_probability(x, false_alarm, detector, swerling=swerling) for x in (a, moved)
        )
        assert one == pytest.approx(float(two), abs=tolerance)


@pytest.mark.parametrize("detector", ["neyman_pearson", "energy"])
def test_shifted_points_are_right_on_average(detector: str) -> None:
    # the hardest case: one waveform on all 25 paths
    rng = np.random.default_rng(10)
    num, draws = 200, 400
    amplitude = np.sqrt(rng.exponential(size=(num, 5, 5)) * 0.25)
    a = amplitude[..., :, None] * amplitude[..., None, :]
    got = detection_probability(
        a, 1e-3, detector, swerling=0, num_phases=64, shift=rng.random((num, 5, 4))
    )
    # one direction for each receiver, whose power is that of the sum of the phasors
    turns = np.exp(2j * np.pi * rng.random((draws, num, 5, 5)))
    means = np.abs((amplitude * turns).sum(-1)) ** 2
    own = (amplitude**2).sum(-1)
    weights = own / (1 + own) if detector == "neyman_pearson" else np.ones_like(own)
    want = tail(threshold(1e-3, weights), weights, means).mean(0)
    error = np.std(got - want) / np.sqrt(num)
    assert error < 3e-3
    assert abs(np.mean(got - want)) < 3.5 * error


def test_mean_over_phases_converges() -> None:
    a = random_covariance(np.random.default_rng(7), 3, 3)
    few, many = (
        float(detection_probability(a, 1e-3, swerling=0, num_phases=count))
        for count in (1024, 65536)
    )
    assert few == pytest.approx(many, abs=1e-3)


def test_required_snr_gives_the_probability() -> None:
    a = random_covariance(np.random.default_rng(8), 5, 2, 3)
    total = np.trace(a, axis1=-2, axis2=-1).real.sum(-1)
    for detector in DETECTORS:
        snr = 10 ** (required_snr_db(a, 1e-4, 0.9, detector) / 10)
        scaled = a * (snr / total)[:, None, None, None]
        np.testing.assert_allclose(detection_probability(scaled, 1e-4, detector), 0.9, rtol=1e-8)
    # a single path in closed form
    want = 10 * np.log10(np.log(1e-4) / np.log(0.9) - 1)
    assert required_snr_db(np.ones((1, 1, 1)), 1e-4, 0.9) == pytest.approx(want, abs=1e-8)


def test_covariance_of_beams_is_the_mean_over_symbols_and_has_the_sensing_snr() -> None:
    state = CellFreeChannel(3, 2, 4, seed=1, dtype="float64", sensing_noise_power=0.3)(4)
    f = RZFBeamformer()(state).numpy()
    # the columns of a Hadamard matrix are orthogonal streams
    x = np.einsum("bmsn,sl->bmnl", f, np.array([[1, 1, 1, 1], [1, -1, 1, -1]]))
    a = beam_covariance(state, f, 4, num_rx_ant=6)
    np.testing.assert_allclose(a, sample_covariance(state, x, num_rx_ant=6), atol=1e-9)
    # (7) is per symbol and receive antenna, of all receivers together
    total = np.trace(a, axis1=-2, axis2=-1).real.sum(-1)
    snr = metrics.sensing_snr(state, f).numpy()[:, 0]
    np.testing.assert_allclose(total, 4 * 6 * 3 * snr, rtol=1e-9)


def test_random_symbols_have_that_mean() -> None:
    state = CellFreeChannel(2, 2, 2, seed=1, dtype="float64")(1)
    f = RZFBeamformer()(state).numpy()
    rng = np.random.default_rng(9)
    signs = rng.choice([-1.0, 1.0], size=(4000, 2, 5, 2)) @ np.array([1, 1j]) / np.sqrt(2)
    x = np.einsum("bmsn,ksl->kmnl", f, signs)
    many = state._replace(**{k: np.repeat(v, 4000, axis=0) for k, v in state._asdict().items()})
    samples = sample_covariance(many, x)
    error = samples.std(axis=0) / np.sqrt(4000)
    difference = np.abs(samples.mean(axis=0) - beam_covariance(state, f, 5)[0])
    assert (difference < 4 * error + 1e-9).all()


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("swerling", [0, 1])
def test_without_an_echo_a_target_is_seen_as_often_as_none(detector: str, swerling: int) -> None:
    some = np.stack([0.0 * INDEPENDENT, INDEPENDENT, 1e-320 * INDEPENDENT])
    found = detection_probability(some, 1e-3, detector, swerling=swerling)
    np.testing.assert_allclose(found[[0, 2]], 1e-3, rtol=1e-6)
    alone = detection_probability(INDEPENDENT, 1e-3, detector, swerling=swerling)
    np.testing.assert_allclose(found[1], alone, rtol=1e-12)
    each = detection_probability(np.zeros((2, 1, 2, 2)), [1e-3, 0.2], detector)
    np.testing.assert_array_equal(each, [1e-3, 0.2])


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("swerling", [0, 1])
def test_with_ever_stronger_echoes_a_target_is_always_seen(detector: str, swerling: int) -> None:
    alike = np.ones((1, 3, 3))
    for gain in (1e8, 1e30, 1e60):
        found = detection_probability(gain * alike, 1e-12, detector, swerling=swerling)
        np.testing.assert_allclose(found, 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detection_probability(INDEPENDENT, 1e-3, "glrt"), "detector: expected one of"),
        (lambda: detection_probability(INDEPENDENT, 0.0), "false_alarm: expected numbers above 0"),
        (lambda: detection_probability(INDEPENDENT, 0.1, swerling=2), "swerling: expected 0 or 1"),
        (lambda: detection_probability(INDEPENDENT, 0.1, num_phases=9), "num_phases: expected"),
        (lambda: detection_probability(np.eye(2), 0.1), r"covariance: expected shape"),
        (lambda: detection_threshold(np.zeros((1, 2, 2)), 1e-3), "expected a path with power"),
        (lambda: detection_statistic(np.zeros((1, 2, 2)), np.ones((1, 2))), "a path with power"),
        (lambda: required_snr_db(np.zeros((1, 2, 2)), 0.1, 0.5), "expected a path with power"),
        (lambda: detection_probability(CellFreeChannel(2, 2, 2)(1), 0.1),
         "covariance: expected an array .* got a ChannelState"),
        (lambda: detection_probability(np.full((1, 1, 1), np.nan), 1e-3), "finite numbers"),
        (lambda: detection_statistic(INDEPENDENT, np.ones((1, 3))), "matched: expected shape"),
        (lambda: required_snr_db(INDEPENDENT, 1e-3, 1e-4), "ion: expected more than false_alarm"),
        (lambda: required_snr_db(INDEPENDENT, 1e-3, 1.0), "ion: expected numbers above 0"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_signals_and_beams_that_do_not_fit_are_refused() -> None:
    state = CellFreeChannel(2, 2, 2, num_targets=2, seed=1)(1)
    f = RZFBeamformer()(state)
    with pytest.raises(ValueError, match="state: expected one target, got 2"):
        beam_covariance(state, f, 4)
    state = CellFreeChannel(2, 2, 2, seed=1)(1)
    with pytest.raises(ValueError, match="num_symbols: expected an integer >= 2, got 1"):
        beam_covariance(state, RZFBeamformer()(state), 1)
    with pytest.raises(ValueError, match=r"x: expected shape \[1, 2, 2, L\], got \(1, 2, 3, 4\)"):
        sample_covariance(state, np.ones((1, 2, 3, 4), complex))
