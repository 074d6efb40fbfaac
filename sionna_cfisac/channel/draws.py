"""Random draws that the channel layers share.

All draws are made in single precision and cast, so that a layer in double precision sees the same
channels as one in single precision.
"""

import math
from typing import Any

import keras
from keras import ops

from sionna_cfisac.backend import to_complex
from sionna_cfisac.state import Tensor

Seed = Any
"""An integer, or a ``keras.random.SeedGenerator`` that moves on with every draw."""


def complex_normal(shape: tuple, seed: Seed, dtype: str) -> Tensor:
    """Circularly symmetric Gaussian with unit variance, CN(0, 1); ``dtype`` is the real one."""
    # the two parts are one draw, since an integer seed would give both the same numbers
    parts = keras.random.normal((2, *shape), stddev=math.sqrt(0.5), seed=seed, dtype="float32")
    parts = ops.cast(parts, dtype)
    return to_complex(parts[0], parts[1])


def uniform(shape: tuple, low: float, high: float, seed: Seed, dtype: str) -> Tensor:
    """Uniform on [low, high)."""
    return ops.cast(keras.random.uniform(shape, low, high, seed=seed, dtype="float32"), dtype)


def normal(shape: tuple, seed: Seed, dtype: str) -> Tensor:
    """Standard Gaussian, N(0, 1)."""
    return ops.cast(keras.random.normal(shape, seed=seed, dtype="float32"), dtype)


def exponential(shape: tuple, seed: Seed, dtype: str) -> Tensor:
    """Exponential with unit mean: the squared magnitude of CN(0, 1)."""
    return -ops.log1p(-uniform(shape, 0.0, 1.0, seed, dtype))
