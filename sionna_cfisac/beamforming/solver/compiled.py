"""The optimiser's loops as graphs that all methods share, whatever the sizes of the network."""

import tensorflow as tf

from sionna_cfisac.beamforming.solver.ascent import Ascent, ascend, choose, higher
from sionna_cfisac.beamforming.solver.multiplier_search import (
    is_high,
    refine_at_high_snr,
    strongest,
)
from sionna_cfisac.beamforming.solver.open_graph import (
    BEAMS,
    CHANNELS,
    PROBLEM,
    open_graph,
    open_spec,
)
from sionna_cfisac.beamforming.solver.starts import best_start, random_start
from sionna_cfisac.beamforming.solver.switching import (
    TRIAL_STEPS,
    TRIAL_TOLERANCE,
    VERY_HIGH_SNR,
    are_alike,
    least_served,
    problem_without,
    without,
)
from sionna_cfisac.beamforming.theory.normalised import Point, ReducedProblem
from sionna_cfisac.state import Tensor

_MEMORY = 6

_ASCENT = Ascent(
    f=BEAMS,
    value=open_spec(1),
    residual=open_spec(1),
    iterations=open_spec(1, tf.int32),
    converged=CHANNELS,
    history=open_spec(2),
)


# channels that are settled are left alone, and cost nothing where all of them are
def first_start(problem: ReducedProblem, settled: Tensor) -> Tensor:
    """The best guess, refined where the SNR is high: [B, M, R, U]."""
    guess = _best_guess(problem)
    # the search takes longer to trace than everything else
    if tf.executing_eagerly() and not tf.reduce_any(is_high(problem, settled)):
        return guess
    return _refined(problem, guess, settled)


_best_guess = open_graph(PROBLEM)(best_start)
_refined = open_graph(PROBLEM, BEAMS, CHANNELS)(refine_at_high_snr)
further_start = open_graph(PROBLEM, open_spec(1, tf.int32))(random_start)
"""A random start [B, M, R, U] from a problem and a seed [2]."""


@open_graph(PROBLEM, BEAMS, open_spec(0, tf.int32), open_spec(0), CHANNELS)
def run_ascent(
    problem: ReducedProblem,
    start: Tensor,
    max_iterations: Tensor,
    tolerance: Tensor,
    settled: Tensor,
) -> Ascent:
    """:func:`~sionna_cfisac.beamforming.solver.ascent.ascend` from ``start`` [B, M, R, U]."""
    return ascend(problem, start, max_iterations, tolerance, settled, _MEMORY)


candidates = open_graph(PROBLEM)(are_alike)
"""Channels [B] on which switching users off can pay."""


# not a graph itself: eager calls share the graphs of the search and the ascent
def switch_users(
    problem: ReducedProblem,
    found: Ascent,
    max_iterations: Tensor,
    tolerance: Tensor,
    settled: Tensor,
) -> Ascent:
    """Switch one UE after the other off, as long as that raises the utility.

    Each round tries the UEs of the lowest rates, from the beams at hand and from a guess for all
    other UEs, in which those come back that an earlier round switched off. It goes on from the
    best.
    """
    num_users = tf.shape(found.f)[3]
    steps = tf.minimum(max_iterations, TRIAL_STEPS)
    trial_tolerance = tf.constant(TRIAL_TOLERANCE, tf.float64)

    twice = ReducedProblem(*(tf.concat([x, x], axis=0) for x in problem))
    # below it the guesses are good enough for a trial
    easy = strongest(problem) < VERY_HIGH_SNR

    def best_trial(found: Ascent, settled: Tensor) -> tuple[Tensor, Tensor]:
        users = least_served(problem, found.f)

        def body(index: Tensor, f: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            user = users[:, index]
            others = first_start(problem_without(problem, user), tf.logical_or(easy, settled))
            starts = tf.concat([without(found.f, user), others], axis=0)
            trials = run_ascent(twice, starts, steps, trial_tolerance, tf.tile(settled, [2]))
            beams, values = (tf.split(x, 2) for x in (trials.f, trials.value))
            for trial_f, trial in zip(beams, values, strict=True):
                better = trial > value
                f = tf.where(better[:, None, None, None], trial_f, f)
                value = tf.where(better, trial, value)
            return index + 1, f, value

        loop = (tf.constant(0), found.f, found.value)
        _, f, value = tf.while_loop(lambda index, f, value: index < tf.shape(users)[1], body, loop)
        return f, value

    def unfinished(turn: Tensor, found: Ascent, settled: Tensor) -> Tensor:
        return tf.logical_and(turn < num_users, tf.logical_not(tf.reduce_all(settled)))

    def body(turn: Tensor, found: Ascent, settled: Tensor) -> tuple[Tensor, Ascent, Tensor]:
        f, value = best_trial(found, settled)
        settled = tf.logical_or(settled, tf.logical_not(higher(value, found.value)))
        new = run_ascent(problem, f, max_iterations, tolerance, settled)
        return turn + 1, choose(settled, found, new), settled

    return tf.while_loop(unfinished, body, (tf.constant(0), found, settled))[1]


@open_graph(PROBLEM, BEAMS)
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
