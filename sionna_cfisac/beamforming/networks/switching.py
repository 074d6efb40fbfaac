r"""Switching users off: what the steps on the beams do not come by where channels are much alike.

Where UEs' channels are nearly parallel, as in line of sight, serving one of them can be worth more
than serving both, and minorise–maximise steps end in a local optimum or on the saddle of equal
beams. A stream that is exactly zero stays zero in them, so that steps from beams with a UE switched
off are those of a smaller problem. ``docs/symbols.md`` lists the symbols.
"""

from typing import NamedTuple

from keras import ops

from sionna_cfisac.beamforming.theory.gram import Gram
from sionna_cfisac.beamforming.theory.multipliers import (
    Beams,
    Effect,
    Multipliers,
    combined,
    effect_of,
    minorize_step,
    structured,
    utility_of,
)
from sionna_cfisac.state import Tensor

# a trial need only tell which UE is worth less than it costs
TRIAL_STEPS = 20
# gains below this share of the utility are the steps', not the switch's
_WORTH = 1e-6


class Served(NamedTuple):
    """Beams on the way, of those UEs that are switched on.

    Attributes
    ----------
    x, y : as in :class:`~sionna_cfisac.beamforming.theory.multipliers.Beams`
        Coefficients of the beams
    mu : [B, M], float
        Prices of the APs' power that the next step starts from
    utility : [B], float
        Utility in nat
    """

    x: Tensor
    y: Tensor
    mu: Tensor
    utility: Tensor


def served_by_steps(gram: Gram, start: Served, steps: int) -> Served:
    """The best beams that minorise–maximise steps come by."""
    num = len(Served._fields)

    def step(index: Tensor, *fields: Tensor) -> tuple[Tensor, ...]:
        best, last = Served(*fields[:num]), Effect(*fields[num + 1 :])
        mu, beams = minorize_step(gram, fields[num], last)
        effect = effect_of(gram, beams)
        best = _better(best, Served(beams.x, beams.y, mu, utility_of(gram, effect)))
        return (index + 1, *best, mu, *effect)

    # a loop: unrolled, XLA compiles for minutes
    begin = (
        ops.convert_to_tensor(0),
        *start,
        start.mu,
        *effect_of(gram, combined(gram, *start[:2])),
    )
    _, *fields = ops.while_loop(
        lambda index, *_: index < steps, step, begin, maximum_iterations=steps
    )
    return Served(*fields[:num])


def switched_off(gram: Gram, start: Served, steps: int = TRIAL_STEPS) -> Served:
    """Beams with one UE after the other switched off, as long as that raises the utility.

    Each round tries every UE, all of them at once, from the beams at hand and from those of the
    structure for the other UEs, and goes on from the best.

    Parameters
    ----------
    gram : Gram
        Channels
    start : Served
        Beams for all UEs
    steps : int
        Number of minorise–maximise steps of each trial

    Returns
    -------
    Served
        Beams of at least the start's utility
    """
    num_users = gram.num_users
    found = served_by_steps(gram, start, steps)
    if num_users == 1:
        return found
    many = _repeated(gram, num_users)

    def pays(index: Tensor, again: Tensor, *_: Tensor) -> Tensor:
        return ops.logical_and(index < num_users - 1, again)

    def turn(
        index: Tensor, _: Tensor, x: Tensor, y: Tensor, mu: Tensor, utility: Tensor
    ) -> tuple[Tensor, ...]:
        now = Served(x, y, mu, utility)
        trial = _best_trial(many, now, steps)
        worth = trial.utility > now.utility * (1.0 + _WORTH)
        return (index + 1, ops.any(worth), *_chosen(worth, trial, now))

    begin = (ops.convert_to_tensor(0), ops.convert_to_tensor(True), *found)
    _, _, *fields = ops.while_loop(pays, turn, begin, maximum_iterations=num_users - 1)
    return Served(*fields)


def _best_trial(many: Gram, now: Served, steps: int) -> Served:
    """For each channel the best beams with one more UE off."""
    num_users = many.num_users
    start = Served(*(ops.repeat(part, num_users, axis=0) for part in now))
    dtype = now.mu.dtype
    off = ops.tile(ops.eye(num_users, dtype=dtype), (ops.shape(now.mu)[0], 1))
    # a UE that has been off before stays off
    served = ops.sum(ops.square(start.x), axis=1) + ops.sum(ops.square(start.y), axis=(1, 2))
    on = (1.0 - off) * ops.cast(served > 0.0, dtype)
    trials = []
    for x, y in ((start.x, start.y), _fresh(many, start.mu, on)):
        x, y = x * on[:, None], y * on[:, None, None]
        effect = effect_of(many, combined(many, x, y))
        trial = Served(x, y, start.mu, utility_of(many, effect))
        trials.append(served_by_steps(many, trial, steps))
    best = _better(*trials)
    utility = ops.reshape(best.utility, (-1, num_users))
    pick = ops.reshape(ops.one_hot(ops.argmax(utility, axis=1), num_users, dtype=dtype), (-1,))

    def picked(part: Tensor) -> Tensor:
        shape = tuple(part.shape[1:])
        weight = ops.reshape(pick, (-1, *(1 for _ in shape)))
        return ops.sum(ops.reshape(weight * part, (-1, num_users, *shape)), axis=1)

    return Served(*(picked(part) for part in best))


def _fresh(gram: Gram, mu: Tensor, on: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients of the beams of the structure for the UEs that are on, at the guess."""
    served = ops.maximum(ops.sum(on, axis=1), 1.0)
    odds = (gram.weight / served)[:, None] * ops.ones_like(mu)
    q = ops.maximum(on, 1e-8)
    beams: Beams = structured(gram, Multipliers(mu, odds, q, ops.ones_like(q)))
    return beams.x, beams.y


def _repeated(gram: Gram, times: int) -> Gram:
    return Gram(
        *(part if isinstance(part, float) else ops.repeat(part, times, axis=0) for part in gram)
    )


def _better(one: Served, other: Served) -> Served:
    return _chosen(other.utility > one.utility, other, one)


def _chosen(condition: Tensor, yes: Served, no: Served) -> Served:
    def choose(a: Tensor, b: Tensor) -> Tensor:
        shape = (-1, *(1 for _ in a.shape[1:]))
        return ops.where(ops.reshape(condition, shape), a, b)

    return Served(*(choose(a, b) for a, b in zip(yes, no, strict=True)))
