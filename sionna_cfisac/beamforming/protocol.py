"""What a beamformer is, and the checks that every beamformer of the package shares."""

import math
from numbers import Integral, Real
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

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
    exact = (tf.cast(x, tf.complex128 if x.dtype.is_complex else tf.float64) for x in state)
    return state, ChannelState(*exact)


def as_input(f: Tensor, state: ChannelState) -> Tensor:
    """Cast beams to the precision of the channels."""
    return tf.cast(f, complex_dtype(state.h))


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
    norm = tf.reduce_sum(tf.square(tf.abs(f)), axis=(-2, -1))
    scale = tf.sqrt(tf.math.divide_no_nan(power, norm))
    return f * tf.cast(scale, f.dtype)[..., None, None]


def reject_unknown(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of ``allowed``, else raise a ``ValueError`` naming it."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {allowed}, got {value!r}")
    return str(value)


def number(value: Any, name: str, low: float = 0.0, high: float = math.inf) -> float:
    """Return ``value`` as a float if it is a finite number in [low, high], else raise."""
    good = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high:
        limits = f">= {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise ValueError(f"{name}: expected a finite number {limits}, got {value!r}")
    return float(value)


def integer(value: Any, name: str, low: int) -> int:
    """Return ``value`` if it is an integer of at least ``low``, else raise."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise ValueError(f"{name}: expected an integer >= {low}, got {value!r}")
    return int(value)
