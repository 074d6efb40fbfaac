"""The optimiser's loops as graphs that are traced once, whatever the sizes of the network."""

import tensorflow as tf

from sionna_cfisac.beamforming.solver.ascent import Ascent, ascend
from sionna_cfisac.beamforming.solver.multiplier_search import refine_at_high_snr
from sionna_cfisac.beamforming.solver.starts import best_start, random_start
from sionna_cfisac.beamforming.theory.normalised import Point, ReducedProblem
from sionna_cfisac.state import Tensor

_MEMORY = 6


def open_spec(rank: int, dtype: tf.DType = tf.float64) -> tf.TensorSpec:
    """Signature of a tensor of this rank and any size."""
    return tf.TensorSpec([None] * rank, dtype)


PROBLEM_SPEC = ReducedProblem(
    h=open_spec(4, tf.complex128),
    a=open_spec(3, tf.complex128),
    gain=open_spec(2),
    weight=open_spec(1),
    user_gram=open_spec(4, tf.complex128),
    target_gram=open_spec(4, tf.complex128),
)
_BEAMS = open_spec(4, tf.complex128)


# sizes stay open in these graphs, so that one trace serves every network
@tf.function(input_signature=[PROBLEM_SPEC])
def first_start(problem: ReducedProblem) -> Tensor:
    """The best guess, refined where the SNR is high: [B, M, R, U]."""
    return refine_at_high_snr(problem, best_start(problem))


further_start = tf.function(random_start, input_signature=[PROBLEM_SPEC, open_spec(1, tf.int32)])
"""A random start [B, M, R, U] from a problem and a seed [2]."""


@tf.function(input_signature=[PROBLEM_SPEC, _BEAMS, open_spec(0, tf.int32), open_spec(0)])
def run_ascent(
    problem: ReducedProblem, start: Tensor, max_iterations: Tensor, tolerance: Tensor
) -> Ascent:
    """:func:`~sionna_cfisac.beamforming.solver.ascent.ascend` from ``start`` [B, M, R, U]."""
    return ascend(problem, start, max_iterations, tolerance, _MEMORY)


@tf.function(input_signature=[PROBLEM_SPEC, _BEAMS])
def _evaluate(problem: ReducedProblem, f: Tensor) -> Point:
    return problem.evaluate(f)


def solve_from(problem: ReducedProblem, start: Tensor | None) -> Point:
    """Stationary point of high accuracy, from given beams [B, M, R, U] or the optimiser's own."""
    own = first_start(problem)
    if start is not None:
        better = _evaluate(problem, start).value > _evaluate(problem, own).value
        own = tf.where(better[:, None, None, None], start, own)
    limit, tolerance = tf.constant(300), tf.constant(1e-12, tf.float64)
    return _evaluate(problem, run_ascent(problem, own, limit, tolerance).f)
