"""From channels to beams by multipliers: a guess, its correction, and steps that improve it.

``docs/symbols.md`` lists the symbols.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from sionna_cfisac.backend import to_complex
from sionna_cfisac.beamforming.networks.switching import Served, switched_off
from sionna_cfisac.beamforming.theory.gram import Gram, gram_of, normalized
from sionna_cfisac.beamforming.theory.multipliers import (
    Beams,
    Multipliers,
    closed_form,
    effect_of,
    minorize_step,
    power_step,
    structured,
    utility_of,
)
from sionna_cfisac.state import ChannelState, Tensor, as_real, concrete, real_dtype

Correction = Callable[[Gram, Multipliers], Multipliers]


class _Best(NamedTuple):
    """For each channel the best beams so far, as in :class:`Beams`, and their utility."""

    x: Tensor
    y: Tensor
    utility: Tensor

    def or_better(self, beams: Beams, utility: Tensor) -> "_Best":
        """The other beams where their utility is higher."""
        wins = utility > self.utility
        return _Best(
            ops.where(wins[:, None, None], beams.x, self.x),
            ops.where(wins[:, None, None, None], beams.y, self.y),
            ops.where(wins, utility, self.utility),
        )


def design(
    state: ChannelState,
    weight: Tensor,
    extra_noise: Tensor | None,
    *,
    refine: int,
    polish: int,
    switch_off: bool = False,
    correct: Correction | None = None,
    unpolished: bool = False,
) -> list[Tensor]:
    """Beams from the closed-form guess of the multipliers, the best that the steps come by.

    Parameters
    ----------
    state : ChannelState
        Channels of one target
    weight : [] or [B], float
        Sensing weight β; its precision is that of the computation
    extra_noise : None or [B, U], float
        Added to the noise power of the UEs
    refine : int
        Number of power steps
    polish : int
        Number of minorise–maximise steps after them
    switch_off : bool
        Try beams with UEs switched off after them
    correct : callable, optional
        Maps the guess to better multipliers, before the steps
    unpolished : bool
        Return the beams before the minorise–maximise steps as well

    Returns
    -------
    list of f : [B, M, U, Nt], complex
        Beams in the precision of the channels, each AP at its full power
    """
    dtype = real_dtype(weight)
    h = normalized(state, dtype, extra_noise)
    # one weight stands for all channels
    weight = weight + ops.zeros_like(h[0][:, 0, 0, 0])
    gram = gram_of(state, weight, h)
    at = closed_form(gram)
    if correct is not None:
        at = correct(gram, at)
    beams = structured(gram, at)
    effect = effect_of(gram, beams)
    best = _Best(beams.x, beams.y, utility_of(gram, effect))
    for _ in range(refine):
        at = power_step(gram, at, beams)
        beams = structured(gram, at)
        effect = effect_of(gram, beams)
        best = best.or_better(beams, utility_of(gram, effect))
    found = [best] if unpolished or (polish == 0 and not switch_off) else []
    mu = at.mu
    for _ in range(polish):
        # at high SNR a step may lose what the prices have not caught up with: the best one counts
        mu, beams = minorize_step(gram, mu, effect)
        effect = effect_of(gram, beams)
        best = best.or_better(beams, utility_of(gram, effect))
    if switch_off:
        served = switched_off(gram, Served(best.x, best.y, mu, best.utility))
        best = _Best(served.x, served.y, served.utility)
    if polish > 0 or switch_off:
        found.append(best)
    return [_physical(x, h, gram.active, state) for x in found]


def error_noise(error_variance: Any, state: ChannelState, dtype: str) -> Tensor | None:
    r"""What errors of the channel estimates add to the noise of the UEs.

    An AP at full power :math:`P_m` sends :math:`e_{mu} P_m` over the unknown part of its channel to
    UE u, whatever its beams are.

    Parameters
    ----------
    error_variance : None, float, [B], [B, U] or [B, M, U], float
        Variance :math:`e_{mu}` of the error of each antenna's channel
    state : ChannelState
        Estimated channels
    dtype : str
        Precision of the result

    Returns
    -------
    None or [B, U], float

    Raises
    ------
    ValueError
        If the shape is another one or, where values are known, one is negative or not finite
    """
    if error_variance is None:
        return None
    try:
        if isinstance(error_variance, bool | np.bool_):
            raise TypeError("a flag")
        error = as_real(error_variance, dtype)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"error_variance: expected numbers, got {error_variance!r}") from problem
    batch, num_aps, num_users, _ = state.h.shape
    allowed: tuple[tuple[int | None, ...], ...] = (
        (),
        (batch,),
        (batch, num_users),
        (batch, num_aps, num_users),
    )
    shape = tuple(error.shape)
    if len(shape) > 3 or any(
        None not in (got, wanted) and got != wanted
        for got, wanted in zip(shape, allowed[len(shape)], strict=True)
    ):
        raise ValueError(
            "error_variance: expected a number or shape [B], [B, U] or [B, M, U] with B = "
            f"{batch}, M = {num_aps}, U = {num_users}, got shape {shape}"
        )
    values = concrete(error)
    if values is not None:
        odd = values[~((values >= 0) & (values < float("inf")))]
        if odd.size:
            raise ValueError(
                f"error_variance: expected finite, non-negative numbers, got {odd[0]:g}"
            )
    # what is not given for each AP or UE is the same for all of them
    if len(shape) in (1, 2):
        error = error[:, None, None] if len(shape) == 1 else error[:, None]
    power = (
        ops.cast(state.ap_power, dtype)[:, :, None]
        * ops.ones_like(ops.cast(state.noise_power, dtype))[:, None]
    )
    return ops.sum(error * power, axis=1)


def check_one_target(state: ChannelState, weight: Any) -> None:
    """The structure is that of one target; without a weight on sensing others do not matter.

    Raises
    ------
    ValueError
        If there are several and the weight is not known to be zero
    """
    values = concrete(ops.convert_to_tensor(weight))
    if state.num_targets > 1 and (values is None or (values > 0).any()):
        raise ValueError(
            "state.a: these beams are for one target, expected shape [B, M, 1, Nt], got "
            f"{tuple(state.a.shape)}"
        )


def _physical(
    beams: _Best, h: tuple[Tensor, Tensor], active: Tensor, state: ChannelState
) -> Tensor:
    """Beams [B, M, U, Nt] at the antennas, in the precision and unit of the channels."""
    dtype = real_dtype(beams.x)
    a = [ops.cast(part(state.a), dtype)[:, :, :1] for part in (ops.real, ops.imag)]
    f = ops.matmul(ops.swapaxes(beams.x, 1, 2)[:, None], _rotations(*h))
    f = f + ops.matmul(ops.swapaxes(beams.y, 2, 3), _rotations(*a))
    # of order one, so that no square leaves single precision
    largest = ops.max(ops.abs(f), axis=(2, 3), keepdims=True)
    f = f / ops.where(ops.equal(largest, 0.0), 1.0, largest)
    # an AP that no UE hears sends everything to the target, on the first UE's stream
    first = ops.eye(1, state.num_users, dtype=dtype)[0][:, None]
    f = ops.where(active[..., None, None] > 0.0, f, first * ops.concatenate(a, axis=-1))
    # by their own norm: what the steps know of it is rounded where channels are nearly dependent
    norm = ops.sum(ops.square(f), axis=(2, 3))
    power = ops.cast(state.ap_power, dtype)
    silent = ops.logical_or(ops.equal(power, 0.0), ops.equal(norm, 0.0))
    # a root of anything but zero keeps gradients finite
    ratio = ops.where(silent, 1.0, power) / ops.where(silent, 1.0, norm)
    scale = ops.where(silent, 0.0, ops.sqrt(ratio))
    f = ops.cast(f * scale[..., None, None], real_dtype(state.h))
    return to_complex(*ops.split(f, 2, axis=-1))


def _rotations(real: Tensor, imag: Tensor) -> Tensor:
    """Vectors and what j times them is, as real rows: [B, M, 2U, 2 Nt]."""
    ahead = ops.concatenate([real, imag], axis=-1)
    return ops.concatenate([ahead, ops.concatenate([-imag, real], axis=-1)], axis=2)
