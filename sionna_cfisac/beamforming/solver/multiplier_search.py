r"""Ascent over the multipliers that fix the optimal beams, for channels of high SNR.

Every stationary point has beams :math:`\mathbf{f}_u = b_u (\mathbf{\Omega} + \sum_i q_i
\mathbf{h}_i \mathbf{h}_i^H)^{-1} \mathbf{h}_u`, scaled to each AP's power, so it is fixed by
M + 2U + 1 positive numbers. At high SNR the beams must cancel interference between APs to many
digits. A step on the beams spoils that unless it is short; a step on these numbers keeps it,
because the inverse cancels anew. Their logarithms are searched with BFGS, by continuation from
more noise to less.
``docs/symbols.md`` lists the symbols.
"""

import tensorflow as tf

from sionna_cfisac.beamforming.theory.normalised import (
    Point,
    ReducedProblem,
    as_complex,
    inner,
    to_unit_power,
)
from sionna_cfisac.state import Tensor

# power of a UE's channel from one AP over its noise, above which the beams themselves are a poor
# place to start the search
_HIGH_SNR = 50.0
# from one noise to the next
_LESS_NOISE = 10.0
_MAX_ITERATIONS = 300
_TOLERANCE = 1e-8
_LONGEST_STEP = 2.0
_ARMIJO = 1e-4
_SHRINK = 0.4
_MAX_BACKTRACKS = 12


def refine_at_high_snr(problem: ReducedProblem, start: Tensor, settled: Tensor) -> Tensor:
    """Better beams than ``start`` [B, M, R, U] where the SNR is high, and ``start`` elsewhere.

    The search goes down in noise, by a factor of ten at a time, from where it is easy: at high SNR
    the utility has many local optima in the multipliers, too, and the path of the best one starts
    at low SNR. Channels that are ``settled`` [B] are left alone.
    """
    strength = strongest(problem)
    high = tf.logical_and(strength >= _HIGH_SNR, tf.logical_not(settled))
    share = tf.where(high, _HIGH_SNR / tf.maximum(strength, _HIGH_SNR), 1.0)

    def unfinished(share, x, done):  # type: ignore[no-untyped-def]
        return tf.logical_not(tf.reduce_all(done))

    def body(share, x, done):  # type: ignore[no-untyped-def]
        x = _maximise(_weaker(problem, share), x, done)
        return tf.minimum(_LESS_NOISE * share, 1.0), x, tf.logical_or(done, share >= 1.0)

    loop = (share, _first_guess(_weaker(problem, share)), tf.logical_not(high))
    _, x, _ = tf.while_loop(unfinished, body, loop)
    # a UE that is not worth its power at low SNR is not found again on that path
    direct = _maximise(problem, _first_guess(problem), tf.logical_not(high))
    best = problem.evaluate(start)
    for f in (_beams(problem, x), _beams(problem, direct)):
        point = problem.evaluate(f)
        better = tf.logical_and(high, point.value > best.value)
        best = point._replace(
            f=tf.where(better[:, None, None, None], f, best.f),
            value=tf.where(better, point.value, best.value),
        )
    return best.f


def strongest(problem: ReducedProblem) -> Tensor:
    """Power of the strongest channel between an AP and a UE over the UE's noise: [B]."""
    return tf.reduce_max(tf.reduce_sum(tf.square(tf.abs(problem.h)), axis=2), axis=(1, 2))


def _weaker(problem: ReducedProblem, share: Tensor) -> ReducedProblem:
    """The problem with the UEs' noise raised: a share [B] of every channel's power is left."""
    root, whole = as_complex(tf.sqrt(share)), as_complex(share)
    return problem._replace(
        h=problem.h * root[:, None, None, None],
        user_gram=problem.user_gram * whole[:, None, None, None],
        target_gram=problem.target_gram * whole[:, None, None, None],
    )


def _maximise(problem: ReducedProblem, x: Tensor, done: Tensor) -> Tensor:
    """BFGS on the logarithms ``x`` of the multipliers, for the channels that are not done."""
    point, gradient = _evaluate(problem, x)
    batch, size = tf.shape(x)[0], tf.shape(x)[1]
    fresh = tf.eye(size, batch_shape=[batch], dtype=tf.float64) * 0.5
    infinite = tf.fill([batch], tf.constant(float("inf"), tf.float64))

    def unfinished(step, x, point, gradient, hessian, gain, done):  # type: ignore[no-untyped-def]
        return tf.logical_and(step < _MAX_ITERATIONS, tf.logical_not(tf.reduce_all(done)))

    def body(step, x, point, gradient, hessian, gain, done):  # type: ignore[no-untyped-def]
        d = tf.linalg.matvec(hessian, gradient)
        longest = tf.reduce_max(tf.abs(d), axis=1, keepdims=True)
        d *= _LONGEST_STEP / tf.maximum(longest, _LONGEST_STEP)
        slope = tf.reduce_sum(d * gradient, axis=1)
        limit = _TOLERANCE * tf.abs(point.value)
        done = tf.logical_or(done, tf.logical_and(0.5 * slope <= limit, gain <= limit))
        new_x, new, new_gradient = _search(problem, x, point, gradient, d, slope, done)
        gain = new.value - point.value
        # the first step only sets the scale of the matrix
        hessian = _update(hessian, new_x - x, gradient - new_gradient, tf.equal(step, 0))
        # where no step was found the matrix is to blame: start it afresh, at a small scale
        lost = tf.logical_and(gain <= 0.0, slope > limit)[:, None, None]
        hessian = tf.where(lost, fresh * tf.math.rsqrt(tf.cast(step + 1, tf.float64)), hessian)
        return step + 1, new_x, new, new_gradient, hessian, gain, done

    loop = (tf.constant(0), x, point, gradient, fresh, infinite, done)
    return tf.while_loop(unfinished, body, loop)[1]


def _first_guess(problem: ReducedProblem) -> Tensor:
    """Logarithms of 1/(μ - κg‖a‖²) [M], q [U], b [U] and κ, in this order: [B, M + 2U + 1]."""
    batch, num_aps, num_users = (tf.shape(problem.h)[i] for i in (0, 1, 3))
    share = tf.cast(num_users, tf.float64) / tf.cast(num_aps, tf.float64)
    max_snr = tf.reduce_sum(problem.gain * problem.norm_a(), axis=1)
    price = tf.where(
        (problem.weight > 0.0) & (max_snr > 0.0), problem.weight, tf.ones_like(max_snr)
    ) / tf.where(max_snr > 0.0, max_snr, tf.ones_like(max_snr))
    # amplitudes for beams of about equal power; equal ones would invert the channels
    strength = tf.reduce_sum(tf.square(tf.abs(problem.h)), axis=(1, 2)) / share
    strength = tf.where(strength > 0.0, strength, tf.ones_like(strength))
    return tf.concat(
        [
            tf.zeros([batch, num_aps], tf.float64) - tf.math.log(share),
            tf.zeros([batch, num_users], tf.float64),
            tf.math.log1p(strength) - 0.5 * tf.math.log(strength),
            tf.math.log(price)[:, None],
        ],
        axis=1,
    )


def _beams(problem: ReducedProblem, x: Tensor) -> Tensor:
    """Beams [B, M, R, U] of the multipliers whose logarithms are ``x``."""
    num_aps, num_users = tf.shape(problem.h)[1], tf.shape(problem.h)[3]
    inverse_slack, q, b, price = tf.split(tf.exp(x), [num_aps, num_users, num_users, 1], axis=1)
    target_price = tf.where(problem.weight > 0.0, price[:, 0], 0.0)[:, None] * problem.gain
    phi = inverse_slack / (1.0 + target_price * problem.norm_a() * inverse_slack)
    xi = phi * target_price * inverse_slack
    k = problem.dual_gram(phi, xi)
    root = tf.sqrt(q)
    left = as_complex(root)
    eye = tf.eye(num_users, dtype=k.dtype)
    matrix = eye + left[:, :, None] * k * left[:, None, :]
    right = tf.linalg.diag(as_complex(b / root))
    combining = left[:, :, None] * tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), right)
    return to_unit_power(problem.inverse_omega(phi, xi, tf.matmul(problem.h, combining[:, None])))


def _evaluate(problem: ReducedProblem, x: Tensor) -> tuple[Point, Tensor]:
    """The point that ``x`` stands for, and the gradient of the utility with respect to ``x``."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        f = _beams(problem, x)
        point = problem.evaluate(tf.stop_gradient(f))
        # the utility's own gradient is at hand: only the map to the beams is differentiated
        linear = 2.0 * tf.reduce_sum(inner(point.gradient, f))
    return point, tape.gradient(linear, x)


def _search(problem, x, point, gradient, d, slope, done):  # type: ignore[no-untyped-def]
    """Backtrack until the utility rises enough; else stay."""

    def attempt(length):  # type: ignore[no-untyped-def]
        new_x = x + length[:, None] * d
        new, new_gradient = _evaluate(problem, new_x)
        good = new.value >= point.value + _ARMIJO * length * slope
        return new_x, new, new_gradient, tf.logical_not(good)

    def unfinished(count, length, new_x, new, new_gradient, failed):  # type: ignore[no-untyped-def]
        open_ = tf.reduce_any(tf.logical_and(failed, tf.logical_not(done)))
        return tf.logical_and(count < _MAX_BACKTRACKS, open_)

    def body(count, length, new_x, new, new_gradient, failed):  # type: ignore[no-untyped-def]
        length = tf.where(failed, _SHRINK * length, length)
        return (count + 1, length, *attempt(length))

    length = tf.ones_like(slope)
    loop = (tf.constant(0), length, *attempt(length))
    _, _, new_x, new, new_gradient, failed = tf.while_loop(unfinished, body, loop)
    stay = tf.logical_or(done, failed)
    return tf.nest.map_structure(
        lambda old, y: tf.where(tf.reshape(stay, [-1] + [1] * (y.shape.rank - 1)), old, y),
        (x, point, gradient),
        (new_x, new, new_gradient),
    )


def _update(hessian: Tensor, s: Tensor, y: Tensor, first: Tensor) -> Tensor:
    """BFGS update of the inverse Hessian [B, n, n], skipped without positive curvature."""
    curvature = tf.reduce_sum(s * y, axis=1)
    good = curvature > 1e-14 * tf.norm(s, axis=1) * tf.norm(y, axis=1)
    inverse = tf.where(good, 1.0 / tf.where(good, curvature, 1.0), 0.0)
    scale = tf.math.divide_no_nan(curvature, tf.reduce_sum(y * y, axis=1))
    eye = tf.eye(tf.shape(s)[1], dtype=s.dtype)
    rescale = tf.logical_and(first, good)[:, None, None]
    hessian = tf.where(rescale, scale[:, None, None] * eye, hessian)
    v = eye - inverse[:, None, None] * s[:, :, None] * y[:, None, :]
    rank_one = inverse[:, None, None] * s[:, :, None] * s[:, None, :]
    updated = tf.matmul(tf.matmul(v, hessian), v, transpose_b=True) + rank_one
    return tf.where(good[:, None, None], updated, hessian)
