"""The values of a key of ``sweep``: a list, or a range."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sionna_cfisac.options import LARGEST, MOST_ENTRIES, Changes, Options


class RangeValues(Options):
    """Numbers from ``start`` to ``stop``, both included."""

    changes = Changes("show", swept=False)

    start: float = Field(ge=-LARGEST, le=LARGEST, description="First value")
    stop: float = Field(ge=-LARGEST, le=LARGEST, description="Last value")
    num: int = Field(ge=2, le=MOST_ENTRIES, description="Number of values")
    scale: Literal["linear", "log"] = Field(
        "linear", description="Whether the differences or the ratios of neighbours are equal"
    )

    @model_validator(mode="after")
    def _log_of_positive(self) -> "RangeValues":
        if self.start == self.stop:
            raise ValueError(f"expected start and stop to differ, got {self.start:g} for both")
        if self.scale == "log" and min(self.start, self.stop) <= 0:
            raise ValueError(
                "expected start and stop above 0 for scale: log, got "
                f"{self.start:g} and {self.stop:g}"
            )
        return self

    def values(self) -> list[float]:
        """The numbers, rounded to twelve digits so that they read as they were meant."""
        if self.scale == "log":
            ratio = self.stop / self.start
            numbers = [self.start * ratio ** (i / (self.num - 1)) for i in range(self.num)]
        else:
            step = (self.stop - self.start) / (self.num - 1)
            numbers = [self.start + step * i for i in range(self.num)]
        rounded = [float(f"{number:.12g}") for number in (*numbers[:-1], self.stop)]
        # a whole number stays an integer: sizes can be swept by a range, too
        return [int(number) if number.is_integer() else number for number in rounded]


def _list_or_range(value: Any) -> str:
    return "<range>" if isinstance(value, dict | RangeValues) else "<list>"


SweepValues = Annotated[
    Annotated[list[Any], Field(min_length=1, max_length=MOST_ENTRIES), Tag("<list>")]
    | Annotated[RangeValues, Tag("<range>")],
    Discriminator(_list_or_range),
]
