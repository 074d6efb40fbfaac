"""The optimiser's loops as graphs that are traced once, whatever the sizes of the network."""

import tensorflow as tf

from sionna_cfisac.beamforming.solver.ascent import Ascent, ascend, choose, higher
from sionna_cfisac.beamforming.solver.multiplier_search import refine_at_high_snr, strongest
from sionna_cfisac.beamforming.solver.starts import best_start, random_start
from sionna_cfisac.beamforming.solver.switching import (
    TRIAL_STEPS,
    TRIAL_TOLERANCE,
    VERY_HIGH_SNR,
    are_alike,
    problem_without,
    without,
)
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
_CHANNELS = open_spec(1, tf.bool)
_ASCENT = Ascent(
    f=_BEAMS,
    value=open_spec(1),
    residual=open_spec(1),
    iterations=open_spec(1, tf.int32),
    converged=_CHANNELS,
    history=open_spec(2),
)


# sizes stay open in these graphs, so that one trace serves every network; channels that are settled
# are left alone, and cost nothing where all of them are
@tf.function(input_signature=[PROBLEM_SPEC, _CHANNELS])
def first_start(problem: ReducedProblem, settled: Tensor) -> Tensor:
    """The best guess, refined where the SNR is high: [B, M, R, U]."""
    return refine_at_high_snr(problem, best_start(problem), settled)


further_start = tf.function(random_start, input_signature=[PROBLEM_SPEC, open_spec(1, tf.int32)])
"""A random start [B, M, R, U] from a problem and a seed [2]."""


@tf.function(
    input_signature=[PROBLEM_SPEC, _BEAMS, open_spec(0, tf.int32), open_spec(0), _CHANNELS]
)
def run_ascent(
    problem: ReducedProblem,
    start: Tensor,
    max_iterations: Tensor,
    tolerance: Tensor,
    settled: Tensor,
) -> Ascent:
    """:func:`~sionna_cfisac.beamforming.solver.ascent.ascend` from ``start`` [B, M, R, U]."""
    return ascend(problem, start, max_iterations, tolerance, settled, _MEMORY)


candidates = tf.function(are_alike, input_signature=[PROBLEM_SPEC])
"""Channels [B] on which switching users off can pay."""


@tf.function(
    input_signature=[PROBLEM_SPEC, _ASCENT, open_spec(0, tf.int32), open_spec(0), _CHANNELS]
)
def switch_users(
    problem: ReducedProblem,
    found: Ascent,
    max_iterations: Tensor,
    tolerance: Tensor,
    settled: Tensor,
) -> Ascent:
    """Switch one UE after the other off, as long as that raises the utility.

    Each round tries every UE, from the beams at hand and from those for the other UEs alone, and
    goes on from the best.
    """
    num_users = tf.shape(found.f)[3]
    steps = tf.minimum(max_iterations, TRIAL_STEPS)
    trial_tolerance = tf.constant(TRIAL_TOLERANCE, tf.float64)

    # below it the guesses are good enough for a trial
    easy = strongest(problem) < VERY_HIGH_SNR

    def best_trial(found: Ascent, settled: Tensor) -> tuple[Tensor, Tensor]:
        def body(user: Tensor, f: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            others = first_start(problem_without(problem, user), tf.logical_or(easy, settled))
            for start in (without(found.f, user), others):
                trial = run_ascent(problem, start, steps, trial_tolerance, settled)
                better = trial.value > value
                f = tf.where(better[:, None, None, None], trial.f, f)
                value = tf.where(better, trial.value, value)
            return user + 1, f, value

        loop = (tf.constant(0), found.f, found.value)
        _, f, value = tf.while_loop(lambda user, f, value: user < num_users, body, loop)
        return f, value

    def unfinished(turn: Tensor, found: Ascent, settled: Tensor) -> Tensor:
        return tf.logical_and(turn < num_users, tf.logical_not(tf.reduce_all(settled)))

    def body(turn: Tensor, found: Ascent, settled: Tensor) -> tuple[Tensor, Ascent, Tensor]:
        f, value = best_trial(found, settled)
        settled = tf.logical_or(settled, tf.logical_not(higher(value, found.value)))
        new = run_ascent(problem, f, max_iterations, tolerance, settled)
        return turn + 1, choose(settled, found, new), settled

    return tf.while_loop(unfinished, body, (tf.constant(0), found, settled))[1]


@tf.function(input_signature=[PROBLEM_SPEC, _BEAMS])
def _evaluate(problem: ReducedProblem, f: Tensor) -> Point:
    return problem.evaluate(f)


def solve_from(problem: ReducedProblem, start: Tensor | None) -> Point:
    """Stationary point of high accuracy, from given beams [B, M, R, U] or the optimiser's own."""
    none = tf.zeros_like(problem.weight, tf.bool)
    own = first_start(problem, none)
    if start is not None:
        better = _evaluate(problem, start).value > _evaluate(problem, own).value
        own = tf.where(better[:, None, None, None], start, own)
    limit, tolerance = tf.constant(300), tf.constant(1e-12, tf.float64)
    return _evaluate(problem, run_ascent(problem, own, limit, tolerance, none).f)
