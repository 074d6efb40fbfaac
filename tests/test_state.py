import numpy as np
import pytest

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import JointBeamformer, RZFBeamformer
from sionna_cfisac.state import check_beams, check_state

B, M, U, T, N = 2, 3, 2, 1, 4


def arrays(**changes):
    rng = np.random.default_rng(0)
    fields = dict(
        h=rng.normal(size=(B, M, U, N)) + 1j * rng.normal(size=(B, M, U, N)),
        a=np.ones((B, M, T, N), complex),
        sensing_gain=np.ones((B, M, M, T)),
        noise_power=np.full((B, U), 0.1),
        sensing_noise_power=np.full((B, M), 0.1),
        ap_power=np.full((B, M), 1 / M),
    )
    return ChannelState(**{**fields, **changes})


def test_a_good_state_passes_with_the_precision_of_h():
    state = check_state(arrays(noise_power=np.full((B, U), 0.1, np.float32)))
    assert all(str(np.asarray(v).dtype) in ("float64", "complex128") for v in state)
    single = check_state(arrays(h=arrays().h.astype(np.complex64)))
    assert all(str(np.asarray(v).dtype) in ("float32", "complex64") for v in single)
    assert (state.num_aps, state.num_users, state.num_tx_ant, state.num_targets) == (M, U, N, T)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"h": np.ones((B, M, U), complex)}, r"h: expected shape \[B, M, U, Nt\], got \(2, 3, 2\)"),
        ({"h": np.ones((B, M, U, N))}, "h: expected a complex tensor"),
        ({"noise_power": np.ones((B, U), complex)}, "noise_power: expected a real tensor"),
        ({"a": np.ones((B, M, T, 5), complex)}, r"a: expected shape \[2, 3, T, 4\], got"),
        ({"a": np.ones((B, M, 0, N), complex)}, r"a: .*T must be at least 1"),
        ({"sensing_gain": np.ones((B, M, 4, T))}, r"sensing_gain: expected shape \[2, Mr, 3, 1\]"),
        ({"sensing_noise_power": np.ones((B, 2))}, r"sensing_noise_power: expected shape \[2, 3\]"),
        ({"ap_power": np.ones((1, M))}, r"ap_power: expected shape \[2, 3\], got \(1, 3\)"),
        ({"noise_power": np.zeros((B, U))}, "noise_power: expected positive values, got 0.0"),
        ({"ap_power": -np.ones((B, M))}, "ap_power: expected non-negative values"),
        ({"sensing_gain": -np.ones((B, M, M, T))}, "sensing_gain: expected non-negative"),
        ({"h": np.full((B, M, U, N), np.nan + 0j)}, r"h: expected finite values.*\(0, 0, 0, 0\)"),
        ({"ap_power": np.full((B, M), np.inf)}, "ap_power: expected finite values"),
    ],
)
def test_wrong_states(changes, message):
    with pytest.raises(ValueError, match=message):
        check_state(arrays(**changes))


def test_only_a_state_is_a_state():
    with pytest.raises(ValueError, match="state: expected a ChannelState, got tuple"):
        check_state(tuple(arrays()))


def test_from_arrays_fills_the_rest():
    state = arrays()
    built = ChannelState.from_arrays(state.h, state.a, sensing_gain=2.0, noise_power=[0.1, 0.3])
    np.testing.assert_array_equal(np.asarray(built.sensing_gain), np.full((B, M, M, T), 2.0))
    np.testing.assert_allclose(np.asarray(built.noise_power), [[0.1, 0.3]] * B)
    np.testing.assert_allclose(np.asarray(built.ap_power), 1 / M)
    other = ChannelState.from_arrays(state.h, state.a, sensing_gain=np.ones((B, 5, M, T)))
    assert other.sensing_noise_power.shape == (B, 5)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (np.ones((B, M, U), complex), "f: expected shape"),
        (np.ones((B, M, U, 5), complex), r"f: expected shape \[B, 3, S, 4\] with S >= 2, got"),
        (np.ones((B, M, 1, N), complex), "S >= 2"),
        (np.ones((3, M, U, N), complex), "f: expected a batch of 2"),
        (np.ones((B, M, U, N)), "f: expected a complex tensor"),
    ],
)
def test_wrong_beams(f, message):
    with pytest.raises(ValueError, match=message):
        check_beams(f, check_state(arrays()))


@pytest.mark.parametrize(
    ("field", "shape", "message"),
    [
        (
            "noise_power",
            (7,),
            r"noise_power: expected a shape that broadcasts to \[B, U\] = \(7, 2\)",
        ),
        (
            "ap_power",
            (7,),
            r"ap_power: expected a shape that broadcasts to \[B, M\] = \(7, 5\), got",
        ),
        ("sensing_noise_power", (3,), r"sensing_noise_power: expected a shape that broadcasts to"),
        (
            "sensing_gain",
            (3, 5, 1),
            r"sensing_gain: expected a shape that broadcasts to \[B, Mr, M",
        ),
        ("sensing_gain", (7, 3, 4, 1), r"sensing_gain: expected a shape that .* = \(7, 3, 5, 1\)"),
        ("sensing_gain", (1, 1, 1, 1, 1), r"sensing_gain: expected a shape that broadcasts to"),
    ],
)
def test_from_arrays_names_what_does_not_broadcast(field, shape, message):
    h, a = np.ones((7, 5, 2, 4), complex), np.ones((7, 5, 1, 4), complex)
    with pytest.raises(ValueError, match=message):
        ChannelState.from_arrays(h, a, **{field: np.ones(shape)})


def test_from_arrays_takes_receivers_that_are_not_the_transmitters():
    h, a = np.ones((7, 5, 2, 4), complex), np.ones((7, 5, 1, 4), complex)
    built = ChannelState.from_arrays(h, a, sensing_gain=np.ones((1, 3, 5, 1)))
    assert tuple(built.sensing_gain.shape) == (7, 3, 5, 1)
    assert tuple(built.sensing_noise_power.shape) == (7, 3)


def test_from_arrays_says_which_order_of_axes_fits():
    h, a = np.ones((7, 5, 2, 4), complex), np.ones((7, 5, 1, 4), complex)
    message = (
        r"h: expected shape \[B, M, U, Nt\] = \[7, 5, U, 4\].*order \(0, 2, 1, 3\) it would fit"
    )
    with pytest.raises(ValueError, match=message):
        ChannelState.from_arrays(np.swapaxes(h, 1, 2), a)
    with pytest.raises(ValueError, match=r"h: expected .* got \(6, 5, 2, 4\)$"):
        ChannelState.from_arrays(np.ones((6, 5, 2, 4), complex), a)


def test_a_state_without_a_target_is_for_communication():
    h = np.random.default_rng(1).standard_normal((7, 5, 2, 4)) + 0j
    state = ChannelState.from_arrays(h)
    f = RZFBeamformer()(state)
    np.testing.assert_array_equal(metrics.sensing_snr(state, f), 0.0)
    np.testing.assert_allclose(metrics.utility(state, f, 2.0), metrics.sum_rate(state, f))
    best = JointBeamformer(2.0)(state)
    assert np.all(np.asarray(metrics.sum_rate(state, best)) > metrics.sum_rate(state, f))
    with pytest.raises(ValueError, match="sensing_gain: expected no value where a is None"):
        ChannelState.from_arrays(h, sensing_gain=2.0)
