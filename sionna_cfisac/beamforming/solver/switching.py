r"""Switching users off: the move that leaves the local optima of channels that are much alike.

Where UEs' channels are nearly parallel, as in line of sight, serving one of them can be worth more
than serving both, and the ascent on the beams does not get there: it ends in a local optimum, or on
the saddle of equal beams. A stream that is exactly zero stays zero, so an ascent from beams with a
UE switched off is that of a smaller problem. ``docs/symbols.md`` lists the symbols.
"""

import tensorflow as tf

from sionna_cfisac.backend import as_complex
from sionna_cfisac.beamforming.theory.normalised import ReducedProblem, to_unit_power
from sionna_cfisac.state import Tensor

# share of a UE's channel that lies outside the span of the others' channels, below which switching
# UEs off can pay; independent channels with four times as many antennas as UEs never have so little
_ALIKE = 0.5
# a trial ends after so many steps, or with gains below this share of the utility: it need only
# tell which UE is worth less than it costs
TRIAL_STEPS = 40
TRIAL_TOLERANCE = 1e-6
# with more UEs than that, to try all of them in each round would take longer than everything else
MOST_TRIALS = 8
# rate in nat below which a UE counts as switched off
_OFF = 1e-6
# power of a channel over the noise from which a trial needs a start that cancels interference
VERY_HIGH_SNR = 500.0


def are_alike(problem: ReducedProblem) -> Tensor:
    r"""Whether half of some UE's channel, over all APs, lies in the span of the others': [B], bool.

    With the Gram matrix G of the channels, scaled to unit diagonal, zero forcing leaves the share
    :math:`1 / (\mathbf{G}^{-1})_{uu}` of channel u.
    """
    gram = tf.reduce_sum(problem.user_gram, axis=1)
    size = tf.math.real(tf.linalg.diag_part(gram))
    heard = size > 0.0
    root = as_complex(tf.math.rsqrt(tf.where(heard, size, tf.ones_like(size))))
    eye = tf.eye(tf.shape(gram)[-1], dtype=gram.dtype)
    # equal channels, and those of UEs that no AP reaches, stay invertible
    scaled = root[:, :, None] * gram * root[:, None, :] + 1e-9 * eye
    inverse = tf.linalg.cholesky_solve(tf.linalg.cholesky(scaled), tf.zeros_like(scaled) + eye)
    left = 1.0 / tf.math.real(tf.linalg.diag_part(inverse))
    return tf.reduce_any(tf.logical_and(heard, left < _ALIKE), axis=1)


def least_served(problem: ReducedProblem, f: Tensor) -> Tensor:
    """The UEs to try, those of the lowest rates that are on: [B, min(U, MOST_TRIALS)]."""
    rates = problem.rates(f)
    # to switch off what is off changes nothing
    rates = tf.where(rates > _OFF, rates, tf.fill(tf.shape(rates), tf.float64.max))
    return tf.argsort(rates, axis=1)[:, :MOST_TRIALS]


def without(f: Tensor, user: Tensor) -> Tensor:
    """Beams [B, M, R, U] with the stream of a UE [B] off and every AP at its power."""
    on = 1.0 - tf.one_hot(user, tf.shape(f)[-1], dtype=tf.float64)
    return to_unit_power(f * as_complex(on)[:, None, None, :])


def problem_without(problem: ReducedProblem, user: Tensor) -> ReducedProblem:
    """The problem in which no AP reaches a UE [B]."""
    on = as_complex(1.0 - tf.one_hot(user, tf.shape(problem.h)[-1], dtype=tf.float64))
    both = (on[:, :, None] * on[:, None, :])[:, None]
    return problem._replace(
        h=problem.h * on[:, None, None, :],
        user_gram=problem.user_gram * both,
        target_gram=problem.target_gram * both,
    )
