import numpy as np
import pytest

from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.state import check_state


def kolmogorov(samples, cdf):
    """Largest distance between empirical and true distribution, in units of 1 / sqrt(n)."""
    x = np.sort(np.ravel(samples))
    step = np.arange(x.size + 1) / x.size
    true = cdf(x)
    distance = max(np.abs(true - step[:-1]).max(), np.abs(true - step[1:]).max())
    return distance * np.sqrt(x.size)


# a Kolmogorov-Smirnov statistic exceeds this once in 10,000 draws
RARE = 2.23


@pytest.fixture(scope="module")
def state():
    return CellFreeChannel(4, 3, 8, 2)(2000, seed=12)


def test_shapes_and_powers(state):
    state = check_state(state)
    shapes = [tuple(field.shape) for field in state]
    assert shapes == [
        (2000, 4, 3, 8),
        (2000, 4, 2, 8),
        (2000, 4, 4, 2),
        (2000, 3),
        (2000, 4),
        (2000, 4),
    ]
    np.testing.assert_array_equal(np.asarray(state.noise_power), np.float32(0.1))
    np.testing.assert_array_equal(np.asarray(state.sensing_noise_power), np.float32(0.1))
    np.testing.assert_array_equal(np.asarray(state.ap_power), 0.25)


def test_fading_is_rayleigh(state):
    h = np.asarray(state.h)
    assert kolmogorov(np.abs(h) ** 2, lambda x: 1 - np.exp(-x)) < RARE
    assert kolmogorov(np.angle(h), lambda x: (x + np.pi) / (2 * np.pi)) < RARE


def test_fading_is_independent(state):
    h = np.asarray(state.h).reshape(2000, -1)
    n, size = h.shape
    covariance = h.T @ h.conj() / n - np.eye(size)
    pseudo = h.T @ h / n
    off = np.abs(covariance[~np.eye(size, dtype=bool)])
    # each is complex normal with variance 1/n: the largest of 10,000 stays below 4.2 of them
    assert off.max() * np.sqrt(n) < 4.2
    assert np.abs(pseudo).max() * np.sqrt(n) < 5.0


def test_targets_are_uniform_in_angle(state):
    a = np.asarray(state.a)
    np.testing.assert_allclose(np.abs(a), 1.0, atol=1e-5)
    theta = np.arcsin(np.clip(np.angle(a[..., 1]) / np.pi, -1, 1))
    # the phase of broadside's opposite end wraps
    theta = np.abs(theta)
    assert kolmogorov(theta, lambda x: x / (np.pi / 2)) < RARE


def test_angle_range():
    state = CellFreeChannel(2, 1, 4, 1, angle_range=(-0.5, 0.25))(3000, seed=1)
    theta = np.arcsin(np.angle(np.asarray(state.a)[..., 1]) / np.pi)
    assert kolmogorov(theta, lambda x: np.clip((x + 0.5) / 0.75, 0, 1)) < RARE


def test_sensing_gain(state):
    assert kolmogorov(state.sensing_gain, lambda x: 1 - np.exp(-x)) < RARE
    unit = CellFreeChannel(2, sensing_gain="unit")(4, seed=0).sensing_gain
    np.testing.assert_array_equal(np.asarray(unit), np.ones((4, 2, 2, 1)))


def test_draws_are_independent_of_each_other(state):
    n = 2000
    h, gain = np.abs(np.asarray(state.h)[:, 0, 0, 0]) ** 2, np.asarray(state.sensing_gain)
    angle = np.angle(np.asarray(state.a)[:, 0, 0, 1])
    for one, other in ((h, angle), (h, gain[:, 0, 0, 0]), (angle, gain[:, 0, 0, 0])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(n)


def test_power_of_each_ap_and_noise_of_each_receiver():
    channel = CellFreeChannel(
        3,
        2,
        total_power=6.0,
        noise_power=[0.1, 0.2],
        sensing_noise_power=[1.0, 2.0, 3.0],
    )
    state = channel(2, seed=0)
    np.testing.assert_array_equal(np.asarray(state.ap_power), np.full((2, 3), 2.0))
    np.testing.assert_allclose(np.asarray(state.noise_power), [[0.1, 0.2]] * 2)
    np.testing.assert_allclose(np.asarray(state.sensing_noise_power), [[1.0, 2.0, 3.0]] * 2)
    own = CellFreeChannel(3, ap_power=[1.0, 0.0, 0.5])(1, seed=0)
    np.testing.assert_array_equal(np.asarray(own.ap_power), [[1.0, 0.0, 0.5]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_aps": 0}, "num_aps: expected a positive integer, got 0"),
        ({"num_users": 2.0}, "num_users: expected a positive integer"),
        ({"num_tx_ant": True}, "num_tx_ant: expected a positive integer"),
        ({"num_targets": -1}, "num_targets: expected a positive integer"),
        ({"total_power": -1.0}, "total_power: expected finite non-negative"),
        ({"ap_power": [1.0, 2.0]}, "ap_power: expected a number or 5 numbers"),
        ({"ap_power": -0.1}, "ap_power: expected finite non-negative"),
        ({"noise_power": 0.0}, "noise_power: expected finite positive"),
        ({"noise_power": [0.1] * 3}, "noise_power: expected a number or 2 numbers"),
        ({"sensing_noise_power": np.nan}, "sensing_noise_power: expected finite positive"),
        ({"sensing_gain": "radar"}, "sensing_gain: expected one of"),
        ({"angle_range": (1.0, 0.0)}, "angle_range: expected"),
        ({"dtype": "float16"}, "dtype: expected float32 or float64"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        CellFreeChannel(**options)


@pytest.mark.parametrize("batch_size", [0, -3, True])
def test_wrong_batch_size(batch_size):
    with pytest.raises(ValueError, match="batch_size: expected a positive integer"):
        CellFreeChannel()(batch_size)
