r"""Switching users off: the move that leaves the local optima of channels that are much alike.

Where UEs' channels are nearly parallel, as in line of sight, serving one of them can be worth more
than serving both, and the ascent on beams cannot get there: it ends in a local optimum, or on the
saddle of equal beams. A stream that is exactly zero stays zero, so the ascent from beams with a UE
switched off is that of the smaller problem. ``docs/symbols.md`` lists the symbols.
"""

import tensorflow as tf

from sionna_cfisac.beamforming.solver.ascent import Ascent
from sionna_cfisac.beamforming.theory.normalised import ReducedProblem, to_unit_power
from sionna_cfisac.state import Tensor

# share of a UE's channel that is left outside the span of the others' channels, below which
# switching UEs off can pay; of independent channels with twice as many antennas as UEs, more is
_ALIKE = 0.5
# steps of a trial, and the gain below which it ends; enough to see which UE costs more than it gets
TRIAL_STEPS = 15
TRIAL_TOLERANCE = 1e-4


def alike(problem: ReducedProblem) -> Tensor:
    r"""Whether some UE's channel, over all APs, lies half in the span of the others': [B], bool.

    With the normalised Gram matrix G of the channels, :math:`1 / (\mathbf{G}^{-1})_{uu}` is the
    share of the channel that zero forcing would leave of it.
    """
    gram = tf.reduce_sum(problem.user_gram, axis=1)
    size = tf.math.real(tf.linalg.diag_part(gram))
    root = tf.math.rsqrt(tf.where(size > 0.0, size, tf.ones_like(size)))
    root = tf.cast(tf.where(size > 0.0, root, tf.zeros_like(root)), gram.dtype)
    # the diagonal keeps equal channels, and UEs without any, invertible
    eye = tf.eye(tf.shape(gram)[-1], dtype=gram.dtype)
    normal = root[:, :, None] * gram * root[:, None, :] + 1e-9 * eye
    inverse = tf.linalg.cholesky_solve(tf.linalg.cholesky(normal), tf.zeros_like(normal) + eye)
    left = 1.0 / tf.math.real(tf.linalg.diag_part(inverse))
    heard = size > 0.0
    return tf.reduce_any(tf.logical_and(heard, left < _ALIKE), axis=1)


def without(f: Tensor, user: Tensor) -> Tensor:
    """Beams [B, M, R, U] with one UE's stream off and every AP at its power."""
    on = 1.0 - tf.one_hot(user, tf.shape(f)[-1], dtype=tf.float64)
    return to_unit_power(f * tf.cast(on, f.dtype))
