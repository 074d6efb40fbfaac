"""What a beamformer is, and the checks that every beamformer of the package shares."""

from typing import Protocol, runtime_checkable

from keras import ops

from sionna_cfisac.backend import as_complex, divide_no_nan, squared_abs
from sionna_cfisac.state import ChannelState, Tensor, check_state, complex_dtype


@runtime_checkable
class Beamformer(Protocol):
    """Any callable from channels to beams; no base class is needed.

    The beams ``f`` [B, M, S, Nt], complex, keep the power of every AP,
    :math:`\\sum_s \\|f_{ms}\\|^2 \\le P_m`. Streams 0…U-1 serve the UEs, the others only sense.
    """

    def __call__(self, state: ChannelState) -> Tensor:
        """Beams [B, M, S, Nt] for the channels ``state``."""
        ...


def validated(state: ChannelState) -> tuple[ChannelState, ChannelState]:
    """Validate a state; return it as tensors of one precision, and in double precision.

    Raises
    ------
    ValueError
        If a shape, a dtype or, outside a traced graph, a value is wrong
    """
    state = check_state(state)
    return state, state.cast("float64")


def as_input(f: Tensor, state: ChannelState) -> Tensor:
    """Cast beams to the precision of the channels."""
    return ops.cast(f, complex_dtype(state.h))


def scale_to_power(f: Tensor, power: Tensor) -> Tensor:
    """Scale the beams of each AP to its power; beams that are zero stay zero.

    Parameters
    ----------
    f : [B, M, S, Nt], complex
        Beams
    power : [B, M], float
        Power wanted for each AP

    Returns
    -------
    [B, M, S, Nt], complex
        Scaled beams
    """
    scale = amplitude(power, ops.sum(squared_abs(f), axis=(-2, -1)))
    return f * as_complex(scale)[..., None, None]


def amplitude(power: Tensor, norm: Tensor) -> Tensor:
    """Root of power / norm, and 0 where the norm is 0."""
    return ops.sqrt(divide_no_nan(power, norm))
