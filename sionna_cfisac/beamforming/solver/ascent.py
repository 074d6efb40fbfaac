r"""Monotone ascent on the utility: projected limited-memory BFGS on modelled curvature.

The step is :math:`\mathbf{d} = \mathbf{B}\, \mathbf{g}` with the tangential gradient g and the
limited-memory BFGS matrix B that starts from the inverse of the model Hessian of ``curvature.py``;
each AP that exceeds its power is scaled back, and a backtracking line search accepts only ascent.
Minorise–maximise is the special case without memory; the memory learns what its surrogate leaves
out, the change of the curvature with the beams, and makes the convergence superlinear.
``docs/symbols.md`` lists the symbols.
"""

from typing import NamedTuple

import tensorflow as tf

from sionna_cfisac.beamforming.solver.curvature import curvature_at, solve
from sionna_cfisac.beamforming.theory.normalised import Point, ReducedProblem, inner, to_unit_power
from sionna_cfisac.state import Tensor

_ARMIJO = 1e-4
_SHRINK = 0.4
_MAX_BACKTRACKS = 25
# relative excess of the threshold κ g ‖a‖² over the multiplier that counts as a saddle
_SADDLE = 1e-3
# KKT residual from which a point does not count as stationary
_STATIONARY = 1e-2
# relative rounding error of the utility, below which two values are the same
_ROUNDING = 1e-13


class Ascent(NamedTuple):
    """Result of :func:`ascend`.

    Attributes
    ----------
    f : [B, M, R, U], complex
        Beams
    value : [B], float
        Utility in nat
    residual : [B], float
        KKT residual, the norm of the tangential gradient over that of the gradient
    iterations : [B], int
        Steps taken
    converged : [B], bool
        Whether the tolerance was reached before the limit of iterations, at a stationary point
    history : [max_iterations + 1, B], float
        Utility in nat at the start and after each step, constant from the last one on
    """

    f: Tensor
    value: Tensor
    residual: Tensor
    iterations: Tensor
    converged: Tensor
    history: Tensor


def higher(value: Tensor, than: Tensor) -> Tensor:
    """Whether one utility exceeds another by more than rounding: [B], bool."""
    return value > than + 1e-9 * tf.abs(than)


def choose(first: Tensor, one: Ascent, other: Ascent) -> Ascent:
    """For each channel ``one`` where ``first`` [B] says so, else ``other``."""

    def pick(x: Tensor, y: Tensor) -> Tensor:
        # the batch is the last axis of the history, the first one elsewhere
        ahead = 0 if x is one.history else x.shape.rank - 1
        return tf.where(tf.reshape(first, [-1] + [1] * ahead), x, y)

    return tf.nest.map_structure(pick, one, other)


def tangent(point: Point) -> tuple[Tensor, Tensor, Tensor]:
    """Tangential gradient [B, M, R, U], multipliers [B, M] and active power limits [B, M]."""
    mu = inner(point.f, point.gradient)
    full = inner(point.f, point.f) > 1.0 - 1e-9
    active = tf.cast(tf.logical_and(full, mu > 0.0), tf.float64)
    mu = tf.maximum(mu, 0.0)
    normal = tf.cast(mu * active, point.f.dtype)[..., None, None] * point.f
    return point.gradient - normal, mu, active


def kkt_residual(point: Point) -> Tensor:
    """Norm of the tangential gradient over the norm of the gradient: [B]."""
    gradient, _, _ = tangent(point)
    norms = (tf.reduce_sum(inner(x, x), axis=1) for x in (gradient, point.gradient))
    return tf.sqrt(tf.math.divide_no_nan(*norms))


def ascend(
    problem: ReducedProblem,
    start: Tensor,
    max_iterations: Tensor,
    tolerance: Tensor,
    settled: Tensor,
    memory: int,
) -> Ascent:
    """Maximise the utility from ``start`` [B, M, R, U], each channel until it has converged.

    A channel has converged where the gain that the model predicts for the next step, and the gain
    of the last step, are both below ``tolerance`` times the utility. It is then left alone, as one
    that is ``settled`` [B] is from the start: the result for a channel does not depend on the
    others of its batch.
    """
    first = problem.evaluate(start)
    batch = tf.shape(start)[0]
    size = 2 * tf.reduce_prod(tf.shape(start)[1:])
    # the last steps, the changes of the gradient along them, and one over their inner product;
    # apart, so that a step in front moves none of the others
    blank = tf.zeros((batch, size), tf.float64)
    pairs = ((blank, blank, tf.zeros((batch, 1), tf.float64)),) * memory
    rows = tf.range(max_iterations + 1)[:, None]
    history = tf.zeros((max_iterations + 1, batch), tf.float64) + first.value
    loop = (
        tf.constant(0),
        first,
        tf.fill([batch], tf.constant(float("inf"), tf.float64)),
        settled,
        tf.zeros([batch], tf.int32),
        pairs,
        history,
    )

    def unfinished(step, point, gain, done, count, pairs, history):  # type: ignore[no-untyped-def]
        return tf.logical_and(step < max_iterations, tf.logical_not(tf.reduce_all(done)))

    def body(step, point, gain, done, count, pairs, history):  # type: ignore[no-untyped-def]
        gradient, mu, active = tangent(point)
        curvature = curvature_at(problem, point, mu, active)
        slope_of = lambda d: 2.0 * tf.reduce_sum(inner(gradient, d), axis=1)  # noqa: E731
        direction = _project(_two_loop(problem, point, curvature, gradient, pairs), point, active)
        slope = slope_of(direction)
        plain = solve(problem, point, curvature, gradient)
        uphill = slope > 0.0
        direction = tf.where(uphill[:, None, None, None], direction, plain)
        slope = tf.where(uphill, slope, slope_of(plain))
        limit = tolerance * tf.abs(point.value)
        still = tf.logical_and(0.5 * slope <= limit, gain <= limit)
        escape, saddle = _escape(problem, point, mu)
        leave = tf.logical_and(still, saddle)
        direction = tf.where(leave[:, None, None, None], escape, direction)
        slope = tf.where(leave, tf.zeros_like(slope), slope)
        done = tf.logical_or(done, tf.logical_and(still, tf.logical_not(saddle)))
        new = _line_search(problem, point, direction, slope, done)
        gain = tf.where(done, gain, new.value - point.value)
        # a search that found nothing is at the rounding error of the utility
        stuck = tf.logical_and(gain <= _ROUNDING * tf.abs(point.value), 0.5 * slope <= limit)
        new_gradient, _, _ = tangent(new)
        pairs = _remember(pairs, new.f - point.f, gradient - new_gradient)
        count += tf.cast(tf.logical_not(done), tf.int32)
        done = tf.logical_or(done, stuck)
        history = tf.where(rows > step, new.value, history)
        return step + 1, new, gain, done, count, pairs, history

    _, point, _, done, count, _, history = tf.while_loop(unfinished, body, loop)
    residual = kkt_residual(point)
    # at high SNR no step may be left that rounding does not spoil, far from any stationary point
    done = tf.logical_and(done, residual < _STATIONARY)
    return Ascent(point.f, point.value, residual, count, done, history)


def _escape(problem: ReducedProblem, point: Point, mu: Tensor) -> tuple[Tensor, Tensor]:
    r"""Direction out of a saddle and whether there is one, from the sign of Ω.

    Where :math:`\kappa g_m \|\mathbf{a}_m\|^2 > \mu_m`, power along the steering vector pays,
    but an AP whose beams are orthogonal to it has no gradient that says so.
    """
    norm_a = problem.norm_a()
    pays = point.price[:, None] * problem.gain * norm_a > mu * (1.0 + _SADDLE)
    pays = tf.cast(pays, tf.float64)
    lit = problem.lit(point.f)
    size = tf.sqrt(tf.reduce_sum(tf.square(tf.abs(lit)), axis=-1, keepdims=True))
    equal = tf.ones_like(lit) / tf.sqrt(tf.cast(tf.shape(lit)[-1], lit.dtype))
    row = tf.where(size > 0.0, lit / tf.cast(tf.maximum(size, 1e-300), lit.dtype), equal)
    row *= tf.cast(pays * tf.math.rsqrt(norm_a), lit.dtype)[..., None]
    return problem.a[..., None] * row[:, :, None, :], tf.reduce_any(pays > 0.0, axis=1)


def _line_search(
    problem: ReducedProblem, point: Point, direction: Tensor, slope: Tensor, done: Tensor
) -> Point:
    """Backtrack along the projected arc until the utility rises enough; else stay."""

    def unfinished(count, length, new, failed):  # type: ignore[no-untyped-def]
        return tf.logical_and(
            count <= _MAX_BACKTRACKS, tf.reduce_any(tf.logical_and(failed, tf.logical_not(done)))
        )

    def body(count, length, new, failed):  # type: ignore[no-untyped-def]
        step = tf.cast(length, direction.dtype)[:, None, None, None] * direction
        new = problem.evaluate(to_unit_power(point.f + step, always=False))
        wanted = point.value + _ARMIJO * length * slope - _ROUNDING * tf.abs(point.value)
        failed = tf.logical_not(new.value >= wanted)
        return count + 1, tf.where(failed, _SHRINK * length, length), new, failed

    untried = (tf.constant(0), tf.ones_like(slope), point, tf.ones_like(done))
    _, _, new, failed = tf.while_loop(unfinished, body, untried)
    # beams never move where they would lose, not even by rounding
    stay = done | failed | (new.value < point.value)
    return tf.nest.map_structure(
        lambda old, x: tf.where(tf.reshape(stay, [-1] + [1] * (x.shape.rank - 1)), old, x),
        point,
        new,
    )


def _project(d: Tensor, point: Point, active: Tensor) -> Tensor:
    """Remove the part of a direction that changes the power of an AP at its limit."""
    return d - tf.cast(active * inner(point.f, d), d.dtype)[..., None, None] * point.f


def _two_loop(problem, point, curvature, gradient, pairs):  # type: ignore[no-untyped-def]
    """Limited-memory BFGS direction with the modelled curvature as its initial matrix."""
    q = _flatten(gradient)
    alphas = []
    for step, change, inverse in pairs:  # newest pair first
        alpha = inverse * tf.reduce_sum(step * q, axis=-1, keepdims=True)
        q -= alpha * change
        alphas.append(alpha)
    d = _flatten(
        solve(problem, point, curvature, _project(_unflatten(q, gradient), point, curvature.active))
    )
    for alpha, (step, change, inverse) in zip(reversed(alphas), reversed(pairs), strict=True):
        beta = inverse * tf.reduce_sum(change * d, axis=-1, keepdims=True)
        d += (alpha - beta) * step
    return _unflatten(d, gradient)


def _remember(pairs, step: Tensor, change: Tensor):  # type: ignore[no-untyped-def]
    """Put a pair in front and drop the oldest; a pair without positive curvature is blanked."""
    step, change = _flatten(step), _flatten(change)
    curvature = tf.reduce_sum(step * change, axis=-1, keepdims=True)
    size = tf.norm(step, axis=-1, keepdims=True) * tf.norm(change, axis=-1, keepdims=True)
    good = curvature > 1e-12 * size
    inverse = tf.where(good, 1.0 / tf.where(good, curvature, tf.ones_like(curvature)), 0.0)
    return ((step, change, inverse), *pairs[:-1])


def _flatten(x: Tensor) -> Tensor:
    """Complex [B, M, R, U] to real [B, 2·M·R·U]."""
    batch = tf.shape(x)[0]
    return tf.concat(
        [tf.reshape(tf.math.real(x), (batch, -1)), tf.reshape(tf.math.imag(x), (batch, -1))], -1
    )


def _unflatten(x: Tensor, like: Tensor) -> Tensor:
    real, imag = tf.split(x, 2, axis=-1)
    return tf.reshape(tf.complex(real, imag), tf.shape(like))
