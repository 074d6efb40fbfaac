"""Building blocks of the schema: strict models, the short form of a type, number-or-list fields."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


def _number_or_list(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<number>"


# tags in angle brackets are taken out of the paths of errors, see findings.py
PositivePowers = Annotated[
    Annotated[Positive, Tag("<number>")]
    | Annotated[list[Positive], Field(min_length=1), Tag("<list>")],
    Discriminator(_number_or_list),
]
NonNegativePowers = Annotated[
    Annotated[NonNegative, Tag("<number>")]
    | Annotated[list[NonNegative], Field(min_length=1), Tag("<list>")],
    Discriminator(_number_or_list),
]


class Spec(BaseModel):
    """A section of a scenario file: no unknown keys, no conversions, no inf or nan."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class TypedSpec(Spec):
    """A section with a ``type``; the bare name is short for ``{type: name}``."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value


def type_of(value: Any) -> Any:
    """The type that a section names, in either form."""
    if isinstance(value, dict):
        return value.get("type")
    return value if isinstance(value, str) else getattr(value, "type", None)
