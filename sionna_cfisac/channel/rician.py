"""Rician fading: a direct path with a random phase, and scattered ones."""

import math
from typing import Any

import numpy as np
from keras import ops

from sionna_cfisac.arguments import numbers
from sionna_cfisac.arrays import steering_vector
from sionna_cfisac.backend import to_complex
from sionna_cfisac.channel import draws
from sionna_cfisac.state import Tensor


def k_factors(value: Any, num_aps: int, num_users: int) -> np.ndarray | None:
    """K-factors in dB, [M, U], from one number or a table; None stands for Rayleigh fading."""
    if value is None:
        return None
    shape = () if np.ndim(value) == 0 else (num_aps, num_users)
    return np.broadcast_to(numbers(value, "k_factor_db", shape), (num_aps, num_users))


def rician(scattered: Tensor, theta: Tensor, k: Tensor, seed: draws.Seed, dtype: str) -> Tensor:
    """Add the direct path, in the power ratio ``k`` to 1, keeping the total.

    Parameters
    ----------
    scattered : [B, M, U, Nt], complex
        Rayleigh fading of unit power
    theta : [B, M, U], float
        Angles of the direct paths from broadside in radian
    k : [B, M, U], float
        K-factors, linear; 0 leaves the scattered part alone
    seed : int or SeedGenerator
        Seed of the phases
    dtype : str
        Real dtype

    Returns
    -------
    [B, M, U, Nt], complex
        Rician fading
    """
    phase = draws.uniform(tuple(ops.shape(k)), 0.0, 2.0 * math.pi, seed, dtype)
    direct = steering_vector(theta, scattered.shape[-1])
    direct = direct * to_complex(ops.cos(phase), ops.sin(phase))[..., None]
    return scale(direct, ops.sqrt(k / (k + 1.0))) + scale(scattered, ops.sqrt(1.0 / (k + 1.0)))


def scale(x: Tensor, factor: Tensor) -> Tensor:
    """Complex x [..., N] times a real factor [...]."""
    factor = ops.expand_dims(factor, -1)
    return to_complex(ops.real(x) * factor, ops.imag(x) * factor)
