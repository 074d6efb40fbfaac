"""The heterogeneous GNN against loops in NumPy, its gradients and conditioning."""

import itertools
import warnings

import numpy as np
import pytest
import tensorflow as tf
from reference_gnn import (
    Reference,
    make_network,
    make_state,
    named,
    reference_context,
    single,
)

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import HeteroGNNBeamformer


@pytest.fixture(scope="module")
def state():
    return make_state()


@pytest.fixture(scope="module")
def plain():
    return make_network()


@pytest.fixture(scope="module")
def conditioned():
    return make_network(conditioned=True)


@pytest.fixture(scope="module", params=["plain", "conditioned"])
def network(request, plain):
    is_plain = request.param == "plain"
    return plain if is_plain else make_network(conditioned=True, sensing_weight=1.5)


@pytest.mark.parametrize("num_targets", [1, 2])
@pytest.mark.parametrize("sensing_weight", [None, 3.0])
@pytest.mark.parametrize("gain_on_edge", [True, False])
@pytest.mark.parametrize("aggregation", ["mean", "sum"])
def test_beams_are_those_of_the_equations(aggregation, gain_on_edge, sensing_weight, num_targets):
    network = make_network(
        aggregation=aggregation,
        sensing_gain_on_edge=gain_on_edge,
        conditioned=sensing_weight is not None,
        sensing_weight=sensing_weight,
    )
    state = make_state(num_targets=num_targets)
    f = np.asarray(network(state))
    reference = Reference(network, sensing_weight)
    for b in range(len(f)):
        np.testing.assert_allclose(f[b], reference(state, b), atol=1e-10)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_depth(num_layers, state):
    network = make_network(num_layers=num_layers)
    np.testing.assert_allclose(network(state)[0], Reference(network)(state, 0), atol=1e-10)


def test_each_channel_has_its_own_sensing_weight(conditioned, state):
    f = np.asarray(conditioned(state, [0.0, 0.7, 20.0]))
    for b, weight in enumerate((0.0, 0.7, 20.0)):
        np.testing.assert_allclose(f[b], Reference(conditioned, weight)(state, b), atol=1e-10)


def test_the_call_overrides_the_weight_of_the_constructor(state):
    network = make_network(conditioned=True, sensing_weight=5.0)
    bare = make_network(conditioned=True)
    np.testing.assert_array_equal(network(state), bare(state, 5.0))
    np.testing.assert_array_equal(network(state, 1.0), bare(state, 1.0))
    assert np.abs(network(state) - network(state, 1.0)).max() > 1e-3


def test_beams_for_a_weight_that_only_a_conditioned_network_is_told(plain, conditioned, state):
    np.testing.assert_array_equal(plain.beams(state, 2.0), plain(state))
    np.testing.assert_array_equal(conditioned.beams(state, 2.0), conditioned(state, 2.0))


@pytest.mark.parametrize("sizes", list(itertools.product([1, 5], [1, 4], [1, 3])))
def test_one_network_for_any_number_of_aps_users_and_targets(network, sizes):
    num_aps, num_users, num_targets = sizes
    state = make_state(2, num_aps, 2, num_users, num_targets)
    f = network(state)
    assert f.shape == (2, num_aps, num_users + num_targets, 4)
    np.testing.assert_allclose(metrics.ap_power(f), state.ap_power, rtol=1e-10)


def test_permuting_targets_permutes_their_beams(network):
    state = make_state(num_targets=3)
    order = [1, 2, 0]
    moved = state._replace(a=state.a[:, :, order], sensing_gain=state.sensing_gain[..., order])
    expected = np.asarray(network(state))[:, :, [0, 1, 3, 4, 2]]
    np.testing.assert_allclose(network(moved), expected, atol=1e-12)


def gradients(network, state):
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(metrics.utility(state, network(state), 2.0))
    return dict(
        zip(
            (w.path for w in network.trainable_weights),
            tape.gradient(loss, network.trainable_weights),
            strict=True,
        )
    )


def test_a_loss_outside_reaches_every_weight(network):
    for path, gradient in gradients(network, make_state(num_targets=2)).items():
        assert gradient is not None, path
        assert np.isfinite(gradient).all(), path
        assert np.abs(gradient).max() > 0, path


@pytest.mark.parametrize("conditioned", [True, False])
def test_the_gradient_is_that_of_finite_differences(state, conditioned):
    network = make_network(conditioned=conditioned, sensing_weight=1.5 if conditioned else None)
    rng = np.random.default_rng(3)
    directions = [rng.normal(size=weight.shape) for weight in network.trainable_weights]
    pairs = zip(directions, gradients(network, state).values(), strict=True)
    slope = sum(np.vdot(direction, gradient) for direction, gradient in pairs)
    losses = []
    for step in (1e-6, -2e-6):
        for weight, direction in zip(network.trainable_weights, directions, strict=True):
            weight.assign_add(step * direction)
        losses.append(-np.mean(metrics.utility(state, network(state), 2.0)))
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-6)


DARK = {
    "h": lambda s: s._replace(h=np.zeros_like(s.h)),
    "one AP's h": lambda s: s._replace(h=s.h * np.array([1.0, 0.0, 1.0])[:, None, None]),
    "h and gain": lambda s: s._replace(
        h=np.zeros_like(s.h), sensing_gain=np.zeros_like(s.sensing_gain)
    ),
    "power": lambda s: s._replace(ap_power=s.ap_power * [1.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("name", DARK)
def test_zeros_in_the_channel_give_finite_beams_and_gradients(name, fresh, state):
    # a fresh network has biases of zero: where all its inputs are zero, so are all its edges
    network = HeteroGNNBeamformer(4, hidden_dim=6, num_layers=2) if fresh else make_network()
    dark = DARK[name](state)
    f = np.asarray(network(dark))
    assert np.isfinite(f).all()
    assert (np.asarray(metrics.ap_power(f)) <= dark.ap_power * (1 + 1e-6)).all()
    for path, gradient in gradients(network, dark).items():
        assert np.isfinite(gradient).all(), path


def test_gradients_by_xla_are_those_of_eager_code_for_zeros_too(plain, state):
    # TensorFlow's own gradient of a root takes 0/0 for 0 where XLA and JAX do not
    compiled = tf.function(lambda s: gradients(plain, s), jit_compile=True)
    for change in DARK.values():
        dark = ChannelState(*map(tf.constant, change(state)))
        expected = gradients(plain, dark)
        for path, gradient in compiled(dark).items():
            np.testing.assert_allclose(gradient, expected[path], atol=1e-10, err_msg=path)


def test_the_initial_beams_of_a_single_precision_network_are_of_full_power(state):
    network = HeteroGNNBeamformer(4, hidden_dim=16)
    np.testing.assert_allclose(metrics.ap_power(network(state)), state.ap_power, rtol=1e-5)


def test_a_conditioned_network_starts_as_one_that_is_not(state):
    network = HeteroGNNBeamformer(4, hidden_dim=16, num_layers=2, conditioned=True)
    np.testing.assert_array_equal(network(state, 0.0), network(state, 20.0))


@pytest.mark.parametrize("network_dtype", ["float32", "float64"])
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("sensing_weight", [None, 2.0])
def test_precision_follows_the_channels(state, network_dtype, double, sensing_weight):
    options = {"conditioned": sensing_weight is not None, "sensing_weight": sensing_weight}
    network = make_network(dtype=network_dtype, **options)
    f = network(state if double else single(state))
    assert f.dtype == (tf.complex128 if double else tf.complex64)
    assert {w.dtype for w in network.weights} == {network_dtype}
    np.testing.assert_allclose(f, make_network(**options)(state), atol=2e-4)


def test_a_conditioned_network_at_one_weight_and_noise_is_one_of_the_paper(conditioned, state):
    state = state._replace(noise_power=np.full_like(state.noise_power, 0.3))
    weights = named(conditioned)
    context = reference_context(weights, 4.0, 0.3)
    folded = make_network()
    for weight in folded.weights:
        layer, name = weight.path.split("/")[-2:]
        value = weights[f"{layer}/{name}"]
        films = {k: weights[f"{layer}/{k}_edge_context"].T @ context for k in ("ue", "target")}
        parts = {kind: np.split(film, 2) for kind, film in films.items()}
        if name == "edges_from_ap":
            value = value * (1 + np.concatenate([parts["ue"][0], parts["target"][0]]))
        for kind, (scale, shift) in parts.items():
            if name in (f"{kind}_edge", f"edge_from_{kind}"):
                value = value * (1 + scale)
            elif name == f"{kind}_edge_bias":
                value = value * (1 + scale) + shift
        weight.assign(value)
    np.testing.assert_allclose(folded(state), conditioned(state, 4.0), atol=1e-12)


def outside(state):
    noise = np.array([[1e-3, 0.5], [0.2, 4.0], [0.01, 1.0]])
    return state._replace(noise_power=noise), state._replace(noise_power=noise.clip(0.01, 1.0))


def test_noise_outside_the_range_is_warned_of_and_seen_as_the_nearest_within(conditioned, state):
    odd, nearest = outside(state)
    with pytest.warns(UserWarning, match=r"noise_power: .* 0.01 to 1, got 0.001") as record:
        f = conditioned(odd, 2.0)
    # the line that the user can change
    assert [w.filename for w in record] == [__file__]
    np.testing.assert_array_equal(f, conditioned(nearest, 2.0))


def test_a_trace_clips_the_noise_without_a_warning(conditioned, state):
    odd, nearest = outside(state)
    run = tf.function(lambda s: conditioned(s, 2.0))
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        f = run(ChannelState(*map(tf.constant, odd)))
    assert not [w for w in record if "noise_power" in str(w.message)]
    np.testing.assert_allclose(f, conditioned(nearest, 2.0), atol=1e-12)


def test_noise_at_the_limits_is_not_warned_of(conditioned, state):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        conditioned(outside(single(state))[1], 2.0)
    assert not [w for w in record if "noise_power" in str(w.message)]


def test_a_network_that_is_not_conditioned_has_no_range_of_noise(plain, state):
    odd, nearest = outside(state)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(plain(odd), plain(nearest))
    assert not [w for w in record if "noise_power" in str(w.message)]


def test_weights_outside_the_range_are_refused_or_in_a_trace_seen_as_the_nearest(
    conditioned, state
):
    @tf.function
    def traced(weight):
        return conditioned(state, weight)

    for odd, nearest in ((50.0, 20.0), (-1.0, 0.0)):
        with pytest.raises(ValueError, match=r"^sensing_weight: expected numbers from 0 to 20"):
            conditioned(state, odd)
        beams = traced(tf.constant(odd, tf.float64))
        np.testing.assert_allclose(beams, conditioned(state, nearest), rtol=1e-6, atol=1e-7)
    assert np.abs(conditioned(state, 20.0) - conditioned(state, 15.0)).max() > 1e-5
