"""Checks of constructor arguments; each error names the argument."""

import math
from typing import Any

import numpy as np


def one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    """Return ``value`` if it is one of ``allowed``, else raise a ``ValueError`` naming it."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {allowed}, got {value!r}")
    return value


def numbers(
    value: Any, shape: tuple[int, ...], name: str, low: float = -math.inf, closed: bool = False
) -> np.ndarray:
    """Array of this shape, finite and above (``closed``: from) ``low``, else a ``ValueError``."""
    array = np.asarray(value, dtype=float)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got shape {array.shape}")
    good = np.isfinite(array) & ((array >= low) if closed else (array > low))
    if not good.all():
        limit = "" if low == -math.inf else f" {'of at least' if closed else 'above'} {low:g}"
        raise ValueError(f"{name}: expected finite numbers{limit}, got {value!r}")
    return array


def number(value: Any, name: str, low: float = -math.inf, closed: bool = False) -> float:
    """One finite number above (``closed``: from) ``low``, or ``ValueError``."""
    return float(numbers(value, (), name, low, closed))
