"""Options as typed fields, each of which says what it changes.

What a field changes decides everything that has to be known about a key: which keys shape the
random draws and so the seed, which make stored results another result, which can be swept, and
which a training depends on. It is written once, beside the field::

    confidence: Annotated[float, Field(gt=0, lt=1), Changes("show")] = 0.95
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Role = Literal["draw", "design", "measure", "show", "train"]
"""What a key can change: random draws, the beams, what is measured, how it is shown, a training."""

SMALLEST, LARGEST = 1e-30, 1e30
"""Of positive numbers without a range of their own: their squares and ratios are numbers in double
precision; single precision has a rule of its own."""
MOST_ENTRIES = 10_000
"""Of lists, and the most APs, UEs, antennas or targets."""

Positive = Annotated[float, Field(ge=SMALLEST, le=LARGEST)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Weight = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Index = Annotated[int, Field(ge=0, le=10**9)]
Size = Annotated[int, Field(ge=1, le=MOST_ENTRIES)]
Steps = Annotated[int, Field(ge=0, le=1000)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Decibel = Annotated[float, Field(ge=-300, le=300)]
Frequency = Annotated[float, Field(ge=1e3, le=1e12)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Length = Annotated[float, Field(ge=1e-3, le=1e6)]
Height = Annotated[float, Field(ge=0, le=1e6)]
Speed = Annotated[float, Field(ge=0, le=1e5)]
Angle = Annotated[float, Field(ge=-100, le=100)]


@dataclass(frozen=True, init=False)
class Changes:
    """What a field changes; no role at all where it only takes time or memory.

    Parameters
    ----------
    *roles : Role
        Everything that it changes
    swept : bool
        Whether it may differ between the conditions of a study
    fast : bool
        Whether ``--fast`` may set it
    """

    roles: frozenset[Role]
    swept: bool
    fast: bool

    def __init__(self, *roles: Role, swept: bool = True, fast: bool = True) -> None:
        object.__setattr__(self, "roles", frozenset(roles))
        object.__setattr__(self, "swept", swept)
        object.__setattr__(self, "fast", fast)


class Options(BaseModel):
    """A section of a scenario file: no unknown keys, no conversions, no inf or nan."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    changes: ClassVar[Changes] = Changes("design")
    """What those fields change that do not say it themselves."""


def null_is_default(model: type[BaseModel], values: Any) -> Any:
    """The values of a section without the keys whose null can only stand for their default."""
    if not isinstance(values, dict):
        return values
    fields = model.model_fields
    return {
        key: value
        for key, value in values.items()
        if value is not None or key not in fields or type(None) in get_args(fields[key].annotation)
    }


def changes_of(model: type[BaseModel], name: str) -> Changes:
    """What a field of a section changes; a key that is no field counts as the section."""
    default: Changes = getattr(model, "changes", Options.changes)
    return _mark(model, name) or default


def only(values: dict[str, Any], section: BaseModel, roles: Collection[Role]) -> dict[str, Any]:
    """The keys of a section, and of the sections in it, that change one of ``roles``.

    Parameters
    ----------
    values : dict
        The section as plain values
    section : BaseModel
        The section itself, which says what its keys change. A section inside that is marked itself
        changes nothing else: the channel of a training has no part in the draws of a run
    roles : collection of Role
        What counts
    """
    kept: dict[str, Any] = {}
    for key, value in values.items():
        inner = getattr(section, key, None)
        mark = _mark(type(section), key)
        within = set(roles) if mark is None else set(roles) & mark.roles
        if isinstance(inner, BaseModel) and isinstance(value, dict):
            part: Any = only(value, inner, within)
        elif isinstance(inner, list) and inner and isinstance(inner[0], BaseModel):
            parts = [only(v, i, within) for v, i in zip(value, inner, strict=True)]
            part = parts if any(parts) else None
        elif changes_of(type(section), key).roles & set(roles):
            kept[key] = value
            continue
        else:
            continue
        if part:
            kept[key] = part
    return kept


def _mark(model: type[BaseModel], name: str) -> Changes | None:
    field = model.model_fields.get(name)
    marks = [] if field is None else [m for m in field.metadata if isinstance(m, Changes)]
    return marks[0] if marks else None


def number_or_list(value: Any) -> str:
    """Tag of a value that may be one number or a list of them."""
    return "<list>" if isinstance(value, list) else "<number>"


# tags in angle brackets are taken out of the paths of errors
PositivePowers = Annotated[
    Annotated[Positive, Tag("<number>")]
    | Annotated[list[Positive], Field(min_length=1, max_length=MOST_ENTRIES), Tag("<list>")],
    Discriminator(number_or_list),
]
NonNegativePowers = Annotated[
    Annotated[NonNegative, Tag("<number>")]
    | Annotated[list[NonNegative], Field(min_length=1, max_length=MOST_ENTRIES), Tag("<list>")],
    Discriminator(number_or_list),
]
