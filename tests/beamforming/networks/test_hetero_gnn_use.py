"""Where the heterogeneous GNN can be used: graphs, Sionna, Keras, JAX; and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference_gnn import make_network, make_state, single
from without_tensorflow import beams_of_jax

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import HeteroGNNBeamformer
from sionna_cfisac.beamforming.networks.graph_layer import HeteroGraphLayer


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


def test_one_trace_for_any_batch(conditioned):
    signature = ChannelState(*(tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in make_state()))
    weights = tf.TensorSpec([None], tf.float64)

    @tf.function(input_signature=[signature, weights])
    def run(state, sensing_weight):
        return conditioned(state, sensing_weight)

    for batch in (1, 5):
        state, weight = make_state(batch), np.linspace(0.5, 3.0, batch)
        np.testing.assert_allclose(run(state, weight), conditioned(state, weight), atol=1e-12)


@pytest.mark.parametrize("precision", ["single", "double"])
def test_in_a_sionna_block(network, state, precision):
    phy = pytest.importorskip("sionna.phy")

    class Precoder(phy.Block):
        def __init__(self):
            super().__init__(precision=precision)
            self._beamformer = network

        def call(self, state):
            return self._beamformer(state)

    f = Precoder()(state)
    assert f.dtype == (tf.complex64 if precision == "single" else tf.complex128)
    np.testing.assert_allclose(f, network(state), atol=1e-5)


@keras.saving.register_keras_serializable(package="tests")
class SumRate(keras.Model):
    """A model that a user might write around the network."""

    def __init__(self, beamformer, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.beamformer = beamformer
        self.built = True

    def call(self, fields):
        state = ChannelState(**fields)
        return metrics.sum_rate(state, self.beamformer(state))

    def get_config(self):
        return {"beamformer": keras.saving.serialize_keras_object(self.beamformer)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["beamformer"]))


def test_in_a_subclassed_model_that_is_saved_and_loaded(network, state, tmp_path):
    model = SumRate(network)
    fields = {name: tf.constant(x) for name, x in state._asdict().items()}
    expected = model(fields)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(fields), expected)
    assert len(loaded.trainable_variables) == len(network.trainable_variables)


def test_in_a_functional_model_that_is_saved_and_loaded(network, state, tmp_path):
    inputs = [keras.Input(x.shape[1:], dtype=str(x.dtype)) for x in state]
    f = network(ChannelState(*inputs))
    assert f.shape == (None, 3, 3, 4)
    model = keras.Model(inputs, f)
    values = [tf.constant(x) for x in state]
    np.testing.assert_allclose(model(values), network(state), atol=1e-12)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(values), model(values))


def test_the_sensing_weight_can_be_an_input_of_a_functional_model(conditioned, state, tmp_path):
    inputs = [keras.Input(x.shape[1:], dtype=str(x.dtype)) for x in state]
    weight = keras.Input((), dtype="float64")
    model = keras.Model([*inputs, weight], conditioned(ChannelState(*inputs), weight))
    values = [*map(tf.constant, state), tf.constant([0.1, 1.0, 8.0], tf.float64)]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(values), conditioned(state, values[-1]), atol=1e-12)


def test_configuration():
    network = make_network(conditioned=True, sensing_weight=3.0, aggregation="sum", name="mine")
    network.trainable = False
    copy = HeteroGNNBeamformer.from_config(network.get_config())
    assert copy.get_config() == network.get_config()
    assert (copy.name, copy.sensing_weight, copy.compute_dtype) == ("mine", 3.0, "float64")
    assert not copy.trainable_weights


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"num_tx_ant": 0}, "num_tx_ant"),
        ({"num_tx_ant": 4.0}, "num_tx_ant"),
        ({"hidden_dim": 0}, "hidden_dim"),
        ({"num_layers": 0}, "num_layers"),
        ({"aggregation": "max"}, "aggregation"),
        ({"negative_slope": 1.5}, "negative_slope"),
        ({"negative_slope": float("nan")}, "negative_slope"),
        ({"sensing_gain_on_edge": 1}, "sensing_gain_on_edge"),
        ({"conditioned": "yes"}, "conditioned"),
        ({"conditioned": True, "sensing_weight": -0.1}, "sensing_weight"),
        ({"conditioned": True, "sensing_weight": 20.1}, "sensing_weight"),
        ({"conditioned": True, "sensing_weight": "2"}, "sensing_weight"),
        ({"sensing_weight": 2.0}, "sensing_weight"),
        ({"dtype": "float16"}, "dtype"),
        ({"dtype": "mixed_float16"}, "dtype"),
    ],
)
def test_wrong_arguments_are_named(options, argument):
    with pytest.raises(ValueError, match=rf"^{argument}: expected .*got "):
        HeteroGNNBeamformer(**options)


def test_a_layer_refuses_an_aggregation_that_it_does_not_know():
    with pytest.raises(ValueError, match=r"^aggregation: expected one of .*got 'max'"):
        HeteroGraphLayer(4, vertex_dim=0, edge_dim=4, aggregation="max")


def test_another_number_of_antennas_is_refused(network):
    message = r"^state: expected channels of 4 antennas .*got h of shape \(3, 3, 2, 6\)"
    with pytest.raises(ValueError, match=message):
        network(make_state(num_ant=6))


def test_shapes_are_checked_in_a_trace_too(network):
    state = ChannelState(*map(tf.constant, make_state(num_ant=6)))
    with pytest.raises(ValueError, match="state: expected channels of 4 antennas"):
        tf.function(network)(state)


def test_a_conditioned_network_needs_a_sensing_weight(conditioned, state):
    with pytest.raises(ValueError, match=r"^sensing_weight: expected .*constructor.*got None"):
        conditioned(state)


def test_a_network_that_is_not_conditioned_takes_no_sensing_weight(plain, state):
    with pytest.raises(ValueError, match=r"^sensing_weight: expected none, .*got 2\.0"):
        plain(state, 2.0)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(2), r"a number or shape \[3\], got \(2,\)"),
        (np.ones((3, 1)), r"a number or shape \[3\], got \(3, 1\)"),
        (np.nan, "numbers from 0 to 20, got nan"),
        ([1.0, np.inf, 1.0], "numbers from 0 to 20, got inf"),
        ("much", "a number or .*got 'much'"),
    ],
)
def test_a_wrong_sensing_weight_is_refused(conditioned, state, weight, message):
    with pytest.raises(ValueError, match=f"^sensing_weight: expected {message}"):
        conditioned(state, weight)


def test_jax_without_tensorflow_gives_the_same_beams(tmp_path, state):
    pytest.importorskip("jax")
    # few layers, because JAX compiles every operation of every shape
    network = make_network(conditioned=True, sensing_weight=2.0, num_layers=1, dtype="float32")
    theirs = beams_of_jax(tmp_path, network, single(state), sensing_weight=2.0)
    for name in ("eager", "jit"):
        assert theirs[name].dtype == np.complex64
        np.testing.assert_allclose(theirs[name], network(single(state)), atol=1e-5)
