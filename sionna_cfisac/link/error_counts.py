"""Counts of errors, and when there are enough of them."""

from dataclasses import dataclass, field

import numpy as np

from sionna_cfisac.arguments import integer, number
from sionna_cfisac.link.intervals import Interval, error_rate_interval


@dataclass(frozen=True)
class StopRule:
    """When a method has been simulated enough at a point; the first rule that holds ends it.

    A simulation asks after every block of 64 slots.

    Parameters
    ----------
    block_errors : None or int
        Number of erroneous code blocks, which raises the estimate a little: by 2 % of its value
        at 100 errors and two blocks a slot. Where many blocks of a slot fail together, stop by
        ``relative_width`` instead
    relative_width : None or float
        Half the width of the BLER's 95 % interval over the BLER
    max_blocks : int
        Number of code blocks, erroneous or not

    Raises
    ------
    ValueError
        If a value is out of range
    """

    block_errors: int | None = 100
    relative_width: float | None = None
    max_blocks: int = 100_000

    def __post_init__(self) -> None:
        if self.block_errors is not None:
            integer(self.block_errors, "block_errors", 1)
        if self.relative_width is not None:
            number(self.relative_width, "relative_width", 0.0, above=True)
        integer(self.max_blocks, "max_blocks", 1)

    def reached(self, counts: "ErrorCounts") -> bool:
        """Whether these counts are enough."""
        errors = int(counts.block_errors.sum())
        if len(counts.block_errors) * counts.blocks >= self.max_blocks:
            return True
        if self.block_errors is not None and errors >= self.block_errors:
            return True
        if self.relative_width is None or errors == 0:
            return False
        rate, low, high = counts.bler()
        return (high - low) / 2 <= self.relative_width * rate


@dataclass
class ErrorCounts:
    """Errors of a method on every slot that was simulated.

    Attributes
    ----------
    blocks, bits : int
        Code blocks and information bits in a slot, of all UEs
    block_errors, bit_errors : [n] int arrays
        Errors in each of the n slots, which have a channel of their own
    batch_seconds : list of float
        Wall time that the design of the beams took, for each batch
    first_seconds : float
        Wall time of the design that compiled it, whose beams are not counted; 0 where it was
        compiled before
    """

    blocks: int
    bits: int
    block_errors: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    bit_errors: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    batch_seconds: list[float] = field(default_factory=list)
    first_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Wall time that the design of the beams took, without compiling."""
        return sum(self.batch_seconds)

    def add(self, bit_errors: np.ndarray) -> None:
        """Append slots with these errors [B, U, C] in their code blocks."""
        flat = bit_errors.reshape(len(bit_errors), -1)
        self.block_errors = np.append(self.block_errors, (flat > 0).sum(axis=1))
        self.bit_errors = np.append(self.bit_errors, flat.sum(axis=1))

    def bler(self, confidence: float = 0.95) -> Interval:
        """Block error rate with its interval; the slots are the independent trials."""
        return error_rate_interval(self.block_errors, self.blocks, confidence)

    def ber(self, confidence: float = 0.95) -> Interval:
        """Bit error rate with its interval; the slots are the independent trials."""
        return error_rate_interval(self.bit_errors, self.bits, confidence)
