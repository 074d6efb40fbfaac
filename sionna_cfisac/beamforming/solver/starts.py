"""Starting points of the optimiser; ``docs/symbols.md`` lists the symbols."""

import tensorflow as tf

from sionna_cfisac.beamforming.theory.normalised import ReducedProblem, to_unit_power
from sionna_cfisac.state import Tensor


def best_start(problem: ReducedProblem) -> Tensor:
    """The best of three guesses, for each channel: [B, M, R, U]."""
    rzf, dual = rzf_start(problem), dual_start(problem)
    best = problem.evaluate(rzf)
    for guess in (dual, lit_start(problem, rzf, dual)):
        point = problem.evaluate(guess)
        better = (point.value > best.value)[:, None, None, None]
        best = point._replace(
            f=tf.where(better, guess, best.f), value=tf.maximum(point.value, best.value)
        )
    return best.f


def rzf_start(problem: ReducedProblem) -> Tensor:
    """RZF over all APs, each scaled to its power: [B, M, R, U]."""
    gram = problem.user_gram
    num_aps, num_users = tf.shape(gram)[1], tf.shape(gram)[2]
    load = tf.cast(num_users, tf.float64) / tf.cast(num_aps, tf.float64)
    eye = tf.eye(num_users, dtype=gram.dtype)
    inverse = tf.linalg.cholesky_solve(
        tf.linalg.cholesky(tf.reduce_sum(gram, axis=1) + tf.cast(load, gram.dtype) * eye),
        tf.zeros_like(gram[:, 0]) + eye,
    )
    return to_unit_power(tf.matmul(problem.h, inverse[:, None]))


def dual_start(problem: ReducedProblem, num_steps: int = 3) -> Tensor:
    r"""Beams with the structure of the optimum at guessed multipliers: [B, M, R, U].

    The multipliers of the optimum add up to about U + β, its sensing prices relative to them are
    about r = β / (U + β), and the dual uplink's powers about 1/σ² (1 here). Given those, only
    the split over the APs is missing: fixed-point steps :math:`\mu_m \leftarrow \mu_m \|F_m\|`.
    """
    num_users = tf.cast(tf.shape(problem.h)[3], tf.float64)
    ratio = (problem.weight / (num_users + problem.weight))[:, None]
    norm_a = problem.norm_a()
    eye = tf.eye(tf.shape(problem.h)[3], dtype=problem.h.dtype)
    total = num_users + problem.weight
    share = total / tf.cast(tf.shape(problem.h)[1], tf.float64)
    mu = tf.zeros_like(problem.gain) + share[:, None]
    f = problem.h
    for _ in range(num_steps):
        phi = 1.0 / mu
        xi = phi * ratio / (1.0 - ratio) / norm_a
        k = problem.dual_gram(phi, xi)
        x = tf.linalg.cholesky_solve(tf.linalg.cholesky(k + eye), tf.zeros_like(k) + eye)
        f = problem.inverse_omega(phi, xi, tf.matmul(problem.h, x[:, None]))
        norm = tf.sqrt(tf.reduce_sum(tf.square(tf.abs(f)), axis=(2, 3)))
        mean = tf.sqrt(tf.reduce_mean(tf.square(norm), axis=1, keepdims=True))
        # an AP without channel has no beams and keeps its multiplier
        step = tf.math.divide_no_nan(norm, mean)
        mu *= tf.where(step > 0, step, tf.ones_like(step))
    return to_unit_power(f)


def lit_start(problem: ReducedProblem, rzf: Tensor, dual: Tensor) -> Tensor:
    """RZF with conjugate sensing beams added on the same streams: [B, M, R, U].

    The share of power that senses is about β / (U + β) and larger at APs of more sensing gain.
    Where an AP's channels are nearly orthogonal to its steering vector, the other guesses light
    the target up so little that an ascent from them can end in a worse optimum.
    """
    num_users = tf.cast(tf.shape(rzf)[3], tf.float64)
    gain = problem.gain * problem.norm_a()
    ratio = problem.weight / (num_users + problem.weight)
    mean = tf.reduce_mean(gain, axis=1, keepdims=True)
    share = tf.minimum(ratio[:, None] * tf.math.divide_no_nan(gain, mean), 0.95)
    # the streams' split and phases at the target are those of the dual guess; an AP that has no
    # channel to any UE has none, and any will do
    lit = problem.lit(dual)
    is_lit = tf.reduce_sum(tf.square(tf.abs(lit)), axis=-1, keepdims=True) > 0.0
    lit = tf.where(is_lit, lit, tf.ones_like(lit))
    sensing = to_unit_power(problem.a[..., None] * lit[:, :, None, :])
    own, other = (tf.cast(tf.sqrt(x), rzf.dtype)[..., None, None] for x in (1.0 - share, share))
    return to_unit_power(own * rzf + other * sensing)


def random_start(problem: ReducedProblem, seed: Tensor) -> Tensor:
    """Random combinations of the channels and the steering vector: [B, M, R, U].

    Parameters
    ----------
    problem : ReducedProblem
        Normalised problem
    seed : [2], int
        Seed of the draw
    """
    # one draw for the whole batch, so that a channel's start does not depend on its batch
    shape = tf.concat([[1], tf.shape(problem.h)[1:]], 0)
    normal = tf.random.stateless_normal(
        tf.concat([[2], shape], 0), seed, dtype=tf.float64, alg="philox"
    )
    return to_unit_power(tf.zeros_like(problem.h) + tf.complex(normal[0], normal[1]))
