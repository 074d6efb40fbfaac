"""The sections ``link``, ``csi`` and ``detection`` of a scenario file."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sionna_cfisac.link.code_blocks import segment
from sionna_cfisac.options import (
    MOST_ENTRIES,
    Changes,
    Count,
    Index,
    Options,
    Positive,
    null_is_default,
)
from sionna_cfisac.radio import CODE_RATES, MODULATIONS

UNCODED = "uncoded"
"""What stands for no code in place of a code rate."""


def _number_or_word(value: Any) -> str:
    return "<word>" if isinstance(value, str) else "<number>"


Rate = Annotated[float, Field(ge=CODE_RATES[0], le=CODE_RATES[1])]
MEASURED = Changes("measure")


class StopSpec(Options):
    """When a method has been simulated enough at a point; the first rule that holds ends it."""

    changes = MEASURED

    block_errors: Count | None = Field(
        100, description="Number of erroneous code blocks; null for no such rule"
    )
    relative_width: Positive | None = Field(
        None, description="Half the width of the BLER's 95 % interval over the BLER; default: none"
    )
    max_blocks: Count = Field(100_000, description="Number of code blocks, erroneous or not")


class LinkSpec(Options):
    """A coded OFDM link from the APs to the UEs, simulated bit by bit."""

    # what a compiled link is told anew for every point of a curve only changes what is measured
    snr_db: Annotated[float | None, MEASURED] = Field(
        None,
        ge=-100,
        le=300,
        description="SNR in dB; default: noise_power says how strong the noise is",
    )
    snr_definition: Literal["transmit", "ap", "receive"] = Field(
        "transmit",
        description="What the SNR relates to the noise: the power of all APs, of one AP on "
        "average, or what a UE receives on average without beams",
    )
    modulation: Literal["qpsk", "16qam", "64qam", "256qam"] = Field(
        "16qam", description="Constellation of all UEs"
    )
    code_rate: Annotated[
        Annotated[Rate, Tag("<number>")] | Annotated[Literal["uncoded"], Tag("<word>")],
        Discriminator(_number_or_word),
    ] = Field(0.5, description="Rate of the 5G LDPC code, or uncoded")
    # CellFreeOFDMLink's own default is 48
    num_subcarriers: Count = Field(
        12, le=100_000, description="Number of subcarriers, all of them in use"
    )
    num_ofdm_symbols: Count = Field(14, le=10_000, description="OFDM symbols of a slot")
    subcarrier_spacing: float = Field(30e3, ge=1, le=1e9, description="Subcarrier spacing in Hz")
    cyclic_prefix_length: Index = Field(
        0, le=100_000, description="In samples; only counts where UEs move"
    )
    pilot_symbols: list[Index] = Field(
        [2, 11],
        max_length=MOST_ENTRIES,
        description="Indices of the OFDM symbols with pilots; [] for none",
    )
    estimation: Literal["perfect", "ls"] = Field(
        "perfect",
        description="How UEs know their effective channels: perfectly, or by least squares from "
        "precoded pilots",
    )
    interpolation: Literal["nn", "lin", "lin_time_avg"] = Field(
        "lin", description="From the pilots to the grid, with estimation: ls"
    )
    beams_per: Literal["subcarrier", "resource_block", "wideband"] = Field(
        "subcarrier", description="What one set of beams is for"
    )
    demapping: Literal["app", "maxlog"] = Field(
        "app", description="Log-likelihood ratios of the demapper: exact, or the largest term"
    )
    num_iterations: Count = Field(20, le=10_000, description="Iterations of the decoder")
    slots_per_batch: Annotated[Count, Changes()] = Field(
        256,
        le=100_000,
        description="Slots simulated at once, rounded up to a multiple of 64; changes speed and "
        "memory, not the results",
    )
    stop: StopSpec = Field(
        default_factory=lambda: StopSpec.model_validate({}), description="How long to simulate"
    )
    skip_below: Annotated[Positive | None, MEASURED] = Field(
        None,
        lt=1,
        description="BLER: a method whose interval lay below it at a lower SNR, earlier in the "
        "sweep, is not simulated any more, and absent from the results; default: simulate all",
    )

    @property
    def rate(self) -> float | None:
        """Rate of the code, None without one."""
        return None if self.code_rate == UNCODED else float(self.code_rate)

    def code_blocks(self) -> tuple[int, int, int]:
        """Code blocks of a UE in a slot, and the coded and information bits of each.

        Raises
        ------
        ValueError
            Naming the key of the link that leaves too few symbols
        """
        symbols = self.num_ofdm_symbols - len(set(self.pilot_symbols))
        return segment(self.num_subcarriers * symbols, MODULATIONS[self.modulation], self.rate)


class CSISpec(Options):
    """What the APs know of the channels to the UEs, for every method alike."""

    @model_validator(mode="before")
    @classmethod
    def _null(cls, value: Any) -> Any:
        return null_is_default(cls, value)

    error_variance: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Variance of the estimation error over that of the channel; default 0",
    )
    pilot_snr_db: float | None = Field(
        None,
        ge=-100,
        le=300,
        description="SNR in dB, on a link of unit gain, of the pilots that an MMSE estimate is "
        "made from; instead of error_variance",
    )
    correlation: float = Field(
        1.0,
        ge=1e-6,
        le=1,
        description="Correlation between the channel when it was estimated and when the beams are "
        "used",
    )
    allow_for_error: bool = Field(
        False,
        description="Whether every method is told the noise power plus the interference that the "
        "errors cause; not with a link",
    )


class DetectionSpec(Options):
    """Detection of the target from the echoes of a block of symbols."""

    changes = MEASURED

    false_alarm: float = Field(1e-3, ge=1e-12, lt=1, description="False-alarm probability")
    num_symbols: Count = Field(
        14,
        description="Number L of symbols that a decision is made from, those of different streams "
        "orthogonal; at least the number of streams",
    )
    gain_db: float = Field(
        0.0,
        ge=-10_000,
        le=300,
        description="Gain of the echoes in dB on top of what beams are made for: below 0 for a "
        "target that reflects less",
    )
    swerling: Literal[0, 1] = Field(
        1, description="1: gains fluctuate from block to block; 0: constant power, random phases"
    )
