r"""Uniform linear arrays at half a wavelength: steering vectors and what they reveal."""

import math
from typing import Any

import numpy as np
from keras import ops

from sionna_cfisac.backend import to_complex
from sionna_cfisac.state import Tensor, is_complex, real_dtype


def steering_vector(theta: Any, num_ant: int) -> Tensor:
    r"""Steering vector of a uniform linear array with half-wavelength spacing.

    .. math:: a_n(\theta) = e^{j \pi n \sin\theta}, \quad n = 0, \dots, N-1

    Parameters
    ----------
    theta : [...], float
        Angle from broadside in radian
    num_ant : int
        Number N of antennas

    Returns
    -------
    [..., N], complex
        Steering vector with squared norm N

    Raises
    ------
    ValueError
        If ``num_ant`` is not a positive integer
    """
    if not isinstance(num_ant, int | np.integer) or num_ant < 1:
        raise ValueError(f"num_ant: expected a positive integer, got {num_ant!r}")
    theta = ops.convert_to_tensor(theta)
    n = ops.cast(ops.arange(num_ant), real_dtype(theta))
    phase = math.pi * n * ops.expand_dims(ops.sin(ops.cast(theta, real_dtype(theta))), -1)
    return to_complex(ops.cos(phase), ops.sin(phase))


def resize_steering(a: Tensor, num_ant: int) -> Tensor:
    r"""Steering vectors of the same directions for an array with another number of antennas.

    Uses :math:`a_n = (a_1 / a_0)^n`, which holds for the uniform linear array of
    :func:`steering_vector` and needs at least two antennas to know the direction.

    Parameters
    ----------
    a : [..., N], complex
        Steering vectors
    num_ant : int
        Number of antennas wanted

    Returns
    -------
    [..., num_ant], complex
        ``a`` itself where the number is the same

    Raises
    ------
    ValueError
        If ``a`` is not complex, or has one antenna and another number is wanted
    """
    if not is_complex(a):
        raise ValueError(f"a: expected a complex tensor, got dtype {a.dtype}")
    if a.shape[-1] == num_ant:
        return a
    if a.shape[-1] < 2:
        raise ValueError(
            f"a: expected at least two antennas to tell a direction, got shape {tuple(a.shape)}"
        )
    turn = a[..., 1] * ops.conj(a[..., 0])
    # ops.angle would return single precision with TensorFlow
    step = ops.arctan2(ops.imag(turn), ops.real(turn))
    phase = ops.cast(ops.arange(num_ant), real_dtype(a)) * ops.expand_dims(step, -1)
    return to_complex(ops.cos(phase), ops.sin(phase))
