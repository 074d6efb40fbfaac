"""The network of multipliers with users switched off, where channels are much alike."""

import numpy as np
import pytest
import tensorflow as tf

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import DualGNNBeamformer, JointBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.state import ChannelState

NUM_CHANNELS = 48


def steering(cosine: np.ndarray, num_ant: int) -> np.ndarray:
    return np.exp(1j * np.pi * np.arange(num_ant) * cosine[..., None])


def street(size: int = NUM_CHANNELS, num_users: int = 4) -> ChannelState:
    """Two APs beside a street, UEs and a target on it in line of sight: often much alike."""
    rng = np.random.default_rng(11)
    x = rng.uniform(0, 100, (size, 1, num_users + 1)) - np.array([[[25.0], [75.0]]])
    a = steering(x / np.hypot(x, 50.0), 8)
    return ChannelState.from_arrays(
        a[:, :, :-1], a[:, :, -1:], sensing_gain=0.1, noise_power=1.0, ap_power=1.0
    )


def network(switch_off: bool, weight: float, **options) -> DualGNNBeamformer:
    return DualGNNBeamformer.from_pretrained(
        sensing_weight=weight, switch_off=switch_off, **options
    )


def utility(state: ChannelState, f: tf.Tensor, weight: float) -> np.ndarray:
    return np.asarray(metrics.utility(state, f, weight))


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_line_of_sight_is_as_good_as_the_optimiser(weight: float) -> None:
    state = street()
    without, switched = (
        utility(state, network(off, weight)(state), weight) for off in (False, True)
    )
    best = utility(state, JointBeamformer(weight)(state), weight)
    # there is something to gain, all of it is gained, and nothing is lost
    assert (without / best).min() < 0.95
    assert (switched / best).min() > 1 - 1e-3
    assert (switched >= without * (1 - 1e-6)).all()
    f = network(True, weight)(state)
    np.testing.assert_allclose(metrics.ap_power(f), 1.0, rtol=1e-5)
    # a UE that is off gets nothing at all
    power = np.sum(np.abs(np.asarray(f)) ** 2, axis=(1, 3))
    assert (power.min(axis=1) < 1e-12).any()


def test_equal_channels_leave_one_user() -> None:
    one = CellFreeChannel(3, 1, 4, seed=1)(6)
    two = one._replace(
        h=tf.repeat(one.h, 2, axis=2), noise_power=tf.repeat(one.noise_power, 2, axis=1)
    )
    got = utility(two, network(True, 0.0)(two), 0.0)
    # maximum-ratio beams to the only UE: each AP's amplitudes add up
    heard = np.linalg.norm(np.asarray(one.h), axis=-1)[:, :, 0] * np.sqrt(np.asarray(one.ap_power))
    snr = heard.sum(1) ** 2 / np.asarray(one.noise_power)[:, 0]
    np.testing.assert_allclose(got, np.log2(1 + snr), rtol=1e-5)


def test_with_room_it_loses_nothing_and_a_single_user_stays() -> None:
    for num_users in (1, 3):
        state = CellFreeChannel(4, num_users, 8, seed=2)(12)
        without, switched = (utility(state, network(o, 2.0)(state), 2.0) for o in (False, True))
        assert (switched >= without * (1 - 1e-6)).all()
        best = utility(state, JointBeamformer(2.0)(state), 2.0)
        assert (switched > (1 - 1e-3) * best).all()


def test_graphs_of_any_batch_give_the_same_beams_and_gradients() -> None:
    state = ChannelState(*(tf.constant(np.asarray(x)) for x in street(6, 3)))
    layer = network(True, 0.0, dtype="float64")
    spec = ChannelState(*(tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in state))
    traced = tf.function(lambda s: layer(s), input_signature=[spec])
    np.testing.assert_allclose(traced(state), layer(state), atol=1e-9)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(metrics.utility(state, layer(state), 0.0))
    gradients = tape.gradient(value, layer.trainable_variables)
    assert all(np.isfinite(g).all() for g in gradients)


def test_it_is_kept_in_a_configuration_and_must_be_a_flag() -> None:
    layer = network(True, 1.0)
    assert DualGNNBeamformer.from_config(layer.get_config()).switch_off is True
    with pytest.raises(ValueError, match="switch_off: expected True or False, got 1"):
        DualGNNBeamformer(switch_off=1)  # type: ignore[arg-type]
