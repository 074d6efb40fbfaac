"""What holds for every beamformer; tests/helpers/method_table.py lists them and the exceptions."""

import numpy as np
import pytest
import tensorflow as tf
from method_table import METHODS, NUM_ANT, beamformer, methods_with, table_beams, table_state
from reference_dual import unitary
from reference_gnn import single, with_aps, with_users

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import Beamformer


@pytest.fixture
def state():
    return table_state()


@pytest.fixture
def beams(name):
    return np.asarray(table_beams(name))


@pytest.fixture
def agree(name):
    """Beams that are the same in theory."""
    return lambda one, other: np.testing.assert_allclose(one, other, atol=METHODS[name].tolerance)


@methods_with()
def test_every_ap_uses_its_power_and_no_more(state, name, beams):
    np.testing.assert_allclose(metrics.ap_power(beams), state.ap_power, rtol=1e-10)
    assert isinstance(beamformer(name), Beamformer)


@methods_with()
def test_an_ap_without_power_stays_silent(state, name):
    power = state.ap_power.copy()
    power[:, 1] = 0.0
    f = np.asarray(beamformer(name)(state._replace(ap_power=power)))
    assert np.isfinite(f).all()
    np.testing.assert_array_equal(f[:, 1], 0.0)
    np.testing.assert_allclose((abs(f) ** 2).sum((2, 3)), power, rtol=1e-9, atol=1e-30)


@methods_with("zeros")
def test_a_channel_of_zeros_gives_finite_beams(state, name):
    f = np.asarray(beamformer(name)(state._replace(h=np.zeros_like(state.h))))
    assert np.isfinite(f).all()
    assert (np.asarray(metrics.ap_power(f)) <= state.ap_power * (1 + 1e-9)).all()


@methods_with()
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_beams_keep_the_power_limits_at_any_snr(state, name, dtype):
    some = state.cut(slice(0, 3))
    for noise, power, radar in (
        (1.0, 1e-30, 1.0), (1.0, 1.0, 1e-30), (1e-30, 1e30, 1e-30), (1e30, 1e-30, 1e30),
    ):  # fmt: skip
        at = some._replace(
            noise_power=noise * some.noise_power,
            ap_power=power * some.ap_power,
            sensing_noise_power=radar * some.sensing_noise_power,
        ).cast(dtype)
        f = np.asarray(beamformer(name)(at))
        assert np.isfinite(f).all(), (noise, power, radar)
        sent = (abs(f.astype(complex)) ** 2).sum((2, 3)) / np.asarray(at.ap_power, float)
        assert (sent <= 1 + 1e-5).all(), (noise, power, radar, sent.max())
        assert (sent >= 1 - 1e-5).all(), (noise, power, radar, sent.min())


@methods_with()
def test_permuting_aps_permutes_the_beams(state, name, beams, agree):
    order = [2, 0, 3, 1]
    agree(beamformer(name)(with_aps(state, order)), beams[:, order])


@methods_with()
def test_permuting_users_permutes_their_beams(state, name, beams, agree):
    order = [1, 2, 0]
    streams = [*order, *range(3, beams.shape[2])]
    agree(beamformer(name)(with_users(state, order)), beams[:, :, streams])


@methods_with()
def test_permuting_receivers_changes_nothing(state, name, beams, agree):
    moved = state._replace(
        sensing_gain=state.sensing_gain[:, ::-1],
        sensing_noise_power=state.sensing_noise_power[:, ::-1],
    )
    agree(beamformer(name)(moved), beams)


@methods_with("antennas")
def test_unitary_rotations_of_the_antennas_rotate_the_beams(state, name, beams, agree):
    rng = np.random.default_rng(2)
    turn = np.stack([unitary(rng, NUM_ANT) for _ in range(4)])  # one for each AP

    def rotated(x):
        return np.einsum("mij,bmuj->bmui", turn, x)

    moved = state._replace(h=rotated(state.h), a=rotated(state.a))
    agree(beamformer(name)(moved), rotated(beams))


@methods_with("phases")
def test_rotating_the_phases_of_the_channels_rotates_the_beams(state, name, beams, agree):
    rng = np.random.default_rng(1)
    # the UEs' phases, which their beams follow, and the target's, seen by its own beam if any
    users = np.exp(2j * np.pi * rng.random((12, 1, 3, 1)))
    target = np.exp(2j * np.pi * rng.random((12, 4, 1, 1)))
    turn = np.concatenate([np.broadcast_to(users, (12, 4, 3, 1)), target], axis=2)
    moved = state._replace(h=state.h * users, a=state.a * target)
    agree(beamformer(name)(moved), beams * turn[:, :, : beams.shape[2]])


@methods_with("scale")
def test_only_the_ratio_of_power_and_noise_matters(state, name, beams, agree):
    moved = state._replace(
        h=3.0 * state.h, noise_power=18.0 * state.noise_power, ap_power=2.0 * state.ap_power,
        sensing_noise_power=2.0 * state.sensing_noise_power,
    )  # fmt: skip
    agree(beamformer(name)(moved), np.sqrt(2.0) * beams)


@methods_with()
def test_a_channel_does_not_depend_on_its_batch(state, name, beams, agree):
    for size in (1, 7):
        agree(beamformer(name)(ChannelState(*(x[:size] for x in state))), beams[:size])


@methods_with()
def test_precision_follows_the_channels(state, name, beams):
    assert beams.dtype == np.complex128
    f = beamformer(name)(single(state))
    assert f.dtype == tf.complex64
    np.testing.assert_allclose(metrics.ap_power(f), single(state).ap_power, rtol=2e-6)
    np.testing.assert_allclose(f, beams, atol=METHODS[name].single)


@methods_with()
def test_a_state_of_lists_is_a_state(state, name, beams):
    lists = ChannelState(*(x.tolist() for x in state))
    np.testing.assert_allclose(beamformer(name)(lists), beams, atol=METHODS[name].single)


@methods_with("compiling")
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_graph_and_xla_agree_with_eager(state, name, beams, agree, jit_compile):
    compiled = tf.function(beamformer(name), jit_compile=jit_compile)
    agree(compiled(ChannelState(*map(tf.constant, state))), beams)


def first_set_to(value):
    def change(array):
        array = array.copy()
        array.reshape(-1)[0] = value
        return array

    return change


@methods_with()
@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("h", first_set_to(np.nan), r"h: expected finite values, got .*nan.* at index \(0, 0, 0, "),
        ("a", first_set_to(np.inf), r"a: expected finite values"),
        ("h", lambda x: x[..., 0], r"h: expected shape \[B, M, U, Nt\], got \(12, 4, 3\)"),
        ("a", lambda x: x[:, :2], r"a: expected shape \[12, 4, T, 6\], got \(12, 2, 1, 6\)"),
        ("a", lambda x: x[..., :3], r"a: expected shape \[12, 4, T, 6\], got \(12, 4, 1, 3\)"),
        ("a", lambda x: x[:, :, :0], r"a: expected shape .*\(T must be at least 1\), got"),
        ("h", lambda x: x[:, :, :0], r"h: expected shape .*\(U must be at least 1\), got"),
        ("h", lambda x: x.real, r"h: expected a complex tensor, got dtype"),
        ("a", lambda x: 2 * x, r"a: expected squared norm Nt=6, got 24"),
        ("noise_power", first_set_to(0.0), r"noise_power: expected positive values, got 0.0"),
        ("noise_power", lambda x: None, r"noise_power: expected numbers of shape \[B, U\]"),
        ("noise_power", lambda x: "loud", r"noise_power: expected"),
        ("noise_power", lambda x: x[:, :1], r"noise_power: expected shape \[12, 3\], got \(12, 1"),
        ("ap_power", first_set_to(-1.0), r"ap_power: expected non-negative values, got -1.0"),
    ],
)
def test_a_wrong_state_is_refused(state, name, field, change, message):
    wrong = state._replace(**{field: change(getattr(state, field))})
    with pytest.raises(ValueError, match=f"^{message}"):
        beamformer(name)(wrong)


@methods_with()
@pytest.mark.parametrize("wrong", [None, 1.0, np.ones(3), (1.0, 2.0)], ids=repr)
def test_what_is_not_a_state_is_refused(name, wrong):
    with pytest.raises(ValueError, match=r"^state: expected a ChannelState, got "):
        beamformer(name)(wrong)
