"""Classical beamformers against NumPy and closed forms."""

import numpy as np
import pytest
from reference import ReferenceChannel

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    JointBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    SensingConjugateBeamformer,
    WMMSEBeamformer,
)
from sionna_cfisac.channel import CellFreeChannel


@pytest.fixture(scope="module")
def state():
    """Unequal AP powers and user noise, so that no formula gets away with assuming them equal."""
    channel = CellFreeChannel(
        4, 3, 6, ap_power=[0.1, 0.4, 0.2, 0.3], noise_power=[0.05, 0.1, 0.3], dtype="float64"
    )
    return channel(12, seed=5)


def test_conjugate_splits_power_by_channel_gain(state):
    f = np.asarray(ConjugateBeamformer()(state))
    h, power = np.asarray(state.h), np.asarray(state.ap_power)
    for b, m, u in np.ndindex(h.shape[:3]):
        expected = h[b, m, u] * np.sqrt(power[b, m]) / np.linalg.norm(h[b, m])
        np.testing.assert_allclose(f[b, m, u], expected, rtol=1e-12)


def test_conjugate_equal_split(state):
    f = np.asarray(ConjugateBeamformer("equal")(state))
    h, power = np.asarray(state.h), np.asarray(state.ap_power)
    for b, m, u in np.ndindex(h.shape[:3]):
        expected = h[b, m, u] / np.linalg.norm(h[b, m, u]) * np.sqrt(power[b, m] / h.shape[2])
        np.testing.assert_allclose(f[b, m, u], expected, rtol=1e-12)


def test_sensing_conjugate_reaches_the_largest_sensing_snr(state):
    f = SensingConjugateBeamformer()(state)
    np.testing.assert_allclose(metrics.sensing_snr(state, f), metrics.max_sensing_snr(state))
    np.testing.assert_allclose(metrics.sum_rate(state, f), 0.0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        g = rng.standard_normal((2, *f.shape))
        g = g[0] + 1j * g[1]
        norm = np.sqrt((abs(g) ** 2).sum((2, 3)))
        g *= (np.sqrt(state.ap_power) / norm)[:, :, None, None]
        assert (metrics.sensing_snr(state, g) <= metrics.max_sensing_snr(state)).numpy().all()


@pytest.mark.parametrize("regularization", [None, 0.7])
def test_rzf_directions_solve_the_regularised_system(state, regularization):
    f = np.asarray(RZFBeamformer(regularization=regularization)(state))
    for b in range(f.shape[0]):
        channel = ReferenceChannel(state, b)
        h = channel.h.transpose(1, 0, 2).reshape(3, -1).T
        if regularization is None:
            d = np.diag(3 * channel.noise_power / channel.ap_power.sum())
        else:
            d = regularization * np.eye(3)
        # the other side of the push-through identity: an MNt x MNt system
        loaded = h @ np.linalg.inv(d) @ h.conj().T + np.eye(len(h))
        expected = (np.linalg.solve(loaded, h) @ np.linalg.inv(d)).T.reshape(3, 4, 6)
        expected = expected.transpose(1, 0, 2)
        norm = np.linalg.norm(expected, axis=(1, 2))
        expected *= (np.sqrt(channel.ap_power) / norm)[:, None, None]
        np.testing.assert_allclose(f[b], expected, atol=1e-9)


def test_rzf_per_user_gives_each_pair_its_share(state):
    f = np.asarray(RZFBeamformer("per_user")(state))
    pair = (abs(f) ** 2).sum(-1)
    expected = np.broadcast_to(np.asarray(state.ap_power)[..., None] / 3, pair.shape)
    np.testing.assert_allclose(pair, expected, rtol=1e-12)


def test_zero_forcing_of_one_ap_leaves_no_interference():
    state = CellFreeChannel(1, 3, 6, dtype="float64")(5, seed=1)
    real, imag = metrics.effective_channel(state, RZFBeamformer(regularization=0.0)(state))
    z = abs(np.asarray(real) + 1j * np.asarray(imag))
    off = z * (1 - np.eye(3))
    assert off.max() < 1e-9 * z.max()


def test_nullspace_sensing_is_unheard_and_keeps_its_share(state):
    beamformer = NullspaceSensingBeamformer(RZFBeamformer(), 0.3)
    f = np.asarray(beamformer(state))
    sensing = f[:, :, 3]
    heard = np.einsum("bmun,bmn->bmu", np.asarray(state.h).conj(), sensing)
    assert abs(heard).max() < 1e-12
    np.testing.assert_allclose(
        (abs(sensing) ** 2).sum(-1), 0.3 * np.asarray(state.ap_power), rtol=1e-12
    )
    np.testing.assert_allclose(f[:, :, :3], np.sqrt(0.7) * np.asarray(RZFBeamformer()(state)))
    # the best unheard direction: no other in the null space lights the target up more
    for b, m in np.ndindex(sensing.shape[:2]):
        a, h = np.asarray(state.a)[b, m, 0], np.asarray(state.h)[b, m].T
        projected = a - h @ np.linalg.lstsq(h, a, rcond=None)[0]
        best = np.linalg.norm(projected) ** 2 * 0.3 * np.asarray(state.ap_power)[b, m]
        np.testing.assert_allclose(abs(np.vdot(a, sensing[b, m])) ** 2, best, rtol=1e-9)


def test_nullspace_with_two_targets_and_dependent_channels():
    state = CellFreeChannel(2, 2, 4, num_targets=2, dtype="float64")(3, seed=1)
    h = np.asarray(state.h).copy()
    h[:, :, 1] = h[:, :, 0]
    state = state._replace(h=h)
    f = np.asarray(NullspaceSensingBeamformer()(state))
    assert f.shape == (3, 2, 4, 4)
    assert abs(np.einsum("bmun,bmtn->bmut", h.conj(), f[:, :, 2:])).max() < 1e-12
    np.testing.assert_allclose(metrics.ap_power(f), state.ap_power, rtol=1e-12)


def test_nullspace_leaves_a_target_dark_that_a_user_hides():
    state = CellFreeChannel(3, 2, 4, dtype="float64")(3, seed=1)
    h = np.array(state.h)
    h[:, :, 0] = 0.7 * np.asarray(state.a)[:, :, 0]
    f = np.asarray(NullspaceSensingBeamformer()(state._replace(h=h)))
    assert (f[:, :, 2] == 0).all()


def test_metrics_refuse_shapes_that_would_broadcast(state):
    f = RZFBeamformer()(state)
    wrong = state._replace(noise_power=np.asarray(state.noise_power)[:, :1])
    for metric in (metrics.sinr, metrics.sensing_snr, metrics.sum_rate):
        with pytest.raises(ValueError, match=r"^noise_power: expected shape \[12, 3\]"):
            metric(wrong, f)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: ConjugateBeamformer("most"), "power_split"),
        (lambda: RZFBeamformer("sum"), "normalization"),
        (lambda: RZFBeamformer(regularization=-1.0), "regularization"),
        (lambda: RZFBeamformer(regularization=float("nan")), "regularization"),
        (lambda: NullspaceSensingBeamformer(sensing_power_share=1.5), "sensing_power_share"),
        (lambda: NullspaceSensingBeamformer("rzf"), "communication"),
        (lambda: JointBeamformer(-1.0), "sensing_weight"),
        (lambda: JointBeamformer(1.0, max_iterations=-1), "max_iterations"),
        (lambda: JointBeamformer(1.0, max_iterations=2.5), "max_iterations"),
        (lambda: JointBeamformer(1.0, tolerance=2.0), "tolerance"),
        (lambda: WMMSEBeamformer(num_starts=0), "num_starts"),
        (lambda: WMMSEBeamformer(seed=-1), "seed"),
    ],
)
def test_wrong_arguments_are_named(make, argument):
    with pytest.raises(ValueError, match=f"^{argument}: expected .* got "):
        make()


def test_zero_forcing_needs_enough_antennas():
    with pytest.raises(ValueError, match="regularization: expected more than 0"):
        RZFBeamformer(regularization=0.0)(CellFreeChannel(1, 3, 2)(2))


def test_nullspace_needs_more_antennas_than_users():
    with pytest.raises(ValueError, match=r"more antennas per AP.*num_tx_ant 3 and num_users 3"):
        NullspaceSensingBeamformer()(CellFreeChannel(2, 3, 3)(2))
