"""What holds for every channel layer: seeds, precision, and where it can be used."""

import keras
import numpy as np
import pytest

from sionna_cfisac import ChannelState
from sionna_cfisac.channel import CellFreeChannel, TopologyChannel

CHANNELS = {
    "rayleigh": lambda **options: CellFreeChannel(3, 2, 4, **options),
    "topology": lambda **options: TopologyChannel(
        3, 2, 4, path_loss="umi", shadowing_std_db=4.0, k_factor_db=3.0, **options
    ),
}


@pytest.fixture(params=list(CHANNELS))
def make(request):
    return CHANNELS[request.param]


def equal(one, other):
    return all(
        np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(one, other, strict=True)
    )


@keras.saving.register_keras_serializable(package="tests")
class MeanGain(keras.Model):
    """A model that draws its own channels."""

    def __init__(self, channel, **kwargs):
        super().__init__(**kwargs)
        self.channel = channel

    def call(self, x):
        return x * keras.ops.mean(keras.ops.square(keras.ops.abs(self.channel(8).h)))

    def get_config(self):
        return {"channel": keras.saving.serialize_keras_object(self.channel)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["channel"]))


def test_seed_of_the_layer(make):
    first, second = make(seed=4), make(seed=4)
    one, two = first(6), first(6)
    assert not equal(one, two)
    assert equal(second(6), one)
    assert equal(second(6), two)
    assert not equal(make(seed=5)(6), one)


def test_seed_of_the_call_leaves_the_layer_alone(make):
    channel, twin = make(seed=4), make(seed=4)
    drawn = channel(6, seed=1)
    assert equal(channel(6, seed=1), drawn)
    assert equal(make()(6, seed=1), drawn)
    assert not equal(channel(6, seed=2), drawn)
    # the layer's own sequence goes on as if nothing had been drawn
    assert equal(channel(6), twin(6))


def test_no_seed_is_new_every_time(make):
    assert not equal(make()(6), make()(6))


def test_double_precision_is_the_same_channel(make):
    single, double = make()(50, seed=3), make(dtype="float64")(50, seed=3)
    for one, other in zip(single, double, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype in (np.float32, np.complex64)
        assert other.dtype in (np.float64, np.complex128)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5 * np.abs(other).max())


def test_steering_vectors_are_exact_in_double_precision(make):
    a = np.asarray(make(dtype="float64")(5, seed=1).a)
    np.testing.assert_allclose(np.abs(a), 1.0, rtol=1e-14)
    np.testing.assert_allclose(a, a[..., 1:2] ** np.arange(4), atol=1e-13)


def test_configuration(make):
    channel = make(seed=3, noise_power=[0.1, 0.2], name="mine")
    copy = type(channel).from_config(channel.get_config())
    assert copy.get_config() == channel.get_config()
    assert equal(copy(4), channel(4))


def test_in_a_model_that_is_saved_and_loaded(make, tmp_path):
    model = MeanGain(make(seed=2))
    x = np.ones((1, 1), np.float32)
    first = float(model(x)[0, 0])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    # Keras saves the seed, not how far its generator has come
    assert float(loaded(x)[0, 0]) == pytest.approx(first, rel=1e-5)
    assert model.predict(x, verbose=0).shape == (1, 1)


def test_in_a_sionna_block(make):
    phy = pytest.importorskip("sionna.phy")

    class Gain(phy.Block):
        def __init__(self):
            super().__init__()
            self._channel = make(seed=1)

        def call(self, batch_size):
            return self._channel(batch_size).h

    assert Gain()(5).shape == (5, 3, 2, 4)


def test_in_a_traced_function(make):
    tf = pytest.importorskip("tensorflow")
    channel = make(seed=1)
    run = tf.function(lambda: channel(6))
    one, two = run(), run()
    assert isinstance(one, ChannelState)
    assert not equal(one, two)
    # a trace draws what eager code draws
    expected = make(seed=1)(6)
    for got, want in zip(one, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def test_in_a_traced_function_with_any_batch(make):
    tf = pytest.importorskip("tensorflow")
    channel = make()
    run = tf.function(lambda n: channel(n, seed=3))
    for n in (1, 7):
        state = run(tf.constant(n))
        assert [field.shape[0] for field in state] == [n] * 6
        expected = channel(n, seed=3)
        for got, want in zip(state, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def test_compiled_by_xla(make):
    tf = pytest.importorskip("tensorflow")
    channel = make(seed=1)
    run = tf.function(lambda: channel(4000), jit_compile=True)
    one, two = run(), run()
    assert not equal(one, two)
    # XLA has other random numbers: compare medians of the gains with those of eager code
    got = np.median(10 * np.log10(np.abs(np.asarray(one.h)) ** 2))
    powers = 10 * np.log10(np.abs(np.asarray(channel(4000).h)) ** 2)
    # standard error of a median from the density around it; links of one channel are correlated
    density = np.mean(np.abs(powers - np.median(powers)) < 1.0) / 2.0
    assert abs(got - np.median(powers)) < 4 * np.sqrt(2) / (2 * density * np.sqrt(4000))


@pytest.mark.parametrize("wrong", [0, -3, 2.5, True, "8", None])
def test_a_wrong_batch_size_is_named(wrong):
    for layer in (CellFreeChannel(2, 2, 4), TopologyChannel(2, 2, 4)):
        for draw in (layer, layer.with_link_gain):
            with pytest.raises(ValueError, match=r"^batch_size: expected a positive integer, got"):
                draw(wrong)
