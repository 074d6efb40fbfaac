"""What arguments of a training do not fit each other; imports nothing that is slow to load."""

from collections.abc import Iterator
from typing import Any


def order_conflicts(low: float, high: float) -> Iterator[tuple[str, str]]:
    """A range whose ends are the wrong way round.

    Yields
    ------
    (str, str)
        "high", and what was expected and got
    """
    if low > high:
        yield "high", f"expected low <= high, got {low:g} and {high:g}"


def batch_conflicts(
    batch_size: int, num_sizes: int, num_samples: int | None
) -> Iterator[tuple[str, str]]:
    """Batches with less than a channel of every size, or more than the fixed set has.

    Parameters
    ----------
    batch_size : int
        Channels in a batch
    num_sizes : int
        Sizes that share every batch
    num_samples : None or int
        Channels in the fixed set, if there is one

    Yields
    ------
    (str, str)
        "batch_size" or "num_samples", and what was expected and got
    """
    if batch_size < num_sizes:
        yield (
            "batch_size",
            f"expected at least one channel of each of the {num_sizes} sizes, got {batch_size}",
        )
    if num_samples is not None and num_samples < batch_size:
        yield "num_samples", f"expected at least batch_size {batch_size}, got {num_samples}"


def noise_conflicts(noise_power: Any, noise_scale: Any) -> Iterator[tuple[str, str]]:
    """Noise that is drawn in two ways.

    Yields
    ------
    (str, str)
        "noise_scale", and what was expected and got
    """
    if noise_power is not None and noise_scale is not None:
        yield "noise_scale", "expected either noise_power or noise_scale, got both"
