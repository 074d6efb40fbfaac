"""The schema of a scenario file."""

from typing import Annotated, Any, Literal

from pydantic import Field

from sionna_cfisac.scenario.base_specs import (
    Count,
    NonNegative,
    NonNegativePowers,
    PositivePowers,
    Spec,
)
from sionna_cfisac.scenario.beamformer_specs import BeamformerSpec
from sionna_cfisac.scenario.channel_specs import ChannelSpec, RayleighSpec
from sionna_cfisac.scenario.link_specs import CSISpec, DetectionSpec, LinkSpec
from sionna_cfisac.scenario.sensing_specs import SensingSpec
from sionna_cfisac.scenario.training_specs import TrainingSpec

MeasureName = Literal[
    "bler",
    "ber",
    "sum_rate",
    "min_rate",
    "sensing_snr",
    "sensing_snr_db",
    "sensing_share",
    "utility",
    "pd_neyman_pearson",
    "pd_energy",
    "pd_best_path",
    "ap_power_max",
    "upper_bound",
]
FigureName = Literal["tradeoff", "curves", "cdf", "beampattern"]


class NetworkSpec(Spec):
    """Sizes and powers of the network; the paper's by default."""

    num_aps: Count = Field(5, description="Number M of access points")
    num_users: Count = Field(2, description="Number U of single-antenna UEs")
    num_tx_ant: Count = Field(8, description="Number Nt of transmit antennas of each AP")
    num_rx_ant: Count = Field(
        8,
        description="Number Nr of receive antennas of each AP, which only detection depends on",
    )
    num_targets: Count = Field(1, description="Number T of targets")
    total_power: NonNegative = Field(
        1.0, description="Power of all APs together, shared equally; W where noise powers are in W"
    )
    ap_power: NonNegativePowers | None = Field(
        None, description="Power limit of every AP, instead of total_power: one number or M numbers"
    )


class ObjectiveSpec(Spec):
    """What the beams are for."""

    sensing_weight: NonNegative = Field(
        2.0, description="Weight of sensing in the utility (8a), beta in the paper"
    )


class UpperBoundSpec(Spec):
    """How the bound on the utility is computed."""

    method: Literal["dpc", "branch_and_bound"] = Field(
        "dpc", description="dpc: fast, slightly loose; branch_and_bound: tight, slow with many UEs"
    )


class ScenarioSpec(Spec):
    """A scenario: a network, its channels, the methods to compare and what to measure.

    Powers are in one common unit, angles in radian, positions in metres.
    """

    schema_version: Literal[1] = Field(description="Version of this format")
    name: str = Field(
        description="Name of the scenario and of its default output folder",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
    )
    description: str | None = Field(None, description="What the scenario is for, in words")
    seed: Annotated[int, Field(ge=0)] = Field(1, description="Seed of all random draws")
    network: NetworkSpec = Field(
        default_factory=lambda: NetworkSpec.model_validate({}), description="Sizes and powers"
    )
    channel: ChannelSpec = Field(
        default_factory=lambda: RayleighSpec.model_validate("rayleigh"), description="Channel model"
    )
    noise_power: PositivePowers | None = Field(
        None,
        description="Noise power of the UEs: one number or U numbers; default 0.1 on rayleigh, "
        "thermal noise of 20 MHz (6.3e-13 W) on topology",
    )
    sensing: SensingSpec = Field(
        default_factory=lambda: SensingSpec.model_validate({}), description="Radar side"
    )
    objective: ObjectiveSpec = Field(
        default_factory=lambda: ObjectiveSpec.model_validate({}), description="Weight of sensing"
    )
    csi: CSISpec | None = Field(
        None, description="What the APs know of the channels; default: everything"
    )
    link: LinkSpec | None = Field(
        None, description="Coded OFDM link, for the measures bler and ber"
    )
    detection: DetectionSpec | None = Field(
        None, description="Target detection, for the measures that start with pd_"
    )
    beamformers: Annotated[list[BeamformerSpec], Field(min_length=1)] = Field(
        description="Methods to compare, all on the same channels"
    )
    measure: Annotated[list[MeasureName], Field(min_length=1)] = Field(
        ["sum_rate", "sensing_snr", "utility"], description="What to measure, one row each"
    )
    upper_bound: UpperBoundSpec = Field(
        default_factory=lambda: UpperBoundSpec.model_validate({}),
        description="Options of the measure upper_bound",
    )
    reference: str | None = Field(
        None,
        description="Method whose utility the others are divided by: adds utility_share, a ratio "
        "of means, and utility_share_p1, the 1st percentile of the channels' own ratios",
    )
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {}, description="Dotted key -> list of values; several keys make a grid"
    )
    samples: Count = Field(
        1000, description="Number of channels of each condition; with a link, link.stop says it"
    )
    confidence: float = Field(
        0.95, gt=0, lt=1, description="Level of the confidence intervals of the means"
    )
    batch_size: Count = Field(
        256, description="Channels computed at once; changes speed and memory, not the results"
    )
    precision: Literal["single", "double"] = Field(
        "double", description="Precision of the arithmetic; the channels are the same in both"
    )
    training: TrainingSpec | None = Field(
        None, description="What 'cfisac train' does; 'cfisac run' does not read it"
    )
    fast: dict[str, Any] | None = Field(
        None,
        description="Dotted key -> value that --fast sets; default: at most 50 samples, or 2000 "
        "code blocks of a link",
    )
    figures: list[FigureName] | None = Field(
        None, description="Figures to draw; default: those that the results allow"
    )


def resolved(scenario: ScenarioSpec) -> dict[str, Any]:
    """The scenario with every default written out, as plain values that validate again."""
    values = scenario.model_dump(mode="json", exclude_none=True)
    if scenario.network.ap_power is not None:
        # the two exclude each other
        del values["network"]["total_power"]
    values["noise_power"] = noise_power(scenario)
    values["sensing"]["noise_power"] = sensing_noise_power(scenario)
    values["sensing"]["gain"] = sensing_gain(scenario)
    link = scenario.link
    if link is not None:
        # what has no effect with a link, and is refused there
        del values["samples"]
        if link.snr_db is not None or "link.snr_db" in scenario.sweep:
            del values["noise_power"]
    return values


def amount(scenario: ScenarioSpec) -> tuple[int, str]:
    """How much a condition takes at most, and of what: channels, or code blocks of a link."""
    if scenario.link is None:
        return scenario.samples, "channels"
    return scenario.link.stop.max_blocks, "blocks"


def sensing_gain(scenario: ScenarioSpec) -> str:
    """The sensing gain, or the default of the scenario's channel."""
    return scenario.sensing.gain or scenario.channel.default_gain


def noise_power(scenario: ScenarioSpec) -> float | list[float]:
    """Noise power of the UEs, or the default of the scenario's channel."""
    given = scenario.noise_power
    return scenario.channel.default_noise if given is None else given


def sensing_noise_power(scenario: ScenarioSpec) -> float | list[float]:
    """Noise power of the radar receivers, or the default of the scenario's channel."""
    given = scenario.sensing.noise_power
    return scenario.channel.default_noise if given is None else given
