"""The network of multipliers: power, gradients, errors of estimates, wrong input."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from reference_dual import make_dual
from reference_gnn import make_state, single, with_aps

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import (
    ClosedFormDualBeamformer,
    DualGNNBeamformer,
)
from sionna_cfisac.channel import CellFreeChannel


@pytest.fixture(scope="module")
def state():
    return make_state()


@pytest.fixture
def network(dual_network):
    return dual_network


def test_unused_antennas_change_nothing_at_weight_zero(network, state):
    # beams are combinations of the channels, which have nothing at the added antennas
    def wider(x, value):
        return np.concatenate([x, np.full((*x.shape[:-1], 4), value, complex)], axis=-1)

    moved = state._replace(h=wider(state.h, 0.0), a=wider(state.a, 1.0))
    f = np.asarray(network(moved, 0.0))
    np.testing.assert_allclose(f[..., 4:], 0.0, atol=1e-12)
    np.testing.assert_allclose(metrics.ap_power(f), state.ap_power, rtol=1e-10)


@pytest.mark.parametrize("method", ["network", "closed form"])
def test_aps_without_power_are_silent_and_the_others_send_as_if_they_were_absent(
    network, method, state
):
    if method == "closed form":
        network = ClosedFormDualBeamformer(1.5, refine=network.refine, polish=network.polish)
    state, rest = make_state(3, 5), [0, 2, 3]
    power = state.ap_power.copy()
    power[:, [1, 4]] = 0.0
    state = state._replace(ap_power=power)
    f = np.asarray(network(state))
    np.testing.assert_array_equal(f[:, [1, 4]], 0.0)
    np.testing.assert_allclose((abs(f) ** 2).sum((2, 3)), power, atol=1e-12)
    np.testing.assert_allclose(f[:, rest], network(with_aps(state, rest)), atol=1e-9)


def test_an_ap_that_no_user_hears_lights_the_target(network, state):
    h, everything = state.h.copy(), (state.a[:, 0] / 2.0)[:, 0] * state.ap_power[:, :1] ** 0.5
    h[:, 0] = 0.0
    f = np.asarray(network(state._replace(h=h)))
    np.testing.assert_allclose(f[:, 0, 0], everything, atol=1e-12)
    np.testing.assert_array_equal(f[:, 0, 1:], 0.0)
    np.testing.assert_allclose(metrics.ap_power(f), state.ap_power, rtol=1e-10)


@pytest.mark.parametrize("what", ["ue", "ap", "target"])
def test_channels_of_zero_leave_the_beams_finite(network, state, what):
    h, gain = state.h.copy(), state.sensing_gain.copy()
    if what == "ue":
        h[:, :, 0] = 0.0
    elif what == "ap":
        h[:, 0] = 0.0
    else:
        gain[:] = 0.0
    f = np.asarray(network(state._replace(h=h, sensing_gain=gain)))
    assert np.isfinite(f).all()
    assert (metrics.ap_power(f) <= state.ap_power * (1 + 1e-10)).numpy().all()


@pytest.mark.parametrize("sizes", list(itertools.product([1, 5], [1, 6], [1, 3])))
def test_one_network_for_any_numbers_of_aps_users_and_antennas(network, sizes):
    num_aps, num_users, num_ant = sizes
    state = make_state(2, num_aps, 2, num_users, 1, num_ant)
    f = network(state)
    assert f.shape == (2, num_aps, num_users, num_ant)
    np.testing.assert_allclose(metrics.ap_power(f), state.ap_power, rtol=1e-10)


def test_weights_and_noise_are_those_of_each_channel(network, state):
    weights = [0.0, 0.7, 30.0]
    f = np.asarray(network(state, weights))
    for b, weight in enumerate(weights):
        alone = ChannelState(*(x[b : b + 1] for x in state))
        np.testing.assert_allclose(f[b], network(alone, weight)[0], atol=1e-12)


def test_before_training_the_multipliers_are_the_closed_form():
    state = make_state()
    for steps in ({"refine": 0, "polish": 0}, {"refine": 2, "polish": 1}):
        new = DualGNNBeamformer(sensing_weight=1.5, dtype="float64", **steps)
        expected = ClosedFormDualBeamformer(1.5, **steps)(state)
        np.testing.assert_allclose(new(state), expected, atol=1e-12)


def test_candidates_are_the_beams_without_and_with_polish(state):
    polished, raw = make_dual(polish=2), make_dual(polish=0)
    first, second = polished.candidates(state, 1.5)
    np.testing.assert_array_equal(first, raw(state))
    np.testing.assert_array_equal(second, polished(state))
    assert len(raw.candidates(state, 1.5)) == 1


def gradients(network, state):
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(metrics.utility(state, network(state), 1.5))
    return tape.gradient(loss, network.trainable_variables)


def test_gradients_agree_with_finite_differences(network, state):
    rng = np.random.default_rng(4)
    # of the weights of every layer, in one random direction
    steps = [rng.normal(size=w.shape) for w in network.trainable_variables]
    slope = sum(float(np.sum(g * s)) for g, s in zip(gradients(network, state), steps, strict=True))
    values = []
    for sign in (1e-5, -1e-5):
        for weight, step in zip(network.trainable_variables, steps, strict=True):
            weight.assign_add(sign * step)
        values.append(-float(np.mean(metrics.utility(state, network(state), 1.5))))
        for weight, step in zip(network.trainable_variables, steps, strict=True):
            weight.assign_sub(sign * step)
    np.testing.assert_allclose((values[0] - values[1]) / 2e-5, slope, rtol=1e-5)


MOVED = ("h", "noise_power", "ap_power")


class Moving:
    """The utility of a network's beams beside a silent AP, as what comes before moves."""

    def __init__(self, network, state):
        power = state.ap_power.copy()
        power[0, 1] = 0.0
        self._network = network
        self._state = ChannelState(*map(tf.constant, state._replace(ap_power=power)))
        self._steps = {}
        for name in MOVED:
            step = np.random.default_rng(6).normal(size=getattr(state, name).shape)
            if name == "ap_power":
                step[0, 1] = 0.0  # at zero the beams have no slope but an edge
            self._steps[name] = tf.constant(step)

    def utility(self, **sizes):
        moved = {}
        for name, size in sizes.items():
            value = getattr(self._state, name)
            moved[name] = value * (1.0 + tf.cast(size * self._steps[name], value.dtype))
        state = self._state._replace(**moved)
        return tf.reduce_mean(metrics.utility(state, self._network(state), 1.5))

    def slopes(self, size):
        """Of the utility at these sizes, over the size of each."""
        sizes = {name: tf.identity(size) for name in MOVED}
        with tf.GradientTape() as tape:
            tape.watch(list(sizes.values()))
            value = self.utility(**sizes)
        return tape.gradient(value, sizes)


@pytest.fixture(scope="module")
def moving(dual_network):
    return Moving(dual_network, make_state())


@pytest.fixture(scope="module", params=["eager", "xla"])
def slopes(request, moving):
    # compiled once for all that moves, which takes longer than everything else here
    run = tf.function(moving.slopes, jit_compile=True) if request.param == "xla" else moving.slopes
    return run(tf.constant(0.0, tf.float64))


@pytest.mark.parametrize("what", MOVED)
def test_gradients_of_what_comes_before_also_beside_a_silent_ap(moving, slopes, what):
    step = 1e-5
    expected = (moving.utility(**{what: step}) - moving.utility(**{what: -step})) / (2 * step)
    np.testing.assert_allclose(slopes[what], expected, rtol=1e-6)


def test_every_weight_has_a_gradient_and_all_are_finite(network, state):
    power = state.ap_power.copy()
    power[0, 1] = 0.0
    for gradient in gradients(network, state._replace(ap_power=power)):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@pytest.mark.parametrize(
    "variance",
    [0.3, [0.1, 0.2, 0.3], np.full((3, 2), 0.2), np.random.default_rng(1).uniform(size=(3, 3, 2))],
    ids=["number", "B", "BU", "BMU"],
)
def test_errors_of_the_estimate_act_like_noise(network, state, variance):
    variance = np.asarray(variance)
    per_link = np.zeros((3, 3, 2)) + variance.reshape(
        {0: (), 1: (3, 1, 1), 2: (3, 1, 2), 3: (3, 3, 2)}[variance.ndim]
    )
    noise = state.noise_power + (per_link * state.ap_power[..., None]).sum(1)
    expected = network(state._replace(noise_power=noise))
    np.testing.assert_allclose(network(state, error_variance=variance), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("variance", "message"),
    [
        (-0.1, "expected finite, non-negative numbers, got -0.1"),
        (np.inf, "expected finite, non-negative numbers"),
        ([0.1, np.nan, 0.1], "expected finite, non-negative numbers, got nan"),
        ([0.1, np.inf, 0.1], "expected finite, non-negative numbers, got inf"),
        (np.ones((3, 3)), r".* or \[B, M, U\] with B = 3, M = 3, U = 2, got shape \(3, 3\)"),
        (np.ones((3, 3, 2, 4)), r"expected a number or .*got shape \(3, 3, 2, 4\)"),
        ("little", "expected numbers, got 'little'"),
        (True, "expected numbers, got True"),
    ],
)
def test_a_wrong_error_variance_is_refused(state, variance, message):
    with pytest.raises(ValueError, match=f"^error_variance: {message}"):
        make_dual()(state, error_variance=variance)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"hidden_dim": 0}, "hidden_dim"),
        ({"num_layers": 0}, "num_layers"),
        ({"negative_slope": 1.5}, "negative_slope"),
        ({"refine": -1}, "refine"),
        ({"polish": 1.0}, "polish"),
        ({"sensing_weight": -0.1}, "sensing_weight"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_wrong_arguments_are_named(options, argument):
    with pytest.raises(ValueError, match=rf"^{argument}: expected .*got "):
        DualGNNBeamformer(**options)


def test_a_wrong_state_is_refused(state):
    network = make_dual()
    with pytest.raises(ValueError, match=r"^noise_power: expected positive values"):
        network(state._replace(noise_power=0 * state.noise_power))
    with pytest.raises(ValueError, match=r"^state\.a: these beams are for one target"):
        network(make_state(num_targets=2))
    with pytest.raises(ValueError, match=r"^sensing_weight: expected .*constructor.*got None"):
        DualGNNBeamformer()(state)
    with pytest.raises(ValueError, match=r"^sensing_weight: expected a number or shape \[3\]"):
        network(state, np.ones(2))
    with pytest.raises(ValueError, match=r"^sensing_weight: expected finite numbers >= 0, got nan"):
        network(state, np.nan)


def test_configuration():
    network = make_dual(refine=3, polish=1, name="mine")
    network.trainable = False
    copy = DualGNNBeamformer.from_config(network.get_config())
    assert copy.get_config() == network.get_config()
    assert (copy.name, copy.refine, copy.polish, copy.compute_dtype) == ("mine", 3, 1, "float64")
    assert not copy.trainable_weights


@pytest.mark.parametrize(
    ("sizes", "noise"), [((2, 8, 2), 1e-4), ((2, 4, 4), 1e-4)], ids=["U>M·Nt", "U<M·Nt"]
)
def test_single_precision_keeps_the_power_where_channels_are_nearly_dependent(
    network, sizes, noise
):
    state = CellFreeChannel(*sizes, noise_power=noise, dtype="float32")(50, seed=2)
    beams = make_dual(refine=network.refine, polish=network.polish, dtype="float32")
    np.testing.assert_allclose(metrics.ap_power(beams(state)), state.ap_power, rtol=1e-5)


def test_single_precision(state):
    network = make_dual(dtype="float32")
    f = network(single(state))
    assert f.dtype == tf.complex64
    np.testing.assert_allclose(f, make_dual()(state), atol=1e-4)
