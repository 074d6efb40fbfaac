"""The upper bound: never below any beams, tight where it says so."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from reference import ReferenceChannel
from scipy.optimize import minimize

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    JointBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    SensingConjugateBeamformer,
    WMMSEBeamformer,
    upper_bound,
)
from sionna_cfisac.beamforming.solver.bound import _sum_capacity_bound, _sum_capacity_powers
from sionna_cfisac.beamforming.solver.branch_and_bound import maximise_dual_uplink
from sionna_cfisac.channel import CellFreeChannel

METHODS = ("dpc", "branch_and_bound")


@pytest.fixture(scope="module")
def paper():
    return CellFreeChannel(dtype="float64")(100, seed=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0, 10.0])
def test_bound_is_above_all_beams_and_close_to_the_optimum(paper, weight, method):
    f = JointBeamformer(weight)(paper)
    bound = upper_bound(paper, f, sensing_weight=weight, method=method).numpy()
    best = metrics.utility(paper, f, weight).numpy()
    rng = np.random.default_rng(0)
    rivals = [
        ConjugateBeamformer(),
        RZFBeamformer(),
        SensingConjugateBeamformer(),
        NullspaceSensingBeamformer(),
        WMMSEBeamformer(),
    ]
    beams = [np.asarray(f)] + [np.asarray(rival(paper)) for rival in rivals]
    for size in (1e-4, 1e-2, 0.3):
        beams.append(beams[0] + size * _noise(rng, f.shape) * abs(beams[0]).mean())
    beams += [_noise(rng, (100, 5, streams, 8)) for streams in (2, 3)]
    for g in beams:
        scale = np.sqrt(np.asarray(paper.ap_power) / np.asarray(metrics.ap_power(g)))
        scaled = g * scale[:, :, None, None]
        assert (metrics.utility(paper, scaled, weight).numpy() <= bound * (1 + 1e-12)).all()
    gap = (bound - best) / best
    if method == "dpc":
        assert gap.mean() < 5e-3
    else:
        assert gap.max() < 1e-4


def _noise(rng, shape):
    x = rng.standard_normal((2, *shape))
    return x[0] + 1j * x[1]


@pytest.mark.parametrize(
    ("num_aps", "num_users", "num_tx_ant", "noise"),
    [(2, 1, 4, 0.1), (3, 4, 4, 0.1), (2, 6, 4, 0.01), (1, 2, 1, 1.0), (2, 3, 32, 0.01)],
)
def test_bound_holds_for_generic_optima_on_any_network(num_aps, num_users, num_tx_ant, noise):
    state = CellFreeChannel(num_aps, num_users, num_tx_ant, noise_power=noise, dtype="float64")(
        2, seed=3
    )
    for weight in (0.0, 3.0):
        found = [
            ReferenceChannel(state, i).best_utility(weight, num_starts=3, seed=i) for i in range(2)
        ]
        for method in METHODS:
            bound = upper_bound(state, sensing_weight=weight, method=method).numpy()
            assert (found <= bound * (1 + 1e-9)).all()


@pytest.mark.parametrize("start", [ConjugateBeamformer(), SensingConjugateBeamformer()])
def test_poor_beams_make_the_bound_no_looser(paper, start):
    own = upper_bound(paper, sensing_weight=2.0).numpy()
    given = upper_bound(paper, start(paper), sensing_weight=2.0).numpy()
    np.testing.assert_allclose(given, own, rtol=1e-4)


def test_orthogonal_users_leave_no_gap():
    """Without interference dirty-paper coding has nothing to win: the bound is the optimum."""
    h = np.zeros((1, 1, 2, 4), complex)
    h[0, 0, 0, 0], h[0, 0, 1, 1] = 1.0, 0.6
    a = np.zeros((1, 1, 1, 4), complex)
    a[0, 0, 0, 2] = 2.0
    state = CellFreeChannel(1, 2, 4, dtype="float64")(1, seed=0)._replace(h=h, a=a)
    for weight in (0.0, 1.0):
        best = metrics.utility(state, JointBeamformer(weight)(state), weight).numpy()
        bound = upper_bound(state, sensing_weight=weight).numpy()
        assert bound >= best
        if weight == 0.0:
            np.testing.assert_allclose(bound, best, rtol=1e-6)


def _random_gram(rng, num_users, size):
    x = _noise(rng, (num_users, 5)) * np.sqrt(size / 5)
    return x @ x.conj().T


def _dual_rate(k, q):
    """Sum over users of ln(1 + γ_u) - q_u, each SINR from its own inverse."""
    total = -q.sum()
    for u in range(len(q)):
        others = np.delete(np.arange(len(q)), u)
        # K = GᴴG; the uplink receiver of user u sees I + Σ_{i≠u} q_i g_i g_iᴴ
        g = np.linalg.cholesky(k + 1e-13 * np.eye(len(q))).conj().T
        covariance = np.eye(len(q)) + (g[:, others] * q[others]) @ g[:, others].conj().T
        total += np.log1p(q[u] * np.real(g[:, u].conj() @ np.linalg.solve(covariance, g[:, u])))
    return total


@pytest.mark.parametrize("size", [0.5, 3.0, 30.0, 1000.0])
def test_branch_and_bound_agrees_with_a_grid_and_local_search(size):
    rng = np.random.default_rng(int(size))
    for _ in range(4):
        k = _random_gram(rng, 2, size)
        bound = maximise_dual_uplink(k[None], np.full((1, 2), 0.5), np.array([1e-6]))[0]
        axis = np.linspace(0, 1, 41)
        grid = max((_dual_rate(k, np.array(q)), q) for q in itertools.product(axis, axis))
        found = minimize(
            lambda q, k=k: -_dual_rate(k, q), grid[1], bounds=[(0, 1)] * 2, method="L-BFGS-B"
        )
        assert -found.fun <= bound + 1e-9
        assert bound <= -found.fun + 2e-6 + 1e-5 * abs(found.fun)


def test_branch_and_bound_stays_valid_when_it_gives_up(monkeypatch):
    rng = np.random.default_rng(3)
    k = _random_gram(rng, 4, 50.0)
    tight = maximise_dual_uplink(k[None], np.full((1, 4), 0.5), np.array([1e-4]))[0]
    monkeypatch.setattr("sionna_cfisac.beamforming.solver.branch_and_bound._MAX_BOXES", 20)
    loose = maximise_dual_uplink(k[None], np.full((1, 4), 0.5), np.array([1e-4]))[0]
    assert loose > tight
    rates = [_dual_rate(k, q) for q in rng.uniform(size=(300, 4))]
    assert max(rates) <= tight


@pytest.mark.parametrize("num_users", [1, 2, 5])
def test_sum_capacity_agrees_with_scipy_and_holds_from_any_powers(num_users):
    rng = np.random.default_rng(num_users)
    for size in (0.5, 5.0, 200.0):
        k = _random_gram(rng, num_users, size)

        def negative(q, k=k):
            _, logdet = np.linalg.slogdet(np.eye(len(q)) + q[:, None] * k)
            return q.sum() - logdet

        scipy_best = -minimize(
            negative, np.full(num_users, 0.5), bounds=[(0, 1)] * num_users, method="L-BFGS-B"
        ).fun
        start = tf.constant(rng.uniform(size=(1, num_users)))
        q = _sum_capacity_powers(tf.constant(k[None]), start)
        bound = _sum_capacity_bound(tf.constant(k[None]), q).numpy()[0]
        np.testing.assert_allclose(bound, scipy_best, rtol=1e-5, atol=1e-7)
        assert _sum_capacity_bound(tf.constant(k[None]), start).numpy()[0] >= scipy_best - 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_bound_in_a_graph_and_single_precision(method):
    state = CellFreeChannel()(4, seed=2)
    eager = upper_bound(state, sensing_weight=2.0, method=method)
    assert eager.dtype == tf.float64
    graph = tf.function(lambda s: upper_bound(s, sensing_weight=2.0, method=method))(state)
    np.testing.assert_allclose(graph, eager, rtol=1e-9)


def test_bound_of_silence_is_zero():
    state = CellFreeChannel(2, 2, 4, dtype="float64")(2, seed=1)
    silent = state._replace(h=np.zeros(state.h.shape, complex))
    np.testing.assert_allclose(upper_bound(silent, sensing_weight=0.0), 0.0, atol=1e-6)
    best = np.log2(1 + metrics.max_sensing_snr(state).numpy()[:, 0])
    bound = upper_bound(silent, sensing_weight=1.0).numpy()
    assert (bound >= best).all()


def test_bound_is_close_where_aps_leave_power_unused():
    """Two users, one antenna per AP, high SNR: the power limits do not all bind."""
    state = CellFreeChannel(2, 2, 1, noise_power=1 / 230, dtype="float64")(6, seed=5)
    f = JointBeamformer(0.0)(state)
    assert (metrics.ap_power(f) < 0.9 * state.ap_power).numpy().any()
    best = metrics.sum_rate(state, f).numpy()
    bound = upper_bound(state, f, sensing_weight=0.0, method="branch_and_bound").numpy()
    assert (bound >= best * (1 - 1e-12)).all()
    assert np.median(bound / best - 1) < 0.05


@pytest.mark.parametrize("weight", [0.1, 0.7, 9.7])
def test_weights_that_single_precision_cannot_hold_stay_exact(weight):
    state = CellFreeChannel(3, 1, 4, dtype="float64")(30, seed=1)
    f = JointBeamformer(weight)(state)
    bound = upper_bound(state, f, sensing_weight=weight, method="branch_and_bound").numpy()
    assert (bound >= metrics.utility(state, f, weight).numpy() * (1 - 1e-14)).all()
    reference = [ReferenceChannel(state, i).utility(np.asarray(f)[i], weight) for i in range(30)]
    np.testing.assert_allclose(metrics.utility(state, f, weight), reference, rtol=1e-13)


def test_a_singular_matrix_costs_one_channel_its_bound_not_the_batch(monkeypatch):
    def fail(*_):
        raise np.linalg.LinAlgError("Singular matrix")

    k = np.stack([np.eye(2, dtype=complex)] * 2)
    good = maximise_dual_uplink(k, np.full((2, 2), 0.5), np.full(2, 1e-6))
    monkeypatch.setattr("sionna_cfisac.beamforming.solver.branch_and_bound._maximise_one", fail)
    assert np.isfinite(good).all()
    assert np.isposinf(maximise_dual_uplink(k, np.full((2, 2), 0.5), np.full(2, 1e-6))).all()


def test_wrong_input_is_named(paper):
    with pytest.raises(ValueError, match=r"^method: expected one of"):
        upper_bound(paper, sensing_weight=1.0, method="sdp")
    with pytest.raises(ValueError, match=r"^sensing_weight: expected a finite number"):
        upper_bound(paper, sensing_weight=-1.0)
    with pytest.raises(ValueError, match=r"^f: expected shape \[B, 5, S, 8\]"):
        upper_bound(paper, np.ones((100, 4, 2, 8), complex), sensing_weight=1.0)
    with pytest.raises(ValueError, match=r"^state\.a: the bound handles one target"):
        upper_bound(CellFreeChannel(num_targets=2)(2), sensing_weight=1.0)
