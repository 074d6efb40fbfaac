"""The sections ``network`` and ``sensing``: sizes, powers and the radar side."""

from typing import Annotated, Literal

from pydantic import Field

from sionna_cfisac.options import (
    Changes,
    NonNegative,
    NonNegativePowers,
    Options,
    Positive,
    PositivePowers,
    Size,
)

DRAWN = Changes("draw", "train")
DESIGNED = Changes("design", "train")


class NetworkSpec(Options):
    """Sizes and powers of the network; the paper's by default."""

    num_aps: Annotated[Size, DRAWN] = Field(5, description="Number M of access points")
    num_users: Annotated[Size, DRAWN] = Field(2, description="Number U of single-antenna UEs")
    num_tx_ant: Annotated[Size, DRAWN] = Field(
        8, description="Number Nt of transmit antennas of each AP"
    )
    num_rx_ant: Annotated[Size, Changes("measure")] = Field(
        8,
        description="Number Nr of receive antennas of each AP, which only detection depends on",
    )
    num_targets: Annotated[Size, DRAWN] = Field(1, description="Number T of targets")
    total_power: Annotated[NonNegative, DESIGNED] = Field(
        1.0, description="Power of all APs together, shared equally; W where noise powers are in W"
    )
    ap_power: Annotated[NonNegativePowers | None, DESIGNED] = Field(
        None, description="Power limit of every AP, instead of total_power: one number or M numbers"
    )


class SensingSpec(Options):
    """The radar side."""

    gain: Annotated[Literal["exponential", "unit", "radar"] | None, DRAWN] = Field(
        None,
        description="Variance of the gain of AP-target-AP paths: exponential with unit mean, 1, or "
        "by the radar equation; default exponential on rayleigh, radar on topology",
    )
    rcs: Annotated[Positive | None, DESIGNED] = Field(
        None, description="Mean radar cross-section in m^2, with gain: radar; default 1"
    )
    noise_power: Annotated[PositivePowers | None, DESIGNED] = Field(
        None,
        description="Noise power of the radar receivers: one number or M numbers; default as "
        "for the UEs",
    )
