r"""Ascent over the multipliers that fix the optimal beams, for channels of high SNR.

Every stationary point has beams :math:`\mathbf{f}_u = b_u (\mathbf{\Omega} + \sum_i q_i
\mathbf{h}_i \mathbf{h}_i^H)^{-1} \mathbf{h}_u`, scaled to each AP's power, so it is fixed by
M + 2U + 1 positive numbers. At high SNR the beams must cancel interference between APs to many
digits. A step on the beams spoils that unless it is short; a step on these numbers keeps it,
because the inverse cancels anew. Their logarithms are searched with BFGS, by continuation from
more noise to less.
``docs/symbols.md`` lists the symbols.
"""

from typing import NamedTuple

import tensorflow as tf

from sionna_cfisac.backend import as_complex
from sionna_cfisac.beamforming.solver.open_graph import CHANNELS, PROBLEM, open_graph, open_spec
from sionna_cfisac.beamforming.theory.normalised import (
    Point,
    ReducedProblem,
    inner,
    to_unit_power,
)
from sionna_cfisac.state import Tensor

# power of a UE's channel from one AP over its noise, above which the beams themselves are a poor
# place to start the search
_HIGH_SNR = 50.0
# from one noise to the next
_LESS_NOISE = 10.0
# the search ends there, and the ascent on the beams goes on from its result: each factor beyond
# takes as long as all before, for channels that no receiver has
_SEARCHED_SNR = 1e12
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
    at low SNR. Then it searches at full SNR directly, and keeps the better. What is above an SNR of
    120 dB is searched at 120 dB. Channels that are ``settled`` [B] are left alone.
    """
    strength = strongest(problem)
    high = is_high(problem, settled)
    share = tf.where(high, _HIGH_SNR / tf.maximum(strength, _HIGH_SNR), 1.0)
    full = _SEARCHED_SNR / tf.maximum(strength, _SEARCHED_SNR)
    first = _first_guess(_weaker(problem, full))

    def unfinished(share, x, path, direct, done):  # type: ignore[no-untyped-def]
        return tf.logical_not(tf.reduce_all(done))

    def body(share, x, path, direct, done):  # type: ignore[no-untyped-def]
        x = _maximise(_weaker(problem, share), x, done)
        there = share >= full
        done = tf.logical_or(done, tf.logical_and(there, direct))
        turn = tf.logical_and(there, tf.logical_not(direct))
        path = tf.where(turn[:, None], x, path)
        # a UE that is not worth its power at low SNR is not found again on that path
        x = tf.where(turn[:, None], first, x)
        return tf.minimum(_LESS_NOISE * share, full), x, path, tf.logical_or(direct, turn), done

    guess = _first_guess(_weaker(problem, share))
    loop = (share, guess, guess, tf.zeros_like(high), tf.logical_not(high))
    _, x, path, _, _ = tf.while_loop(unfinished, body, loop)
    best = problem.evaluate(start)
    for f in (_beams(problem, path), _beams(problem, x)):
        point = problem.evaluate(f)
        better = tf.logical_and(high, point.value > best.value)
        best = point._replace(
            f=tf.where(better[:, None, None, None], f, best.f),
            value=tf.where(better, point.value, best.value),
        )
    return best.f


def is_high(problem: ReducedProblem, settled: Tensor) -> Tensor:
    """Whether the search pays on a channel that is not ``settled`` [B]: [B], bool."""
    return tf.logical_and(strongest(problem) >= _HIGH_SNR, tf.logical_not(settled))


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


@open_graph(PROBLEM, open_spec(2), CHANNELS)
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


class _Design(NamedTuple):
    """The beams that multipliers stand for, and what they were computed from.

    Attributes
    ----------
    f, direction : [B, M, R, U], complex
        Beams, and Ω⁻¹HC, which they are but for the power of each AP
    combined : [B, M, R, U], complex
        HC, with the combining C = (I + diag(q) K)⁻¹ diag(b)
    combining, factor : [B, U, U], complex
        C, and the Cholesky factor of I + √q K √q
    k : [B, U, U], complex
        K = Σ HᴴΩ⁻¹H
    phi, xi, share : [B, M], float
        Ω⁻¹ = φ I + ξ aaᴴ, and the share (μ - κg‖a‖²)/μ
    q, b : [B, U], float
        Powers of the dual uplink and amplitudes
    """

    f: Tensor
    direction: Tensor
    combined: Tensor
    combining: Tensor
    factor: Tensor
    k: Tensor
    phi: Tensor
    xi: Tensor
    share: Tensor
    q: Tensor
    b: Tensor


def _design(problem: ReducedProblem, x: Tensor) -> _Design:
    """Beams of the multipliers whose logarithms are ``x``."""
    num_aps, num_users = tf.shape(problem.h)[1], tf.shape(problem.h)[3]
    inverse_slack, q, b, price = tf.split(tf.exp(x), [num_aps, num_users, num_users, 1], axis=1)
    target_price = tf.where(problem.weight > 0.0, price[:, 0], 0.0)[:, None] * problem.gain
    over = 1.0 + target_price * problem.norm_a() * inverse_slack
    phi = inverse_slack / over
    xi = phi * target_price * inverse_slack
    k = problem.dual_gram(phi, xi)
    root = tf.sqrt(q)
    left = as_complex(root)
    eye = tf.eye(num_users, dtype=k.dtype)
    factor = tf.linalg.cholesky(eye + left[:, :, None] * k * left[:, None, :])
    right = tf.linalg.diag(as_complex(b / root))
    combining = left[:, :, None] * tf.linalg.cholesky_solve(factor, right)
    combined = tf.matmul(problem.h, combining[:, None])
    direction = problem.inverse_omega(phi, xi, combined)
    f = to_unit_power(direction)
    return _Design(f, direction, combined, combining, factor, k, phi, xi, 1.0 / over, q, b)


def _beams(problem: ReducedProblem, x: Tensor) -> Tensor:
    """Beams [B, M, R, U] of the multipliers whose logarithms are ``x``."""
    return _design(problem, x).f


def _pulled_back(problem: ReducedProblem, design: _Design, gradient: Tensor) -> Tensor:
    r"""Gradient with respect to the multipliers' logarithms [B, M + 2U + 1] from that to the beams.

    The chain rule backwards through :func:`_design`: with the adjoints G of Ω⁻¹HC and
    :math:`\mathbf{W} = (\mathbf{I} + \mathbf{K}\,\mathrm{diag}(q))^{-1}
    \mathbf{H}^H\mathbf{\Omega}^{-1}\mathbf{G}` of diag(b), that of K is
    :math:`-\mathrm{diag}(q)\,\mathbf{W}\mathbf{C}^H`.
    """
    f = design.f
    # what changes an AP's power is taken back by the scaling
    tangential = gradient - as_complex(inner(f, gradient))[..., None, None] * f
    # an AP without channels has no beams
    length = inner(f, design.direction)
    per_length = 2.0 * tf.math.divide_no_nan(tf.ones_like(length), length)
    outer = tangential * as_complex(per_length)[..., None, None]
    back = problem.inverse_omega(design.phi, design.xi, outer)
    back = tf.reduce_sum(tf.matmul(problem.h, back, adjoint_a=True), axis=1)
    left = as_complex(tf.sqrt(design.q))[:, :, None]
    w = tf.linalg.cholesky_solve(design.factor, left * back) / left
    to_b = tf.math.real(tf.linalg.diag_part(w))
    received = tf.matmul(design.k, design.combining)
    to_q = -tf.reduce_sum(tf.math.real(tf.math.conj(w) * received), axis=2)
    to_k = -tf.matmul(as_complex(design.q)[:, :, None] * w, design.combining, adjoint_b=True)
    to_phi = inner(outer, design.combined) + inner(to_k[:, None], problem.user_gram)
    lit = tf.math.conj(problem.lit(outer)) * problem.lit(design.combined)
    to_xi = tf.reduce_sum(tf.math.real(lit), axis=2) + inner(to_k[:, None], problem.target_gram)
    to_phi, to_xi = design.phi * to_phi, design.xi * to_xi
    share = design.share
    to_price = tf.reduce_sum(share * to_xi - (1.0 - share) * to_phi, axis=1, keepdims=True)
    to_slack = share * to_phi + (1.0 + share) * to_xi
    return tf.concat([to_slack, design.q * to_q, design.b * to_b, to_price], axis=1)


def _evaluate(problem: ReducedProblem, x: Tensor) -> tuple[Point, Tensor]:
    """The point that ``x`` stands for, and the gradient of the utility with respect to ``x``."""
    design = _design(problem, x)
    point = problem.evaluate(design.f)
    return point, _pulled_back(problem, design, point.gradient)


def _search(problem, x, point, gradient, d, slope, done):  # type: ignore[no-untyped-def]
    """Backtrack until the utility rises enough; else stay."""

    def unfinished(count, length, new_x, new, new_gradient, failed):  # type: ignore[no-untyped-def]
        open_ = tf.reduce_any(tf.logical_and(failed, tf.logical_not(done)))
        return tf.logical_and(count <= _MAX_BACKTRACKS, open_)

    def body(count, length, new_x, new, new_gradient, failed):  # type: ignore[no-untyped-def]
        new_x = x + length[:, None] * d
        new, new_gradient = _evaluate(problem, new_x)
        failed = tf.logical_not(new.value >= point.value + _ARMIJO * length * slope)
        length = tf.where(failed, _SHRINK * length, length)
        return count + 1, length, new_x, new, new_gradient, failed

    untried = tf.ones_like(done)
    loop = (tf.constant(0), tf.ones_like(slope), x, point, gradient, untried)
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
