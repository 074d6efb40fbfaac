"""Wall time of the methods, call by call, and how much of it was compiling."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Call(NamedTuple):
    """One call of a method.

    Attributes
    ----------
    shape : tuple of int
        Sizes that the call had to be compiled for, the number of channels among them
    seconds : float
        Wall time
    first : bool
        Whether it was the first one of its shape in its process
    """

    shape: tuple[int, ...]
    seconds: float
    first: bool = False


Calls = dict[str, list[Call]]
"""Method -> its calls in their order."""


def timed(calls: Calls, method: str, shape: Iterable[int], function: Callable[[], Any]) -> Any:
    """Call a function and note how long it took."""
    start = time.perf_counter()
    value = function()
    seconds = time.perf_counter() - start
    calls.setdefault(method, []).append(Call(tuple(int(n) for n in shape), seconds))
    return value


def mark_first(calls: Calls, seen: set[tuple[str, tuple[int, ...]]]) -> None:
    """Mark the first call of every method and shape that is not yet ``seen``, and add it there."""
    for method, own in calls.items():
        for index, call in enumerate(own):
            if (method, call.shape) not in seen:
                seen.add((method, call.shape))
                own[index] = call._replace(first=True)


def compile_seconds(conditions: Iterable[Mapping[str, list[Call]]]) -> dict[str, float | None]:
    """How much of each method's wall time was compiling.

    A first call traces, compiles, and loads what is loaded on first use; a later one of the same
    shape only computes. So compiling is what a first call took longer than the median of the later
    ones of its shape, over all shapes that were called again. What is compiled in a later call
    counts as computing.

    Parameters
    ----------
    conditions : iterable of mapping
        Method -> calls, of every condition

    Returns
    -------
    dict of str to float or None
        Seconds; None where no shape was called again, so that nothing tells the two apart
    """
    firsts: dict[str, list[Call]] = {}
    later: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for calls in conditions:
        for method, own in calls.items():
            known = firsts.setdefault(method, [])
            for call in own:
                if call.first:
                    known.append(call)
                else:
                    later.setdefault((method, call.shape), []).append(call.seconds)
    found: dict[str, float | None] = {}
    for method, own in firsts.items():
        pairs = [(c.seconds, later[method, c.shape]) for c in own if (method, c.shape) in later]
        excess = [max(0.0, first - float(np.median(others))) for first, others in pairs]
        found[method] = sum(excess) if excess else None
    return found
