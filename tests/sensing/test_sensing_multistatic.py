import keras
import numpy as np
import pytest

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.sensing import MultistaticChannel


def complex_normal(rng, *shape):
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)


def random_state(rng, batch, num_aps, num_rx, num_targets, num_ant, same=False):
    """A random state; with ``same`` all of its batch is one channel."""
    draws = 1 if same else batch
    theta = rng.uniform(-1.5, 1.5, (draws, num_aps, num_targets, 1))
    state = ChannelState(
        h=complex_normal(rng, draws, num_aps, 2, num_ant),
        a=np.exp(1j * np.pi * np.arange(num_ant) * np.sin(theta)),
        sensing_gain=rng.exponential(size=(draws, num_rx, num_aps, num_targets)),
        noise_power=np.full((draws, 2), 0.1),
        sensing_noise_power=rng.uniform(0.05, 0.5, (draws, num_rx)),
        ap_power=np.ones((draws, num_aps)),
    )
    return ChannelState(*(np.repeat(field, batch // draws, axis=0) for field in state))


def random_receivers(rng, batch, num_rx, num_targets, num_ant):
    theta = rng.uniform(-1.5, 1.5, (batch, num_rx, num_targets, 1))
    return np.exp(1j * np.pi * np.arange(num_ant) * np.sin(theta))


def symbols(rng, *shape):
    """Symbols of unit energy: QPSK."""
    return np.exp(1j * np.pi / 2 * (rng.integers(4, size=shape) + 0.5))


@pytest.mark.parametrize(
    ("num_aps", "num_rx", "num_targets", "num_ant", "num_rx_ant"),
    [(1, 1, 1, 4, 4), (3, 3, 1, 8, 3), (5, 2, 1, 4, 6), (4, 4, 2, 4, 4), (2, 3, 2, 3, 5)],
)
def test_echo_over_noise_is_the_sensing_snr(num_aps, num_rx, num_targets, num_ant, num_rx_ant):
    rng = np.random.default_rng(num_aps * 100 + num_targets)
    batch, length, num_streams = 6000, 16, 4
    state = random_state(rng, batch, num_aps, num_rx, num_targets, num_ant, same=True)
    a_rx = np.repeat(random_receivers(rng, 1, num_rx, num_targets, num_rx_ant), batch, axis=0)
    f = complex_normal(rng, num_aps, num_streams, num_ant)
    x = np.einsum("msn,bsl->bmnl", f, symbols(rng, batch, num_streams, length))
    quiet = MultistaticChannel(add_noise=False)(x, state, a_rx, seed=1)
    loud = MultistaticChannel()(x, state, a_rx, seed=1)
    echo = np.sum(np.abs(np.asarray(quiet)) ** 2, axis=(1, 2, 3))
    noise = np.sum(np.abs(np.asarray(loud) - np.asarray(quiet)) ** 2, axis=(1, 2, 3))
    ratio = echo.mean() / noise.mean()
    # delta method: echo and noise are independent from block to block
    spread = (echo - ratio * noise).std() / np.sqrt(batch) / noise.mean()
    snr = np.asarray(metrics.sensing_snr(state, np.repeat(f[None], batch, axis=0)))[0].sum()
    assert spread < 0.03 * snr
    assert abs(ratio - snr) < 4 * spread


@pytest.mark.parametrize(
    ("num_rx_ant", "given", "dtype", "tolerance"),
    [
        (None, False, "float32", 2e-5),
        (5, False, "float32", 2e-5),
        (5, True, "float32", 2e-5),
        (5, True, "float64", 1e-12),
    ],
)
def test_echo_is_the_sum_of_equation_6(num_rx_ant, given, dtype, tolerance):
    rng = np.random.default_rng(8)
    batch, num_aps, num_targets, num_ant, length = 2, 3, 2, 4, 6
    state = random_state(rng, batch, num_aps, num_aps, num_targets, num_ant)
    a_rx = random_receivers(rng, batch, num_aps, num_targets, 5) if given else None
    x = complex_normal(rng, batch, num_aps, num_ant, length)
    if given:
        arrive = a_rx
    else:
        step = state.a[..., 1:2]
        arrive = step ** np.arange(num_rx_ant or num_ant)
    layer = MultistaticChannel(num_rx_ant, add_noise=False, dtype=dtype)
    total = 0
    for receiver, transmitter, t in np.ndindex(num_aps, num_aps, num_targets):
        mask = np.zeros((num_aps, num_aps, num_targets))
        # all gains zero but one: what is left is a single term of the sum
        mask[receiver, transmitter, t] = 1.0
        one = state._replace(sensing_gain=state.sensing_gain * mask)
        y = np.asarray(layer(x, one, a_rx, seed=3))
        total = total + y
        for b in range(batch):
            shape = np.outer(
                arrive[b, receiver, t], state.a[b, transmitter, t].conj() @ x[b, transmitter]
            )
            alpha = np.vdot(shape, y[b, receiver]) / np.vdot(shape, shape)
            # rank one, one gain for all antennas and symbols, and nothing at other receivers
            np.testing.assert_allclose(y[b, receiver], alpha * shape, atol=tolerance)
            assert abs(alpha) > 0
            others = np.delete(y[b], receiver, axis=0)
            np.testing.assert_allclose(others, 0.0, atol=tolerance)
    np.testing.assert_allclose(np.asarray(layer(x, state, a_rx, seed=3)), total, atol=5 * tolerance)


def test_gains_are_complex_normal_with_variance_zeta():
    batch = 20_000
    state = ChannelState.from_arrays(
        np.ones((batch, 1, 1, 1), complex), np.ones((batch, 1, 1, 1), complex), sensing_gain=3.0
    )
    x = np.ones((batch, 1, 1, 2), complex)
    alpha = np.asarray(MultistaticChannel(add_noise=False)(x, state, seed=2))[:, 0, 0]
    # Swerling I: the gain stands still over the block
    np.testing.assert_array_equal(alpha[:, 0], alpha[:, 1])
    alpha = alpha[:, 0]
    error = 4 * 3.0 / np.sqrt(batch)
    assert abs(np.mean(np.abs(alpha) ** 2) - 3.0) < error
    assert abs(np.mean(alpha**2)) < error
    assert abs(np.mean(alpha)) < 4 * np.sqrt(3.0 / batch)
    # |alpha|² is exponential: E|alpha|⁴ = 2 ζ⁴, with a variance of 20 ζ⁸
    assert abs(np.mean(np.abs(alpha) ** 4) - 18.0) < 4 * np.sqrt(20.0) * 9.0 / np.sqrt(batch)


def test_noise_is_white_with_the_power_of_each_receiver():
    rng = np.random.default_rng(4)
    batch, length = 400, 20
    state = random_state(rng, batch, 3, 3, 1, 4, same=True)
    x = np.zeros((batch, 3, 4, length), complex)
    noise = np.asarray(MultistaticChannel()(x, state, seed=5))
    for receiver, power in enumerate(state.sensing_noise_power[0]):
        samples = noise[:, receiver]
        assert abs(np.mean(np.abs(samples) ** 2) / power - 1) < 4 / np.sqrt(samples.size)
        for lag in (
            samples[..., 1:] * samples[..., :-1].conj(),
            samples[:, 1:] * samples[:, :-1].conj(),
        ):
            assert abs(lag.mean()) < 4 * power / np.sqrt(lag.size)


def test_seeds():
    state = CellFreeChannel(seed=1)(3)
    x = np.ones((3, 5, 8, 4), complex)
    first, second = MultistaticChannel(seed=6), MultistaticChannel(seed=6)
    one, two = np.asarray(first(x, state)), np.asarray(first(x, state))
    assert np.abs(one - two).max() > 0
    np.testing.assert_array_equal(np.asarray(second(x, state)), one)
    # a seed of the call leaves the generator alone
    np.testing.assert_array_equal(second(x, state, seed=9), first(x, state, seed=9))
    np.testing.assert_array_equal(np.asarray(second(x, state)), two)


@pytest.mark.parametrize("per_call", [True, False])
def test_gains_do_not_repeat_the_fading_of_the_same_seed(per_call):
    shape = dict(num_aps=1, num_users=1, num_tx_ant=1, sensing_gain="unit")
    seeds = {"seed": 7} if per_call else {}
    layer_seed = {} if per_call else {"seed": 7}
    state = CellFreeChannel(**shape, **layer_seed)(2000, **seeds)
    x = np.ones((2000, 1, 1, 1), complex)
    alpha = MultistaticChannel(add_noise=False, **layer_seed)(x, state, **seeds)
    correlation = np.vdot(np.asarray(alpha).ravel(), np.asarray(state.h).ravel()) / 2000
    assert abs(correlation) < 4 / np.sqrt(2000)


def test_double_precision_is_the_same_draw():
    state = CellFreeChannel(seed=1)(3)
    x = np.ones((3, 5, 8, 4), complex)
    single = np.asarray(MultistaticChannel()(x, state, seed=1))
    double = np.asarray(MultistaticChannel(dtype="float64")(x, state, seed=1))
    assert (single.dtype, double.dtype) == ("complex64", "complex128")
    np.testing.assert_allclose(single, double, atol=1e-4)


def test_functional_model_is_saved_and_loaded(tmp_path):
    state = CellFreeChannel(seed=1)(3)
    x = np.ones((3, 5, 8, 4), np.complex64)
    inputs = [keras.Input(x.shape[1:], dtype="complex64")]
    inputs += [
        keras.Input(v.shape[1:], dtype=keras.backend.standardize_dtype(v.dtype)) for v in state
    ]
    y = MultistaticChannel(num_rx_ant=6, seed=3)(inputs[0], ChannelState(*inputs[1:]))
    model = keras.Model(inputs, y)
    assert y.shape == (None, 5, 6, 4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    values = [keras.ops.convert_to_tensor(x), *state]
    np.testing.assert_allclose(loaded(values), model(values), rtol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_in_a_traced_function(jit):
    tf = pytest.importorskip("tensorflow")
    layer, channel = MultistaticChannel(seed=1), CellFreeChannel(seed=2)

    @tf.function(jit_compile=jit)
    def run(x):
        return layer(x, channel(4))

    x = tf.ones([4, 5, 8, 3], tf.complex64)
    assert run(x).shape == (4, 5, 8, 3)
    assert np.abs(run(x) - run(x)).max() > 0


def test_in_a_traced_function_with_any_batch():
    tf = pytest.importorskip("tensorflow")
    layer, channel = MultistaticChannel(), CellFreeChannel()

    @tf.function
    def run(batch_size):
        return layer(tf.ones([batch_size, 5, 8, 3], tf.complex64), channel(batch_size))

    assert [run(tf.constant(n)).shape[0] for n in (2, 7)] == [2, 7]


def test_in_a_sionna_block():
    phy = pytest.importorskip("sionna.phy")

    class Radar(phy.Block):
        def __init__(self):
            super().__init__()
            self._channel = CellFreeChannel(seed=1)
            self._echo = MultistaticChannel(seed=1)

        def call(self, x):
            return self._echo(x, self._channel(int(x.shape[0])))

    assert Radar()(np.ones((2, 5, 8, 3), np.complex64)).shape == (2, 5, 8, 3)


STATE = random_state(np.random.default_rng(0), 2, 3, 3, 2, 4)
X = np.ones((2, 3, 4, 5), complex)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": X[0]}, r"x: expected shape \[B, 3, 4, L\], got \(3, 4, 5\)"),
        ({"x": X[:, :2]}, r"x: expected shape \[B, 3, 4, L\], got \(2, 2, 4, 5\)"),
        ({"x": X[:, :, :3]}, r"x: expected shape \[B, 3, 4, L\]"),
        ({"x": X[:1]}, "x: expected a batch of 2, got"),
        ({"x": X.real}, "x: expected a complex tensor"),
        ({"a_rx": np.ones((2, 3, 1, 4), complex)}, r"a_rx: expected shape \[B, 3, 2, Nr\]"),
        ({"a_rx": np.ones((2, 3, 2), complex)}, r"a_rx: expected shape \[B, 3, 2, Nr\]"),
        ({"a_rx": np.ones((1, 3, 2, 4), complex)}, "a_rx: expected a batch of 2"),
        ({"a_rx": np.ones((2, 3, 2, 4))}, "a_rx: expected a complex tensor"),
        ({"state": STATE._replace(a=STATE.a * np.nan)}, "a: expected finite values"),
        (
            {"state": random_state(np.random.default_rng(0), 2, 3, 2, 2, 4)},
            r"a_rx: expected steering vectors of shape \[B, 2, 2, Nr\].*got None",
        ),
    ],
)
def test_wrong_inputs(changes, message):
    inputs = {"x": X, "state": STATE, "a_rx": None, **changes}
    with pytest.raises(ValueError, match=message):
        MultistaticChannel()(**inputs)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="num_rx_ant: expected a positive integer"):
        MultistaticChannel(0)
    with pytest.raises(ValueError, match="add_noise: expected True or False"):
        MultistaticChannel(add_noise="no")
    with pytest.raises(ValueError, match="dtype: expected float32 or float64"):
        MultistaticChannel(dtype="float16")
    wrong = np.ones((2, 3, 2, 4), complex)
    with pytest.raises(ValueError, match=r"a_rx: expected shape \[B, 3, 2, 6\]"):
        MultistaticChannel(6)(X, STATE, wrong)
