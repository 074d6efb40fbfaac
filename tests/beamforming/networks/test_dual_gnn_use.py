"""Where the network of multipliers can be used: graphs, XLA, Keras, JAX; weights in files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference_dual import make_dual
from reference_gnn import make_state, single
from without_tensorflow import beams_of_jax

from sionna_cfisac import ChannelState
from sionna_cfisac.beamforming import (
    DualGNNBeamformer,
)


@pytest.fixture(scope="module")
def state():
    return make_state()


@pytest.fixture
def network(dual_network):
    return dual_network


def test_one_trace_for_any_batch(state):
    network = make_dual()
    signature = ChannelState(*(tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in state))

    @tf.function(input_signature=[signature, tf.TensorSpec([None], tf.float64)])
    def run(state, sensing_weight):
        return network(state, sensing_weight, sensing_weight)

    for batch in (1, 5):
        state, weight = make_state(batch), np.linspace(0.5, 3.0, batch)
        np.testing.assert_allclose(run(state, weight), network(state, weight, weight), atol=1e-12)


def test_in_a_functional_model_that_is_saved_and_loaded(state, tmp_path):
    network = make_dual()
    inputs = [keras.Input(x.shape[1:], dtype=str(x.dtype)) for x in state]
    weight = keras.Input((), dtype="float64")
    f = network(ChannelState(*inputs), weight)
    assert f.shape == (None, 3, 2, 4)
    values = [*map(tf.constant, state), tf.constant([0.1, 1.0, 8.0], tf.float64)]
    keras.Model([*inputs, weight], f).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(values), network(state, values[-1]), atol=1e-12)


def test_weights_are_saved_and_loaded_with_other_steps(state, tmp_path):
    network = make_dual(polish=2)
    network.save(tmp_path / "net")
    loaded = DualGNNBeamformer.load(tmp_path / "net", sensing_weight=1.5, polish=0, dtype="float64")
    np.testing.assert_allclose(loaded(state), make_dual(polish=0)(state), atol=1e-12)


def test_jax_without_tensorflow_gives_the_same_beams(tmp_path, state):
    pytest.importorskip("jax")
    options = {"sensing_weight": 1.5, "refine": 1, "polish": 1}
    network = make_dual(num_layers=1, dtype="float32", **options)
    theirs = beams_of_jax(tmp_path, network, single(state), **options)
    for name in ("eager", "jit"):
        assert theirs[name].dtype == np.complex64
        np.testing.assert_allclose(theirs[name], network(single(state)), atol=1e-4)
