"""Channels on which one ascent ends in a local optimum, or loses its digits."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import JointBeamformer, WMMSEBeamformer, upper_bound
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.state import ChannelState


def steering(sine: np.ndarray, num_ant: int) -> np.ndarray:
    return np.exp(1j * np.pi * np.arange(num_ant) * np.asarray(sine)[..., None])


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def state_of(h: np.ndarray, noise_power: float, seed: int = 3) -> ChannelState:
    """Channels with a target in a random direction and unit power in all."""
    batch, num_aps, _, num_ant = h.shape
    rng = np.random.default_rng(seed)
    a = steering(rng.uniform(0, 1, (batch, num_aps, 1)), num_ant)
    gain = rng.exponential(size=(batch, num_aps, num_aps, 1))
    return ChannelState.from_arrays(
        h, a, sensing_gain=gain, noise_power=noise_power, ap_power=1 / num_aps
    )


def equal(apart: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    h = normal(rng, 12, 5, 1, 8)
    return np.concatenate([h, h + apart * normal(rng, 12, 5, 1, 8)], axis=2)


def correlated(num_aps: int) -> np.ndarray:
    one, other = normal(np.random.default_rng(2), 2, 12, num_aps, 8)
    return np.stack([one, 0.91 * one + np.sqrt(1 - 0.91**2) * other], axis=2)


def street() -> np.ndarray:
    x = np.random.default_rng(4).uniform(0, 100, (12, 1, 4)) - np.array([[[25.0], [75.0]]])
    return steering(x / np.hypot(x, 50.0), 8)


HARD = {
    "equal": (equal(0.0), 0.1),
    "nearly equal": (equal(1e-6), 0.1),
    "correlated, one AP": (correlated(1), 0.1),
    "correlated, five APs": (correlated(5), 0.1),
    "line of sight": (street(), 0.5),
    "line of sight, high SNR": (street(), 0.01),
    "more UEs than antennas": (normal(np.random.default_rng(5), 12, 1, 4, 3), 0.1),
}


def utility(state: ChannelState, f: tf.Tensor, weight: float) -> np.ndarray:
    return np.asarray(metrics.utility(state, f, weight))


def best_of_subsets(state: ChannelState, weight: float) -> np.ndarray:
    """Largest utility of all subsets of UEs, each solved alone from several starts."""
    best = np.zeros(len(state.h))
    for size in range(1, state.num_users + 1):
        for chosen in itertools.combinations(range(state.num_users), size):
            some = state._replace(
                h=np.asarray(state.h)[:, :, list(chosen)],
                noise_power=np.asarray(state.noise_power)[:, list(chosen)],
            )
            f = JointBeamformer(weight, num_starts=6)(some)
            best = np.maximum(best, utility(some, f, weight))
    return best


@pytest.mark.parametrize("weight", [0.0, 2.0])
@pytest.mark.parametrize("name", HARD)
def test_as_good_as_the_best_subset_of_users(name: str, weight: float) -> None:
    state = state_of(*HARD[name])
    f, info = JointBeamformer(weight)(state, return_info=True)
    assert (utility(state, f, weight) > (1 - 1e-3) * best_of_subsets(state, weight)).all()
    assert metrics.ap_power(f).numpy().max() <= (1 + 1e-9) / state.num_aps
    # what is said of it is true of the beams that are returned
    history = np.asarray(info.utility)
    np.testing.assert_allclose(history[-1], utility(state, f, weight), rtol=1e-9)
    assert (np.asarray(info.kkt_residual)[np.asarray(info.converged)] < 1e-2).all()


def test_a_proven_optimum_with_one_user_off() -> None:
    """One AP, two UEs at nearly the same angle: one of them alone, log2(1 + 8 / 0.1)."""
    h = steering(np.array([[[0.0, 0.03]]]), 8)
    state = state_of(h, 0.1)
    f = WMMSEBeamformer()(state)
    found = float(metrics.sum_rate(state, f)[0])
    assert found == pytest.approx(np.log2(1 + 8 / 0.1), abs=1e-6)
    bound = upper_bound(state, f, sensing_weight=0.0, method="branch_and_bound")
    assert found == pytest.approx(float(bound[0]), rel=1e-4)


def test_switching_is_the_same_in_a_graph_and_in_any_batch() -> None:
    state = state_of(*HARD["line of sight"])
    beamformer = JointBeamformer(2.0)
    f = beamformer(state)
    graph = tf.function(beamformer)(state)
    np.testing.assert_allclose(graph, f, atol=1e-6)
    some = beamformer(ChannelState(*(x[3:5] for x in state)))
    np.testing.assert_allclose(some, f[3:5], atol=1e-6)


def test_easy_channels_are_left_alone() -> None:
    from sionna_cfisac.beamforming.protocol import validated
    from sionna_cfisac.beamforming.solver.compiled import candidates
    from sionna_cfisac.beamforming.theory.normalised import reduce_problem

    def share(num_users: int) -> float:
        _, exact = validated(CellFreeChannel(5, num_users, 8)(500, seed=1))
        problem, _ = reduce_problem(exact, tf.zeros([500], tf.float64))
        return float(np.mean(candidates(problem)))

    assert share(2) == share(4) == share(8) == 0.0
    assert share(30) > 0.9


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_less_noise_never_means_less_utility(weight: float) -> None:
    channels = normal(np.random.default_rng(6), 10, 3, 2, 4)
    found = []
    for noise in 10.0 ** -np.arange(1, 8):
        state = state_of(channels, noise)
        f = JointBeamformer(weight)(state)
        assert metrics.ap_power(f).numpy().max() <= (1 + 1e-9) / 3
        found.append(utility(state, f, weight))
    steps = np.diff(found, axis=0) / np.array(found[1:])
    assert steps.min() > -1e-6


def test_high_snr_is_as_good_as_many_starts() -> None:
    channels = normal(np.random.default_rng(7), 16, 3, 2, 4)
    for noise in (1e-5, 1e-6):
        state = state_of(channels, noise)
        one = utility(state, JointBeamformer(2.0)(state), 2.0)
        many = utility(state, JointBeamformer(2.0, num_starts=10)(state), 2.0)
        assert (one > 0.99 * many).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_beams_that_vanish_in_between_have_the_power_of_their_ap(dtype: str) -> None:
    """Two UEs in line of sight, whose channels from the APs differ by up to 80 dB."""
    rng = np.random.default_rng(8)
    h = steering(rng.uniform(-1, 1, (40, 3, 2)), 4) * np.exp(2j * np.pi * rng.random((40, 3, 2, 1)))
    h = h * 10.0 ** rng.uniform(-2, 2, (40, 3, 2, 1))
    state = state_of(h, 1e-6).cast(dtype)
    f = WMMSEBeamformer()(state)
    power = np.sum(np.abs(np.asarray(f, complex)) ** 2, axis=(2, 3))
    assert power.max() <= (1 + (1e-5 if dtype == "float32" else 1e-9)) / 3


def test_unit_power_of_numbers_whose_squares_vanish() -> None:
    from sionna_cfisac.beamforming.theory.normalised import to_unit_power

    f = tf.constant(normal(np.random.default_rng(9), 2, 3, 4, 2) * 1e-160)
    power = np.sum(np.abs(to_unit_power(f)) ** 2, axis=(2, 3))
    np.testing.assert_allclose(power, 1.0, rtol=1e-12)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_the_network_s_beams_are_a_better_start_for_the_same_optimum(weight: float) -> None:
    state = CellFreeChannel(5, 2, 8)(200, seed=3)
    usual, usual_info = JointBeamformer(weight)(state, return_info=True)
    warm, warm_info = JointBeamformer(weight, start="network")(state, return_info=True)
    share = utility(state, warm, weight) / utility(state, usual, weight)
    assert share.min() > 0.9999
    assert np.mean(warm_info.iterations) < 0.75 * np.mean(usual_info.iterations)


def test_the_network_is_no_start_at_high_snr() -> None:
    state = state_of(normal(np.random.default_rng(7), 8, 3, 2, 4), 1e-5)
    usual = utility(state, JointBeamformer(2.0)(state), 2.0)
    warm = utility(state, JointBeamformer(2.0, start="network")(state), 2.0)
    np.testing.assert_allclose(warm, usual, rtol=1e-6)


def test_start_is_one_of_two() -> None:
    with pytest.raises(ValueError, match=r"start: expected one of \('guess', 'network'\), got"):
        JointBeamformer(start="best")
