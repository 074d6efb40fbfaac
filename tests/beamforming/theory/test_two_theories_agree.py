"""The optimiser's theory stands twice, complex in TensorFlow and real in ``keras.ops``: as one.

Both copies see the same random channels in double precision, with unequal powers and noise and
another sensing weight for every channel, among them 0. What they are known to do differently has a
test of its own at the end.
"""

import numpy as np
import pytest
import tensorflow as tf

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming.networks.dual_design import design
from sionna_cfisac.beamforming.protocol import scale_to_power
from sionna_cfisac.beamforming.solver import bound, multiplier_search, starts
from sionna_cfisac.beamforming.solver.curvature import curvature_at
from sionna_cfisac.beamforming.theory import multipliers
from sionna_cfisac.beamforming.theory.gram import gram_of, normalized
from sionna_cfisac.beamforming.theory.multipliers import Multipliers
from sionna_cfisac.beamforming.theory.normalised import reduce_problem, to_unit_power

# M, U, Nt: fewer and more antennas than UEs and a target span, one of everything, overload
SIZES = [(1, 1, 1), (3, 2, 4), (2, 4, 3), (5, 2, 8), (4, 3, 4), (2, 6, 2)]
WEIGHTS = [0.0, 0.3, 2.0, 15.0]
CLOSE = {"rtol": 1e-10, "atol": 1e-11}


class Case:
    """One batch of channels as both copies of the theory see it."""

    def __init__(self, sizes, seed=5, silent=None):
        self.num_aps, self.num_users, num_ant = sizes
        self.rng = np.random.default_rng([seed, *sizes])
        batch = len(WEIGHTS)
        a = self.complex(batch, self.num_aps, 1, num_ant)
        h = self.complex(batch, self.num_aps, self.num_users, num_ant)
        if silent is not None:
            h[:, silent] = 0.0
        self.state = ChannelState(
            h=h,
            a=a / abs(a),
            sensing_gain=self.rng.exponential(size=(batch, 2, self.num_aps, 1)),
            noise_power=self.rng.uniform(0.05, 0.9, (batch, self.num_users)),
            sensing_noise_power=self.rng.uniform(0.05, 0.2, (batch, 2)),
            ap_power=self.rng.uniform(0.1, 0.6, (batch, self.num_aps)),
        )
        self.weight = tf.constant(WEIGHTS, tf.float64)
        tensors = ChannelState(*map(tf.constant, self.state))
        self.problem, self.basis = reduce_problem(tensors, self.weight)
        self.gram = gram_of(self.state, self.weight, normalized(self.state, "float64"))

    def complex(self, *shape):
        return (self.rng.normal(size=shape) + 1j * self.rng.normal(size=shape)) / np.sqrt(2)

    def positive(self, size, low=0.2, high=3.0):
        return tf.constant(self.rng.uniform(low, high, (len(WEIGHTS), size)))

    def physical(self, f):
        """Beams [B, M, U, Nt] at the antennas of reduced ones [B, M, R, U]."""
        return np.swapaxes(self.basis @ f, -1, -2)

    def beams_of(self, beams):
        """The reduced beams F_m = (H_m X + a_m y_mᵀ) / norm that real ones stand for."""
        users = self.num_users
        x, y = np.asarray(beams.x), np.asarray(beams.y)
        x = x[:, :users] + 1j * x[:, users:]
        y = y[:, :, 0] + 1j * y[:, :, 1]
        f = self.problem.h @ x[:, None] + self.problem.a[..., None] * y[:, :, None, :]
        return f / np.asarray(beams.norm)[..., None, None]

    def random_beams(self):
        """The same random beams for both: reduced complex ones, before and after scaling, real."""
        x = self.complex(len(WEIGHTS), self.num_users, self.num_users)
        y = self.complex(len(WEIGHTS), self.num_aps, self.num_users)
        raw = self.problem.h @ x[:, None] + self.problem.a[..., None] * y[:, :, None, :]
        x_real = tf.constant(np.concatenate([x.real, x.imag], 1))
        y_real = tf.constant(np.stack([y.real, y.imag], 2))
        beams = multipliers._beams(self.gram, x_real, y_real, *self.gram.times(x_real))
        return raw, to_unit_power(raw), beams

    def random_multipliers(self):
        """The same random multipliers for both: logarithms for the search, and as the networks'."""
        slack, q, p = (self.positive(n) for n in (self.num_aps, self.num_users, self.num_users))
        price = self.positive(1)
        # κ g ‖a‖², which the search leaves out where β = 0
        threshold = price * self.problem.gain * self.problem.norm_a()
        threshold = tf.where(self.weight[:, None] > 0.0, threshold, 0.0)
        log = tf.math.log(tf.concat([1.0 / slack, q, tf.sqrt(p), price], axis=1))
        return log, Multipliers(slack + threshold, threshold / slack, q, p)


@pytest.fixture(params=SIZES, ids="M{0[0]}-U{0[1]}-Nt{0[2]}".format)
def case(request):
    return Case(request.param)


def plain(x):
    """Complex matrices [..., U, S] of their real form [..., 2U, 2S], or of columns [..., 2U, S]."""
    x = np.asarray(x)
    rows = x.shape[-2] // 2
    columns = x.shape[-1] // 2 if x.shape[-1] == x.shape[-2] else x.shape[-1]
    return x[..., :rows, :columns] + 1j * x[..., rows:, :columns]


def test_inner_products_of_the_channels(case):
    problem, gram = case.problem, case.gram
    np.testing.assert_allclose(plain(gram.user_gram), problem.user_gram, **CLOSE)
    np.testing.assert_allclose(plain(gram.target_gram), problem.target_gram, **CLOSE)
    cross = np.asarray(gram.cross_gram)[..., : case.num_users]
    expected = tf.matmul(problem.a[..., None], problem.h, adjoint_a=True)[:, :, 0]
    np.testing.assert_allclose(cross[:, :, 0] + 1j * cross[:, :, 1], expected, **CLOSE)
    strength = tf.math.real(tf.linalg.diag_part(problem.user_gram))
    np.testing.assert_allclose(gram.strength, strength, **CLOSE)
    np.testing.assert_allclose(gram.gain, problem.gain, **CLOSE)
    np.testing.assert_allclose(problem.norm_a(), np.full_like(gram.gain, gram.norm_a), **CLOSE)
    np.testing.assert_array_equal(gram.weight, problem.weight)


def test_utility_sinr_and_sensing_snr_of_the_same_beams(case):
    _, f, beams = case.random_beams()
    effect, point = multipliers.effect_of(case.gram, beams), case.problem.evaluate(f)
    physical = case.physical(f)
    sinr = np.asarray(effect.signal / effect.interference)
    np.testing.assert_allclose(sinr, metrics.sinr(case.state, physical), **CLOSE)
    # the complex copy keeps of the SINR the curvature only
    uplink_power = sinr / (1.0 + sinr) / effect.interference
    np.testing.assert_allclose(point.uplink_power, uplink_power, **CLOSE)
    snr = metrics.sensing_snr(case.state, physical)[:, 0]
    np.testing.assert_allclose(effect.snr, snr, **CLOSE)
    np.testing.assert_allclose(point.price, case.weight / (1.0 + snr), **CLOSE)
    value = metrics.utility(case.state, physical, case.weight) * np.log(2.0)
    np.testing.assert_allclose(multipliers.utility_of(case.gram, effect), value, **CLOSE)
    np.testing.assert_allclose(point.value, value, **CLOSE)
    # and the streams themselves, at the target and at the UEs
    lit = np.asarray(effect.lit)
    np.testing.assert_allclose(lit[:, :, 0] + 1j * lit[:, :, 1], case.problem.lit(f), **CLOSE)
    z = tf.reduce_sum(tf.matmul(case.problem.h, f, adjoint_a=True), axis=1)
    users = case.num_users
    found = np.asarray(effect.z)
    np.testing.assert_allclose(found[:, :users] + 1j * found[:, users:], z, **CLOSE)


def test_scaling_every_ap_to_its_power(case):
    raw, unit, beams = case.random_beams()
    np.testing.assert_allclose(case.beams_of(beams), unit, **CLOSE)
    norm = np.linalg.norm(raw, axis=(2, 3))
    np.testing.assert_allclose(beams.norm, norm, **CLOSE)
    # the classical beamformers' way, at the antennas
    physical = scale_to_power(tf.constant(case.physical(raw)), tf.constant(case.state.ap_power))
    np.testing.assert_allclose(case.physical(unit), physical, **CLOSE)
    np.testing.assert_allclose(metrics.ap_power(physical), case.state.ap_power, **CLOSE)


def test_beams_from_the_same_multipliers(case):
    log, at = case.random_multipliers()
    f = multiplier_search._beams(case.problem, log)
    np.testing.assert_allclose(case.beams_of(multipliers.structured(case.gram, at)), f, **CLOSE)
    # the networks' way to the antennas
    (physical,) = design(
        case.state, case.weight, None, refine=0, polish=0, correct=lambda gram, guess: at
    )
    np.testing.assert_allclose(physical, case.physical(f), **CLOSE)


def test_gram_matrix_of_the_dual_uplink(case):
    phi, xi = case.positive(case.num_aps), case.positive(case.num_aps)
    k = case.problem.dual_gram(phi, xi)
    np.testing.assert_allclose(plain(case.gram.dual(phi, xi)), k, **CLOSE)
    # K = Σ HᴴΩ⁻¹H, by the operator that the optimiser applies to beams
    omega_h = case.problem.inverse_omega(phi, xi, case.problem.h)
    direct = tf.reduce_sum(tf.matmul(case.problem.h, omega_h, adjoint_a=True), axis=1)
    np.testing.assert_allclose(k, direct, **CLOSE)


def test_systems_of_the_dual_uplink(case):
    """I + √q K √q stands in the curvature, the search, the guess, the bound and the networks."""
    _, f, _ = case.random_beams()
    point = case.problem.evaluate(f)
    mu = case.positive(case.num_aps)
    curvature = curvature_at(case.problem, point, mu, tf.ones_like(mu))
    k, q = case.problem.dual_gram(curvature.phi, curvature.xi), point.uplink_power
    real = case.gram.dual(curvature.phi, curvature.xi)
    eye = np.eye(2 * case.num_users, case.num_users) + np.zeros((len(WEIGHTS), 1, 1))
    inverse = plain(multipliers._solve_uplink(real, q, tf.constant(eye)))
    root = np.sqrt(q)
    matrix = np.eye(case.num_users) + root[:, :, None] * k * root[:, None, :]
    np.testing.assert_allclose(
        inverse, root[:, :, None] * np.linalg.inv(matrix) / root[:, None, :], **CLOSE
    )
    whitener = curvature.whitener
    np.testing.assert_allclose(
        tf.matmul(whitener, whitener, adjoint_a=True), inverse * np.asarray(q)[:, None, :], **CLOSE
    )
    np.testing.assert_allclose(bound._uplink(k, q), k @ inverse, **CLOSE)


def test_the_guess_of_the_networks_is_the_guess_of_the_optimiser(case):
    at = multipliers.closed_form(case.gram)
    beams = multipliers.structured(case.gram, at)
    for num_steps in (1, 2, 3):
        f = starts.dual_start(case.problem, num_steps)
        np.testing.assert_allclose(case.beams_of(beams), f, **CLOSE)
        at = multipliers.power_step(case.gram, at, beams)
        beams = multipliers.structured(case.gram, at)


def test_the_guess_of_the_search_shares_some_of_its_numbers(case):
    guess = multiplier_search._first_guess(case.problem)
    at, users = multipliers.closed_form(case.gram), case.num_users
    sizes = [case.num_aps, users, users, 1]
    inverse_slack, q, _, price = tf.split(tf.exp(guess), sizes, axis=1)
    np.testing.assert_allclose(q, at.q, **CLOSE)
    # μ - κ g ‖a‖² is U / M in both
    ratio = at.odds / (1.0 + at.odds)
    np.testing.assert_allclose(1.0 / inverse_slack, at.mu * (1.0 - ratio), **CLOSE)
    # Σ κ g ‖a‖² is β in both, where there is a weight
    threshold = tf.reduce_sum(price * case.problem.gain * case.problem.norm_a(), axis=1)
    np.testing.assert_allclose(threshold[1:], case.weight[1:], **CLOSE)
    np.testing.assert_allclose(tf.reduce_sum(at.mu * ratio, axis=1), case.weight, **CLOSE)


# what differs by design


def test_the_search_has_one_price_of_sensing_and_the_guess_one_ratio():
    case = Case((3, 2, 4))
    at = multipliers.closed_form(case.gram)
    target_price = at.mu * at.odds / (1.0 + at.odds) / case.problem.norm_a()
    price = np.asarray(target_price / case.problem.gain)[1:]
    # the guess: r the same for all APs, so each has a price κ of its own where gains differ
    assert np.ptp(np.asarray(at.odds), axis=1).max() == 0.0
    assert np.ptp(price, axis=1).min() > 0.0
    # the search starts from amplitudes of about equal power, the guess from √p = 1
    amplitude = np.exp(multiplier_search._first_guess(case.problem))[:, 3 + 2 : -1]
    assert abs(amplitude - 1.0).min() > 0.1


@pytest.mark.parametrize("silent", [0, 2])
def test_an_ap_that_nobody_hears_is_left_out_by_the_networks_alone(silent):
    case = Case((3, 2, 4), silent=silent)
    rest = [m for m in range(3) if m != silent]
    gram, problem = case.gram, case.problem
    np.testing.assert_array_equal(gram.active[:, silent], np.zeros(len(WEIGHTS)))
    np.testing.assert_array_equal(gram.gain[:, silent], np.zeros(len(WEIGHTS)))
    idle = problem.gain[:, silent] * problem.norm_a()[:, silent]
    np.testing.assert_allclose(gram.idle_snr, idle, **CLOSE)
    # it does not count in their guess, whose prices are U + β over the APs that are heard
    guess = np.asarray(multipliers.closed_form(gram).mu)[:, rest]
    np.testing.assert_allclose(guess, (2.0 + case.weight)[:, None] / 2.0 + np.zeros((1, 2)))
    # with its power on the target both copies say the same of the beams
    _, at = case.random_multipliers()
    beams = multipliers.structured(gram, at)
    f = np.array(case.beams_of(beams))
    f[:, silent] = 0.0
    f[:, silent, :, 0] = np.asarray(problem.a)[:, silent] / np.sqrt(gram.norm_a)
    np.testing.assert_allclose(np.linalg.norm(f, axis=(2, 3)), np.ones((len(WEIGHTS), 3)), **CLOSE)
    effect = multipliers.effect_of(gram, beams)
    value = problem.evaluate(tf.constant(f)).value
    np.testing.assert_allclose(multipliers.utility_of(gram, effect), value, **CLOSE)
    physical = case.physical(f)
    expected = metrics.utility(case.state, physical, case.weight) * np.log(2.0)
    np.testing.assert_allclose(value, expected, **CLOSE)


def test_steps_on_the_prices_are_limited_in_the_networks_alone():
    case = Case((3, 2, 4))
    at = multipliers.closed_form(case.gram)
    at = at._replace(mu=at.mu * tf.constant([[1e-3, 1.0, 1.0]], tf.float64))
    beams = multipliers.structured(case.gram, at)
    factor = multipliers.power_step(case.gram, at, beams).mu / at.mu
    ratio = multipliers.power_ratio(case.gram, at, beams)
    assert np.min(ratio) < 0.1
    np.testing.assert_allclose(factor, np.clip(ratio, 0.1, 10.0), **CLOSE)
