"""Optimal joint beamforming, for communication and sensing or for communication alone."""

import functools
import math
from typing import Any, NamedTuple

import tensorflow as tf

from sionna_cfisac.arguments import integer, number, one_of
from sionna_cfisac.beamforming.protocol import as_input, validated
from sionna_cfisac.beamforming.rules import OPTIMIZED_TOGETHER, one_target_conflicts
from sionna_cfisac.beamforming.solver.ascent import Ascent, choose, higher
from sionna_cfisac.beamforming.solver.compiled import (
    candidates,
    first_start,
    further_start,
    run_ascent,
    switch_users,
)
from sionna_cfisac.beamforming.solver.multiplier_search import strongest
from sionna_cfisac.beamforming.theory.normalised import (
    ReducedProblem,
    reduce_problem,
    to_unit_power,
)
from sionna_cfisac.state import ChannelState, Tensor

_LN2 = math.log(2.0)
# antennas per UE from which one start was enough for i.i.d. Rayleigh channels, and the number of
# starts below that
_ROOMY = 4
_STARTS_IF_FULL = 8
# power of a channel over the noise from which the network's beams are a poor start
_BEYOND_NETWORK = 1e3


class OptimizerInfo(NamedTuple):
    """What an optimiser did, for each channel of the batch.

    Attributes
    ----------
    iterations : [B], int32
        Steps of the last ascent: that from the best start, or the one after users were switched off
    kkt_residual : [B], float64
        Norm of the gradient's part that the power limits leave free, over its whole norm; zero
        at a stationary point
    utility : [max_iterations + 1, B], float64
        Utility in bit/s/Hz at the start of the last ascent and after each of its steps; constant
        after convergence
    converged : [B], bool
        Whether the tolerance was reached within the iterations allowed, at a stationary point: with
        a KKT residual below 1e-2, which rounding prevents at very high SNR
    """

    iterations: Tensor
    kkt_residual: Tensor
    utility: Tensor
    converged: Tensor


class JointBeamformer:
    r"""Beams that maximise the utility (8) under the power limit of every AP.

    .. math::
        \max_{\mathbf{f}} \sum_u \log_2(1 + \mathrm{SINR}_u) + \beta \log_2(1 + \mathrm{SNR})
        \quad \text{s.t.} \quad \sum_s \|\mathbf{f}_{ms}\|^2 \le P_m

    A monotone ascent from the best of RZF and two closed-form guesses: limited-memory BFGS that
    starts from the curvature of the minorise–maximise surrogate (``solver/curvature.py``). Where
    the SNR is high it begins with a search over the multipliers that fix the optimal beams
    (``solver/multiplier_search.py``), whose result is the start that the info shows.
    Where channels are much alike it then tries to serve fewer UEs (``solver/switching.py``).
    It ends in a stationary point; :func:`upper_bound` certifies how far that is from the global
    optimum. The dedicated sensing streams carry no power at the optimum and are left out. The
    iteration runs in double precision whatever the input.

    Parameters
    ----------
    sensing_weight : float
        Weight β of sensing; 0 maximises the sum rate
    max_iterations : int
        Limit of steps of each ascent
    tolerance : float
        A channel has converged when the predicted and the last gain are below this share of
        its utility
    num_starts : None or int
        Number of starts, the best result counts; the first is a guess, the others are random.
        None stands for 1 where :math:`M N_t \ge 4U` and 8 elsewhere: i.i.d. Rayleigh channels
        with four times as many antennas as UEs showed one optimum, fuller ones several
    seed : int
        Seed of the random starts after the first
    start : "guess" (default) | "network"
        The first start: the best guess, or the beams of the shipped network of multipliers
        (:class:`DualGNNBeamformer`) where the SNR is one that it is made for. The optimum is the
        same, in some 60 % of the steps

    Input
    -----
    state : ChannelState
        Channels; one target unless the weight is 0
    return_info : bool
        Return an :class:`OptimizerInfo` as well

    Output
    ------
    f : [B, M, U, Nt], complex
        Beams in the precision of the channels
    info : OptimizerInfo
        Only if ``return_info``

    Raises
    ------
    ValueError
        If an argument or the state is wrong, or there is more than one target
    """

    def __init__(
        self,
        sensing_weight: float = 1.0,
        *,
        max_iterations: int = 200,
        tolerance: float = 1e-8,
        num_starts: int | None = None,
        seed: int = 0,
        start: str = "guess",
    ) -> None:
        self.start = one_of(start, "start", ("guess", "network"))
        self.sensing_weight = number(sensing_weight, "sensing_weight", 0.0)
        self.max_iterations = integer(max_iterations, "max_iterations", 0)
        self.tolerance = number(tolerance, "tolerance", 0.0, 1.0)
        self.num_starts = None if num_starts is None else integer(num_starts, "num_starts", 1)
        self.seed = integer(seed, "seed", 0)

    def __call__(self, state: ChannelState, return_info: bool = False) -> Any:
        """Beams [B, M, U, Nt] for the channels ``state``, and the info if asked for."""
        state, exact = validated(state)
        for _, message in one_target_conflicts(state.num_targets, self.sensing_weight):
            raise ValueError(f"state.a: the joint beamformer {message}")
        # one target is enough where none counts
        exact = exact._replace(a=exact.a[:, :, :1], sensing_gain=exact.sensing_gain[..., :1])
        f, info = _join([self._solve(chunk) for chunk in _chunks(exact)])
        f = as_input(f, state)
        return (f, info) if return_info else f

    def _solve(self, state: ChannelState) -> tuple[Tensor, OptimizerInfo]:
        batch = tf.shape(state.h)[0]
        weight = tf.fill([batch], tf.constant(self.sensing_weight, tf.float64))
        problem, basis = reduce_problem(state, weight)
        limit = tf.constant(self.max_iterations)
        tolerance = tf.constant(self.tolerance, tf.float64)
        none = tf.zeros_like(weight, tf.bool)
        best: Ascent | None = None
        roomy = state.num_aps * state.num_tx_ant >= _ROOMY * state.num_users
        automatic = 1 if roomy else _STARTS_IF_FULL
        for index in range(automatic if self.num_starts is None else self.num_starts):
            if index > 0:
                start = further_start(problem, (self.seed, index))
            elif self.start == "network":
                start = self._network_start(state, problem, basis)
            else:
                start = first_start(problem, none)
            found = run_ascent(problem, start, limit, tolerance, none)
            # the first of several that are as good
            best = (
                found
                if best is None
                else choose(tf.logical_not(higher(found.value, best.value)), best, found)
            )
        assert best is not None  # num_starts >= 1
        best = _switched(problem, best, limit, tolerance)
        # [B, M, Nt, U] columns -> [B, M, U, Nt]
        f = tf.linalg.matrix_transpose(tf.matmul(basis, best.f))
        # the open graphs forget the sizes, which a caller's graph may need
        f = tf.ensure_shape(f, state.h.shape)
        info = OptimizerInfo(best.iterations, best.residual, best.history / _LN2, best.converged)
        return f, info

    def _network_start(self, state: ChannelState, problem: ReducedProblem, basis: Tensor) -> Tensor:
        """Beams [B, M, R, U] of the network of multipliers, or the guess where that is better."""
        columns = tf.linalg.matrix_transpose(_network()(state, self.sensing_weight))
        # the basis is orthogonal, so its adjoint maps back up to a positive factor per AP
        f = to_unit_power(tf.matmul(basis, tf.cast(columns, basis.dtype), adjoint_a=True))
        strength = strongest(problem)
        beyond = strength >= _BEYOND_NETWORK
        if tf.executing_eagerly() and not tf.reduce_any(beyond):
            return f
        guess = first_start(problem, tf.logical_not(beyond))
        return tf.where(beyond[:, None, None, None], guess, f)


@functools.cache
def _network() -> Any:
    """The shipped network, compiled."""
    from sionna_cfisac.beamforming.networks.dual_gnn import DualGNNBeamformer

    with tf.init_scope():
        network = DualGNNBeamformer.from_pretrained("dual", sensing_weight=0.0, dtype="float32")
        # only a start, whose beams count where they are better than a guess
        network.mute()

    # a trace for each size: the network's own graph depends on the sizes
    @tf.function(autograph=False)
    def beams(state: ChannelState, weight: Tensor) -> Tensor:
        return network(state, sensing_weight=weight)

    return lambda state, weight: beams(state, tf.constant(weight, tf.float32))


class WMMSEBeamformer(JointBeamformer):
    """Beams that maximise the sum rate: the joint beamformer with a sensing weight of zero.

    The problem that WMMSE solves, with its optimality conditions and its surrogate's curvature,
    but with per-AP power limits and an accelerated iteration. Any number of targets; they are
    ignored. Parameters, input, output and errors as :class:`JointBeamformer`, without
    ``sensing_weight``.
    """

    def __init__(
        self,
        *,
        max_iterations: int = 200,
        tolerance: float = 1e-8,
        num_starts: int | None = None,
        seed: int = 0,
        start: str = "guess",
    ) -> None:
        super().__init__(
            0.0,
            max_iterations=max_iterations,
            tolerance=tolerance,
            num_starts=num_starts,
            seed=seed,
            start=start,
        )


def _switched(problem: ReducedProblem, found: Ascent, limit: Tensor, tolerance: Tensor) -> Ascent:
    """The result after users were switched off where that pays."""
    pays = candidates(problem)
    if not tf.executing_eagerly():
        return switch_users(problem, found, limit, tolerance, tf.logical_not(pays))
    if not tf.reduce_any(pays):
        return found
    index = tf.where(pays)[:, 0]
    some = ReducedProblem(*(tf.gather(x, index) for x in problem))
    none = tf.zeros_like(some.weight, tf.bool)
    whole = _batch_first(found)
    part = tf.nest.map_structure(lambda x: tf.gather(x, index), whole)
    new = _batch_first(switch_users(some, _batch_first(part), limit, tolerance, none))

    def put(x: Tensor, y: Tensor) -> Tensor:
        return tf.tensor_scatter_nd_update(x, index[:, None], y)

    return _batch_first(tf.nest.map_structure(put, whole, new))


def _batch_first(found: Ascent) -> Ascent:
    """With the axes of the history exchanged, so that the batch is the first axis everywhere."""
    return found._replace(history=tf.transpose(found.history))


def _chunks(state: ChannelState) -> list[ChannelState]:
    """Split an eager batch; a traced one, whose size may be open, stays whole."""
    batch = state.h.shape[0]
    if not tf.executing_eagerly() or batch is None or batch <= OPTIMIZED_TOGETHER:
        return [state]
    size = OPTIMIZED_TOGETHER
    return [state.cut(slice(i, i + size)) for i in range(0, batch, size)]


def _join(chunks: list[tuple[Tensor, OptimizerInfo]]) -> tuple[Tensor, OptimizerInfo]:
    beams, infos = zip(*chunks, strict=True)
    fields = zip(OptimizerInfo._fields, zip(*infos, strict=True), strict=True)
    return tf.concat(beams, axis=0), OptimizerInfo(
        **{name: tf.concat(parts, axis=1 if name == "utility" else 0) for name, parts in fields}
    )
