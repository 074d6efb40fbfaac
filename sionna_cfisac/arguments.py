"""Checks of constructor arguments; each error names the argument, what it expects and got."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np


def one_of(value: Any, name: str, allowed: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``allowed``, else raise a ``ValueError``."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {tuple(allowed)}, got {value!r}")
    return str(value)


def number(
    value: Any, name: str, low: float = -math.inf, high: float = math.inf, *, above: bool = False
) -> float:
    """Return ``value`` as a float if it is a finite number in [low, high], else raise.

    ``above`` leaves out the lower limit itself.
    """
    good = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high or (above and value == low):
        raise ValueError(
            f"{name}: expected a finite number{_limits(low, high, above)}, got {value!r}"
        )
    return float(value)


def numbers(value: Any, name: str, shape: tuple[int, ...], low: float = -math.inf) -> np.ndarray:
    """Array of this shape with finite numbers above ``low``, else a ``ValueError``."""
    array = np.asarray(value, dtype=float)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got shape {array.shape}")
    if not (np.isfinite(array) & (array > low)).all():
        limits = _limits(low, math.inf, True)
        raise ValueError(f"{name}: expected finite numbers{limits}, got {value!r}")
    return array


def integer(value: Any, name: str, low: int) -> int:
    """Return ``value`` if it is an integer of at least ``low``, else raise."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise ValueError(f"{name}: expected an integer >= {low}, got {value!r}")
    return int(value)


def flag(value: Any, name: str) -> bool:
    """Return ``value`` if it is True or False, else raise."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def _limits(low: float, high: float, above: bool) -> str:
    if high < math.inf:
        return f" from {low:g} to {high:g}"
    if low == -math.inf:
        return ""
    return f" {'above' if above else '>='} {low:g}"


Place = str | tuple[str | int, ...]
"""Name of an argument, or name and index where an entry of a list is meant."""


def raise_first(conflicts: Iterable[tuple[Place, str]]) -> None:
    """Raise the first of what a rule found as a ``ValueError`` that names the argument.

    Rules are generators, so that a class can stop at the first conflict and a scenario file can be
    told all of them.
    """
    for where, message in conflicts:
        place = where if isinstance(where, str) else ".".join(map(str, where))
        raise ValueError(f"{place}: {message}")
