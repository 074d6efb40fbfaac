"""The section ``sensing`` of a scenario file."""

from typing import Literal

from pydantic import Field

from sionna_cfisac.scenario.base_specs import Positive, PositivePowers, Spec


class SensingSpec(Spec):
    """The radar side."""

    gain: Literal["exponential", "unit", "radar"] | None = Field(
        None,
        description="Variance of the gain of AP-target-AP paths: exponential with unit mean, 1, or "
        "by the radar equation; default exponential on rayleigh, radar on topology",
    )
    rcs: Positive | None = Field(
        None, description="Mean radar cross-section in m^2, with gain: radar; default 1"
    )
    noise_power: PositivePowers | None = Field(
        None,
        description="Noise power of the radar receivers: one number or M numbers; default as "
        "for the UEs",
    )
