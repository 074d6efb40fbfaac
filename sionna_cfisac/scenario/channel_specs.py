"""The ``channel`` section of a scenario file."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sionna_cfisac.radio import THERMAL_NOISE, UNIT_SCALE_NOISE
from sionna_cfisac.scenario.base_specs import NonNegative, Positive, TypedSpec, type_of

Position = Annotated[list[float], Field(min_length=2, max_length=3)]
Positions = Annotated[list[Position], Field(min_length=1)]


def _number_or_table(value: Any) -> str:
    return "<table>" if isinstance(value, list) else "<number>"


class RayleighSpec(TypedSpec):
    """Independent Rayleigh fading without path loss, targets in random directions: the paper's."""

    default_gain: ClassVar[str] = "exponential"
    default_noise: ClassVar[float] = UNIT_SCALE_NOISE

    type: Literal["rayleigh"]
    angle_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="Interval [low, high) of the targets' angles from broadside in radian; "
        "default [0, pi/2)",
    )

    @model_validator(mode="after")
    def _ordered(self) -> "RayleighSpec":
        if self.angle_range is not None:
            low, high = self.angle_range
            if not -math.pi <= low <= high <= math.pi:
                raise ValueError(
                    f"angle_range: expected -pi <= low <= high <= pi, got {self.angle_range}"
                )
        return self


class PlacedSpec(TypedSpec):
    """What all channels between positions on a map have in common."""

    default_gain: ClassVar[str] = "radar"
    default_noise: ClassVar[float] = THERMAL_NOISE
    # arguments of the layer that places everything, among the fields
    geometry: ClassVar[tuple[str, ...]] = (
        "area", "ap_positions", "ue_positions", "target_positions", "ap_height", "ue_height",
        "target_height", "ap_orientations", "carrier_frequency",
    )  # fmt: skip

    area: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Width and height of the area in metres; default [400, 400]"
    )
    ap_positions: Positions | None = Field(
        None,
        description="[x, y] or [x, y, z] of every AP in metres; default: at random per channel",
    )
    ue_positions: Positions | None = Field(
        None,
        description="[x, y] or [x, y, z] of every UE in metres; default: at random per channel",
    )
    target_positions: Positions | None = Field(
        None,
        description="[x, y] or [x, y, z] of every target in metres; default: at random per channel",
    )
    ap_height: NonNegative | None = Field(
        None, description="Height of the APs in metres; default 10"
    )
    ue_height: NonNegative | None = Field(
        None, description="Height of the UEs in metres; default 1.5"
    )
    target_height: NonNegative | None = Field(
        None, description="Height of the targets in metres; default 1.5"
    )
    ap_orientations: Annotated[list[float], Field(min_length=1)] | None = Field(
        None,
        description="Azimuth of every AP's broadside in radian; default: towards the area's centre",
    )
    carrier_frequency: Positive | None = Field(
        None, description="Carrier frequency in Hz; default 3.5e9"
    )


class TopologySpec(PlacedSpec):
    """Path loss, shadowing and Rician or Rayleigh fading between positions on a map."""

    type: Literal["topology"]
    path_loss: Literal["log_distance", "umi", "uma", "free_space"] | None = Field(
        None, description="Path-loss model; default log_distance"
    )
    path_loss_exponent: Positive | None = Field(
        None, description="Exponent of the log-distance model; default 3"
    )
    reference_loss_db: float | None = Field(
        None, description="Loss at 1 m of the log-distance model in dB; default: free space"
    )
    line_of_sight: Literal[True, False, "random"] | None = Field(
        None,
        description="Whether umi and uma links have a line of sight: true, false, or random with "
        "3GPP's probability; default random",
    )
    shadowing_std_db: NonNegative | None = Field(
        None, description="Standard deviation of log-normal shadowing in dB; default 0"
    )
    k_factor_db: (
        Annotated[
            Annotated[float, Tag("<number>")] | Annotated[list[list[float]], Tag("<table>")],
            Discriminator(_number_or_table),
        ]
        | None
    ) = Field(
        None, description="Rician K-factor in dB, one number or [M][U]; default: Rayleigh fading"
    )


class UrbanSpec(PlacedSpec):
    """What UMi and UMa have in common."""

    indoor_probability: float | None = Field(
        None, ge=0, le=1, description="Share of UEs that are indoors; default 0"
    )
    line_of_sight: Literal[True, False, "random"] | None = Field(
        None,
        description="Whether outdoor UEs have a line of sight: true, false, or random with 3GPP's "
        "probability; default random",
    )
    shadowing: bool | None = Field(None, description="Whether links are shadowed; default true")
    speed: NonNegative | None = Field(
        None, description="Speed of the UEs in m/s, in random directions; default 0"
    )
    antenna_pattern: Literal["omni", "38.901"] | None = Field(
        None, description="Pattern of the APs' antenna elements; default omni"
    )


class UMiSpec(UrbanSpec):
    """3GPP TR 38.901 urban microcell with delays and clusters, for links."""

    type: Literal["umi"]


class UMaSpec(UrbanSpec):
    """3GPP TR 38.901 urban macrocell with delays and clusters, for links."""

    type: Literal["uma"]


class TDLSpec(TypedSpec):
    """3GPP TR 38.901 tapped delay line, independent for every link and antenna, for links."""

    default_gain: ClassVar[str] = "exponential"
    default_noise: ClassVar[float] = UNIT_SCALE_NOISE

    type: Literal["tdl"]
    model: Literal["A", "B", "C", "D", "E", "A30", "B100", "C300"] = Field(
        "A", description="Power delay profile"
    )
    delay_spread: Positive = Field(100e-9, description="RMS delay spread in seconds")
    carrier_frequency: Positive = Field(3.5e9, description="Carrier frequency in Hz")
    speed: NonNegative = Field(0.0, description="Speed of the UEs in m/s")


CHANNELS: dict[str, type[TypedSpec]] = {
    "rayleigh": RayleighSpec,
    "topology": TopologySpec,
    "tdl": TDLSpec,
    "umi": UMiSpec,
    "uma": UMaSpec,
}

SLOT_CHANNELS = (TDLSpec, UMiSpec, UMaSpec)
"""Channels that differ between the subcarriers of a slot, which only links have."""

ChannelSpec = Annotated[
    Annotated[RayleighSpec, Tag("<rayleigh>")]
    | Annotated[TopologySpec, Tag("<topology>")]
    | Annotated[TDLSpec, Tag("<tdl>")]
    | Annotated[UMiSpec, Tag("<umi>")]
    | Annotated[UMaSpec, Tag("<uma>")],
    Discriminator(lambda value: f"<{type_of(value)}>"),
]
