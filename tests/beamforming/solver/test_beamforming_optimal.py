"""The optimisers against generic ones, closed forms and their own guarantees."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from reference import ReferenceChannel, wmmse_sum_rate

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    JointBeamformer,
    RZFBeamformer,
    WMMSEBeamformer,
    upper_bound,
)
from sionna_cfisac.beamforming.protocol import validated
from sionna_cfisac.beamforming.solver.compiled import first_start as _best_start
from sionna_cfisac.beamforming.solver.compiled import run_ascent as _ascend
from sionna_cfisac.beamforming.theory.normalised import reduce_problem, to_unit_power
from sionna_cfisac.channel import CellFreeChannel, TopologyChannel

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
NOISES = (0.01, 0.1, 1.0)
SIZES = list(itertools.product((2, 5, 10), (1, 2, 4, 8), (4, 8, 32)))


def _draw(num_aps, num_users, num_tx_ant, noise, batch, seed=0):
    channel = CellFreeChannel(
        num_aps,
        num_users,
        num_tx_ant,
        noise_power=noise,
        sensing_noise_power=noise,
        dtype="float64",
    )
    return channel(batch, seed=seed)


@pytest.mark.parametrize(("num_aps", "num_users", "num_tx_ant"), SIZES)
def test_default_iterations_reach_the_converged_utility(num_aps, num_users, num_tx_ant):
    """Every weight and noise power in one batch: ascent, power and accuracy of every channel."""
    conditions = list(itertools.product(WEIGHTS, NOISES))
    parts = [
        _draw(num_aps, num_users, num_tx_ant, noise, 2, seed=i)
        for i, (_, noise) in enumerate(conditions)
    ]
    _, state = validated(ChannelState(*(tf.concat(x, 0) for x in zip(*parts, strict=True))))
    weight = tf.constant(np.repeat([w for w, _ in conditions], 2))
    problem, basis = reduce_problem(state, weight)
    defaults = JointBeamformer()
    none = tf.zeros_like(weight, tf.bool)
    short = _ascend(
        problem,
        _best_start(problem, none),
        tf.constant(defaults.max_iterations),
        tf.constant(defaults.tolerance, tf.float64),
        none,
    )
    long = _ascend(problem, short.f, tf.constant(1000), tf.constant(1e-14, tf.float64), none)
    assert np.asarray(short.converged).all()
    history = np.asarray(short.history)
    assert np.diff(history, axis=0).min() >= -1e-9
    assert ((long.value - short.value) / long.value).numpy().max() < 1e-4
    f = tf.linalg.matrix_transpose(tf.matmul(basis, short.f))
    power = metrics.ap_power(f).numpy() / state.ap_power.numpy()
    assert power.max() <= 1 + 1e-6
    # the reduced, normalised problem is the one of the metrics
    np.testing.assert_allclose(
        metrics.utility(state, f, weight), np.asarray(short.value) / np.log(2), rtol=1e-9
    )


ROOMY = [
    (5, 2, 8, 0.1, 2.0),
    (5, 2, 8, 0.1, 0.0),
    (5, 2, 8, 0.01, 10.0),
    (2, 1, 32, 0.1, 5.0),
    (2, 1, 4, 1.0, 1.0),
    (2, 2, 4, 0.1, 10.0),
    (2, 2, 8, 0.01, 0.5),
    (5, 4, 8, 0.01, 5.0),
    (5, 4, 4, 1.0, 2.0),
    (10, 8, 8, 0.1, 10.0),
    (10, 8, 4, 0.1, 1.0),
    (5, 8, 8, 1.0, 0.0),
    (5, 8, 32, 0.1, 0.5),
    (10, 2, 32, 0.1, 2.0),
]


@pytest.mark.parametrize(("num_aps", "num_users", "num_tx_ant", "noise", "weight"), ROOMY)
def test_no_generic_optimiser_does_better(num_aps, num_users, num_tx_ant, noise, weight):
    state = _draw(num_aps, num_users, num_tx_ant, noise, 3, seed=11)
    f = JointBeamformer(weight)(state)
    for i in range(3):
        channel = ReferenceChannel(state, i)
        ours = channel.utility(np.asarray(f)[i], weight)
        assert ours >= channel.best_utility(weight, num_starts=4, seed=i) * (1 - 1e-4)


FULL = [(2, 4, 4, 0.1, 5.0), (2, 8, 8, 0.1, 5.0), (2, 8, 4, 1.0, 0.0), (2, 3, 4, 0.1, 5.0)]


@pytest.mark.parametrize(("num_aps", "num_users", "num_tx_ant", "noise", "weight"), FULL)
def test_crowded_networks_are_solved_as_well_as_by_many_generic_starts(
    num_aps, num_users, num_tx_ant, noise, weight
):
    """With few antennas per UE there are several optima; no search always finds the best."""
    state = _draw(num_aps, num_users, num_tx_ant, noise, 8, seed=12)
    f = np.asarray(JointBeamformer(weight)(state))
    channels = [ReferenceChannel(state, i) for i in range(8)]
    ours = np.array([c.utility(f[i], weight) for i, c in enumerate(channels)])
    generic = np.array([c.best_utility(weight, num_starts=8) for c in channels])
    assert (ours / generic).mean() >= 1 - 1e-3
    assert (ours / generic).min() >= 0.97


def test_a_sensing_stream_gains_nothing():
    """The beamformer has none; a generic search that has one must not do better."""
    state = _draw(3, 2, 4, 0.1, 3, seed=2)
    f = np.asarray(JointBeamformer(3.0)(state))
    for i in range(3):
        channel = ReferenceChannel(state, i)
        best = channel.best_utility(3.0, num_starts=6, streams=3)
        np.testing.assert_allclose(channel.utility(f[i], 3.0), best, rtol=1e-5)


def test_wmmse_agrees_with_the_textbook_iteration():
    state = _draw(3, 2, 4, 0.1, 3, seed=3)
    rate = metrics.sum_rate(state, WMMSEBeamformer()(state)).numpy()
    textbook = [wmmse_sum_rate(ReferenceChannel(state, i)) for i in range(3)]
    np.testing.assert_allclose(rate, textbook, rtol=1e-5)


def test_one_user_without_sensing_gets_maximum_ratio_transmission():
    r"""Coherent sum over APs at full power: SNR (Σ √P_m ‖h_m‖)² / σ²."""
    state = _draw(4, 1, 6, 0.2, 20)
    h, power = np.asarray(state.h)[:, :, 0], np.asarray(state.ap_power)
    amplitude = (np.sqrt(power) * np.linalg.norm(h, axis=-1)).sum(-1)
    rate = metrics.sum_rate(state, WMMSEBeamformer()(state))
    np.testing.assert_allclose(rate, np.log2(1 + amplitude**2 / 0.2), rtol=1e-9)


def test_a_large_weight_lights_the_target_up_like_conjugate_sensing():
    state = _draw(3, 2, 8, 0.1, 10)
    snr = metrics.sensing_snr(state, JointBeamformer(1e5)(state))
    np.testing.assert_allclose(snr, metrics.max_sensing_snr(state), rtol=1e-3)


def test_orthogonal_users_share_the_power_by_water_filling():
    """One AP, orthogonal channels, β = 0: parallel channels with a closed form."""
    strengths, noise = np.array([2.0, 1.0, 0.3]), 0.5
    h = (np.eye(3, 4) * strengths[:, None])[None, None].astype(complex)
    state = ChannelState.from_arrays(
        h, np.ones((1, 1, 1, 4), complex), noise_power=noise, ap_power=1.0
    )
    floor = noise / strengths**2
    for active in (3, 2, 1):
        level = (1.0 + floor[:active].sum()) / active
        if level > floor[active - 1]:
            break
    expected = np.log2(level / floor[:active]).sum()
    rate = metrics.sum_rate(state, WMMSEBeamformer()(state)).numpy()[0]
    np.testing.assert_allclose(rate, expected, rtol=1e-6)


@pytest.fixture(scope="module")
def paper():
    return _draw(5, 2, 8, 0.1, 40, seed=4)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_info_tells_the_truth(paper, weight):
    f, info = JointBeamformer(weight)(paper, return_info=True)
    assert info.utility.shape == (201, 40)
    np.testing.assert_allclose(info.utility[-1], metrics.utility(paper, f, weight), rtol=1e-9)
    rows = np.diff(info.utility.numpy(), axis=0)
    assert rows.min() >= -1e-9
    for i, steps in enumerate(info.iterations.numpy()):
        assert (rows[steps:, i] == 0).all()
        assert (rows[: max(steps - 1, 0), i] > 0).all()
    assert info.kkt_residual.numpy().max() < 1e-2
    assert info.converged.numpy().all()


def test_kkt_residual_vanishes_at_the_optimum_and_not_elsewhere(paper):
    _, tight = JointBeamformer(2.0, tolerance=1e-14, max_iterations=500)(paper, return_info=True)
    assert tight.kkt_residual.numpy().max() < 1e-5
    _, loose = JointBeamformer(2.0, max_iterations=0)(paper, return_info=True)
    assert loose.kkt_residual.numpy().min() > 1e-2
    assert not loose.converged.numpy().any()


def test_gradient_is_the_derivative_of_the_metrics(paper):
    problem, basis = reduce_problem(paper, tf.fill([40], tf.constant(1.7, tf.float64)))
    rng = np.random.default_rng(0)
    x, d = (rng.standard_normal((2, *problem.h.shape)) for _ in range(2))
    x, d = x[0] + 1j * x[1], d[0] + 1j * d[1]
    x = to_unit_power(tf.constant(x)).numpy()

    def value(y):
        f = tf.linalg.matrix_transpose(tf.matmul(basis, tf.constant(y)))
        return metrics.utility(paper, f, 1.7).numpy() * np.log(2)

    numeric = (value(x + 1e-6 * d) - value(x - 1e-6 * d)) / 2e-6
    gradient = problem.evaluate(tf.constant(x)).gradient.numpy()
    analytic = 2 * np.real(gradient.conj() * d).sum((1, 2, 3))
    np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-7)


def test_large_batches_are_solved_in_chunks():
    state = _draw(2, 2, 4, 0.1, 700)
    f, info = JointBeamformer(1.0)(state, return_info=True)
    tail = ChannelState(*(x[690:] for x in state))
    g, rest = JointBeamformer(1.0)(tail, return_info=True)
    np.testing.assert_allclose(f[690:], g, atol=1e-9)
    np.testing.assert_array_equal(info.iterations[690:], rest.iterations)
    assert info.utility.shape == (201, 700)


def test_more_starts_never_hurt():
    state = _draw(2, 6, 4, 0.1, 20)
    few = metrics.utility(state, JointBeamformer(1.0, num_starts=1)(state), 1.0).numpy()
    many = metrics.utility(state, JointBeamformer(1.0, num_starts=6)(state), 1.0).numpy()
    # both end within the optimiser's tolerance of a stationary point, not in the same digits
    assert (many >= few * (1 - 1e-8)).all()
    assert many.mean() > few.mean()


def test_starts_beat_every_classical_method_after_no_iteration(paper):
    for weight in (0.0, 2.0):
        start = metrics.utility(paper, JointBeamformer(weight, max_iterations=0)(paper), weight)
        for other in (RZFBeamformer(), ConjugateBeamformer()):
            rival = metrics.utility(paper, other(paper), weight)
            assert (start.numpy() >= rival.numpy() - 0.05).all()


def test_open_batch_size_in_a_graph():
    channel = CellFreeChannel(seed=1, dtype="float64")
    beams = tf.function(lambda n: JointBeamformer(2.0)(channel(n)))
    assert beams(tf.constant(3)).shape == (3, 5, 2, 8)
    assert beams(tf.constant(4)).shape == (4, 5, 2, 8)


def test_extreme_noise_and_path_loss():
    """A dynamic range of 120 dB, as on a topology in watts, changes nothing but the scale."""
    state = _draw(3, 2, 4, 0.1, 5)
    scale = 1e-6
    tiny = state._replace(
        h=state.h * scale,
        noise_power=state.noise_power * scale**2,
        sensing_gain=state.sensing_gain * scale**2,
        sensing_noise_power=state.sensing_noise_power * scale**2,
    )
    beamformer = JointBeamformer(2.0)
    np.testing.assert_allclose(beamformer(tiny), beamformer(state), atol=1e-7)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_high_snr_topology_ends_close_to_the_bound(weight):
    """Links of 40 to 80 dB, where beams must cancel interference to many digits."""
    channel = TopologyChannel(
        5, 2, 8, total_power=0.1, path_loss="umi", k_factor_db=9.0, shadowing_std_db=8.0,
        line_of_sight="random", dtype="float64",
    )  # fmt: skip
    state = channel(40, seed=1)
    f, info = JointBeamformer(weight)(state, return_info=True)
    assert np.diff(info.utility.numpy(), axis=0).min() >= -1e-9
    best = metrics.utility(state, f, weight).numpy()
    bound = upper_bound(state, f, sensing_weight=weight, method="branch_and_bound").numpy()
    assert (bound >= best * (1 - 1e-12)).all()
    gap = bound / best - 1
    assert np.median(gap) < 1e-4
    assert (gap < 1e-2).mean() > 0.9


def test_aps_that_no_user_hears_light_the_target_up(paper):
    h = np.array(paper.h)
    h[:, 3:] = 0.0
    state = paper._replace(h=h)
    for weight in (0.5, 2.0):
        f = np.asarray(JointBeamformer(weight)(state))
        np.testing.assert_allclose(metrics.ap_power(f), paper.ap_power, rtol=1e-6)
        best = metrics.utility(state, f, weight).numpy()
        bound = upper_bound(state, f, sensing_weight=weight, method="branch_and_bound").numpy()
        assert (bound / best - 1).max() < 1e-4
    silent = paper._replace(h=np.zeros(h.shape, complex))
    snr = metrics.sensing_snr(silent, JointBeamformer(1.0)(silent))
    np.testing.assert_allclose(snr, metrics.max_sensing_snr(silent), rtol=1e-6)


def test_only_the_joint_objective_is_limited_to_one_target():
    state = CellFreeChannel(2, 2, 4, num_targets=2)(3)
    assert WMMSEBeamformer()(state).shape == (3, 2, 2, 4)
    with pytest.raises(ValueError, match=r"state.a: .*one target.* got num_targets 2"):
        JointBeamformer(1.0)(state)
