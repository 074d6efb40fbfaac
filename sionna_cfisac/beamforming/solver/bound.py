"""An upper bound on the utility of every linear beamformer: weak Lagrangian duality.

``docs/symbols.md`` lists the symbols.
"""

import math

import tensorflow as tf

from sionna_cfisac.arguments import number, one_of
from sionna_cfisac.beamforming.protocol import validated
from sionna_cfisac.beamforming.rules import one_target_conflicts
from sionna_cfisac.beamforming.solver.ascent import tangent
from sionna_cfisac.beamforming.solver.branch_and_bound import maximise_dual_uplink
from sionna_cfisac.beamforming.solver.compiled import solve_from
from sionna_cfisac.beamforming.solver.open_graph import PROBLEM, open_graph, open_spec
from sionna_cfisac.beamforming.theory.normalised import (
    ReducedProblem,
    reduce_problem,
    to_unit_power,
)
from sionna_cfisac.state import ChannelState, Tensor, check_beams

_LN2 = math.log(2.0)
# μ stays this much above κ g ‖a‖², in relative terms, for Ω to be positive definite
_MARGIN = 1e-6
_SWEEPS = 60
# least multiplier of an AP, as a share of the mean over the APs
_FLOORS = (1e-6, 1e-2, 0.1, 0.3)


def upper_bound(
    state: ChannelState,
    f: Tensor | None = None,
    *,
    sensing_weight: float,
    method: str = "dpc",
) -> Tensor:
    r"""Bound that the utility of no feasible beams exceeds, whatever their number of streams.

    For any multipliers :math:`\mu_m > \kappa g_m \|\mathbf{a}_m\|^2` and sensing price κ > 0,

    .. math::
        \mathrm{utility} \le \Phi + \sum_m \mu_m P_m + \beta \ln\frac{\beta}{\kappa} - \beta
        + \kappa, \quad
        \Phi = \max_{q \ge 0} \sum_u \ln(1 + \gamma_u(q)) - \sum_u \sigma_u^2 q_u

    with the SINR :math:`\gamma_u` of a dual uplink with powers q, noise covariance
    :math:`\mathbf{\Omega} = \mathrm{blkdiag}(\mu_m \mathbf{I} - \kappa g_m \mathbf{a}_m
    \mathbf{a}_m^H)` and MMSE receivers: the Lagrangian of the power limits, the tangent of the
    sensing logarithm, and uplink–downlink duality. The multipliers are those of the stationary
    point that the optimiser reaches from ``f``. Where the bound meets the utility of that point,
    the point is globally optimal.

    Parameters
    ----------
    state : ChannelState
        Channels; one target unless the weight is 0
    f : None or [B, M, S, Nt], complex
        Beams to start from. Their quality decides the time that it takes, not the validity.
    sensing_weight : float
        Weight β of sensing
    method : "dpc" (default) | "branch_and_bound"
        Bound Φ by the sum capacity :math:`\ln\det(\mathbf{I} + \mathrm{diag}(q)\mathbf{K})` of
        dirty-paper coding (concave, fast; on i.i.d. Rayleigh channels with more antennas than UEs
        about 0.3 % loose with 2 UEs, a few percent with 8), or compute it by branch and bound on
        q (tight there; time grows with the number of UEs; NumPy, so not for XLA). Where an AP
        leaves power unused, both can be looser.

    Returns
    -------
    [B], float64
        Bound in bit/s/Hz, in double precision always: a utility computed in single precision may
        exceed it by its own rounding

    Raises
    ------
    ValueError
        If an argument or the state is wrong, or there is more than one target
    """
    one_of(method, "method", ("dpc", "branch_and_bound"))
    number(sensing_weight, "sensing_weight", 0.0)
    state, exact = validated(state)
    for _, message in one_target_conflicts(state.num_targets, sensing_weight):
        raise ValueError(f"state.a: the bound {message}")
    exact = exact._replace(a=exact.a[:, :, :1], sensing_gain=exact.sensing_gain[..., :1])
    weight = tf.fill([tf.shape(exact.h)[0]], tf.constant(sensing_weight, tf.float64))
    problem, basis = reduce_problem(exact, weight)
    start = None
    if f is not None:
        served = tf.cast(check_beams(f, state), tf.complex128)[:, :, : state.num_users]
        # the basis is orthogonal, so its adjoint maps back up to a positive factor per AP
        columns = tf.linalg.matrix_transpose(served)
        start = to_unit_power(tf.matmul(basis, columns, adjoint_a=True))
    point = solve_from(problem, start)
    _, multipliers, _ = tangent(point)
    parts = (problem, multipliers, point.price, point.uplink_power)
    # where an AP leaves power unused its multiplier is zero, and K would be unbounded; any positive
    # one is valid, and the best of a few is kept
    mu, k, capacity = _capacity(*parts, tf.constant(_FLOORS[0], tf.float64))
    for floor in _FLOORS[1:]:
        other = _capacity(*parts, tf.constant(floor, tf.float64))
        total = capacity + tf.reduce_sum(mu, axis=1)
        better = other[2] + tf.reduce_sum(other[0], axis=1) < total
        mu = tf.where(better[:, None], other[0], mu)
        k = tf.where(better[:, None, None], other[1], k)
        capacity = tf.where(better, other[2], capacity)
    if method == "branch_and_bound":
        gap = 1e-5 * tf.abs(point.value)
        tight = tf.numpy_function(maximise_dual_uplink, [k, point.uplink_power, gap], tf.float64)
        tight = tf.ensure_shape(tight, capacity.shape) + _rounding(k)
        capacity = tf.minimum(capacity, tight)
    sensing = tf.where(
        weight > 0.0,
        weight * tf.math.log(tf.where(weight > 0.0, weight / point.price, 1.0))
        - weight
        + point.price,
        tf.zeros_like(weight),
    )
    return (capacity + tf.reduce_sum(mu, axis=1) + sensing) / _LN2


@open_graph(PROBLEM, open_spec(2), open_spec(1), open_spec(2), open_spec(0))
def _capacity(
    problem: ReducedProblem, mu: Tensor, price: Tensor, uplink_power: Tensor, floor: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Multipliers [B, M], K [B, U, U] and the bound [B] on Φ by dirty-paper coding."""
    mu, k = _dual_noise(problem, mu, price, floor)
    return mu, k, _sum_capacity_bound(k, _sum_capacity_powers(k, uplink_power))


def _dual_noise(
    problem: ReducedProblem, mu: Tensor, price: Tensor, floor: Tensor
) -> tuple[Tensor, Tensor]:
    """Multipliers [B, M] that make Ω positive definite, and K = Σ HᴴΩ⁻¹H [B, U, U]."""
    norm_a = problem.norm_a()
    threshold = price[:, None] * problem.gain * norm_a
    least = floor * tf.reduce_mean(mu, axis=1, keepdims=True)
    mu = tf.maximum(
        tf.maximum(mu, threshold * (1.0 + _MARGIN)), tf.where(least > 0.0, least, 1e-12)
    )
    xi = threshold / mu / (mu - threshold) / norm_a
    return mu, problem.dual_gram(1.0 / mu, xi)


def _uplink(k: Tensor, q: Tensor) -> Tensor:
    """K (I + diag(q) K)⁻¹ [B, U, U], by way of a Hermitian system."""
    root = tf.cast(tf.sqrt(q), k.dtype)
    eye = tf.eye(tf.shape(k)[-1], dtype=k.dtype)
    matrix = eye + root[:, :, None] * k * root[:, None, :]
    whitened = tf.linalg.triangular_solve(
        tf.linalg.cholesky(matrix), root[:, :, None] * k, lower=True
    )
    return k - tf.matmul(whitened, whitened, adjoint_a=True)


def _sum_capacity_powers(k: Tensor, q: Tensor) -> Tensor:
    """Maximise ln det(I + diag(q) K) - Σ q by cyclic coordinate ascent, from ``q`` [B, U]."""
    num_users = tf.shape(q)[1]
    q = tf.minimum(q, 1.0)

    def body(i: Tensor, q: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = i % num_users
        own = tf.math.real(a[:, u, u])
        alone = own / tf.maximum(1.0 - q[:, u] * own, 1e-300)
        best = tf.maximum(1.0 - tf.math.divide_no_nan(tf.ones_like(alone), alone), 0.0)
        best = tf.where(alone > 0.0, best, tf.zeros_like(best))
        change = best - q[:, u]
        # rank-one update of K (I + diag(q) K)⁻¹ for the change of one power
        factor = tf.cast(change / (1.0 + change * own), a.dtype)[:, None, None]
        a -= factor * a[:, :, u, None] * a[:, None, u, :]
        q += change[:, None] * tf.one_hot(u, num_users, dtype=q.dtype)
        return i + 1, q, a

    _, q, _ = tf.while_loop(
        lambda i, q, a: i < _SWEEPS * num_users, body, (tf.constant(0), q, _uplink(k, q))
    )
    return q


def _sum_capacity_bound(k: Tensor, q: Tensor) -> Tensor:
    """Bound on max_q ln det(I + diag(q) K) - Σ q from any q: [B].

    The function is concave, so it lies below its tangent at q, and its maximum is in [0, 1]^U.
    """
    root = tf.cast(tf.sqrt(q), k.dtype)
    eye = tf.eye(tf.shape(k)[-1], dtype=k.dtype)
    matrix = eye + root[:, :, None] * k * root[:, None, :]
    logdet = 2.0 * tf.reduce_sum(
        tf.math.log(tf.math.real(tf.linalg.diag_part(tf.linalg.cholesky(matrix)))), axis=-1
    )
    slope = tf.math.real(tf.linalg.diag_part(_uplink(k, q))) - 1.0
    rise = tf.maximum(slope * (1.0 - q), -slope * q)
    return logdet + tf.reduce_sum(rise - q, axis=-1) + _rounding(k)


def _rounding(k: Tensor) -> Tensor:
    """Allowance [B] for what rounding can take from a bound that K [B, U, U] enters."""
    size = 1.0 + tf.math.real(tf.linalg.trace(k))
    return 1e-15 * tf.cast(tf.shape(k)[-1], tf.float64) * size
