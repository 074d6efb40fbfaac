"""The schema of a scenario file."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from sionna_cfisac.beamforming.methods import Method, MethodEntry, Network
from sionna_cfisac.channel.kinds import CHANNELS, ChannelEntry
from sionna_cfisac.kinds import KeyPath
from sionna_cfisac.measures import Measure, MeasureEntry, measure_named
from sionna_cfisac.options import Changes, Count, Options, PositivePowers, Weight
from sionna_cfisac.scenario.schema.link import CSISpec, DetectionSpec, LinkSpec
from sionna_cfisac.scenario.schema.network import DESIGNED, DRAWN, NetworkSpec, SensingSpec
from sionna_cfisac.scenario.schema.sweep import SweepValues
from sionna_cfisac.scenario.schema.training import TrainingSpec

FigureName = Literal["tradeoff", "curves", "cdf", "beampattern"]

MAX_FAST_KEYS = 100

OF_THE_STUDY = Changes("show", swept=False)


class ObjectiveSpec(Options):
    """What the beams are for."""

    # the paper's; JointBeamformer's own default is 1
    sensing_weight: Annotated[Weight, DESIGNED] = Field(
        2.0, description="Weight of sensing in the utility (8a), beta in the paper"
    )


class UpperBoundSpec(Options):
    """How the bound on the utility is computed."""

    changes = Changes("measure")

    method: Literal["dpc", "branch_and_bound"] = Field(
        "dpc", description="dpc: fast, slightly loose; branch_and_bound: tight, slow with many UEs"
    )


class ScenarioSpec(Options):
    """A scenario: a network, its channels, the methods to compare and what to measure.

    Powers are in one common unit, angles in radian, positions in metres.
    """

    schema_version: Annotated[Literal[1], Changes("show", swept=False, fast=False)] = Field(
        description="Version of this format"
    )
    name: Annotated[str, Changes("show", swept=False, fast=False)] = Field(
        description="Name of the scenario and of its default output folder",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
    )
    description: Annotated[str | None, OF_THE_STUDY] = Field(
        None, description="What the scenario is for, in words"
    )
    seed: Annotated[int, DRAWN] = Field(
        1, ge=0, le=2**63 - 1, description="Seed of all random draws"
    )
    network: NetworkSpec = Field(
        default_factory=lambda: NetworkSpec.model_validate({}), description="Sizes and powers"
    )
    channel: Annotated[ChannelEntry, DRAWN] = Field(
        default_factory=lambda: CHANNELS.own["rayleigh"].model_validate("rayleigh"),
        description="Channel model",
    )
    noise_power: Annotated[PositivePowers | None, DESIGNED] = Field(
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
    detection: Annotated[DetectionSpec | None, Changes("measure")] = Field(
        None, description="Target detection, for the measures that start with pd_"
    )
    beamformers: Annotated[list[MethodEntry], Changes("design", swept=False)] = Field(
        [],
        min_length=1,
        max_length=100,
        description="Methods to compare, all on the same channels; required to run, not to train",
    )
    measure: Annotated[
        list[MeasureEntry], Field(min_length=1, max_length=100), Changes("measure", swept=False)
    ] = Field(["sum_rate", "sensing_snr", "utility"], description="What to measure, one row each")
    upper_bound: UpperBoundSpec = Field(
        default_factory=lambda: UpperBoundSpec.model_validate({}),
        description="Options of the measure upper_bound",
    )
    reference: Annotated[str | None, Changes("measure", swept=False)] = Field(
        None,
        description="Method whose utility the others are divided by: adds utility_share, a ratio "
        "of means, and utility_share_p1, the 1st percentile of the channels' own ratios",
    )
    sweep: Annotated[dict[str, SweepValues], OF_THE_STUDY] = Field(
        {},
        description="Dotted key -> list of values, or {start, stop, num, scale}; several keys make "
        "a grid, keys joined by commas change together",
    )
    samples: Annotated[Count, Changes("measure")] = Field(
        1000, description="Number of channels of each condition; with a link, link.stop says it"
    )
    confidence: Annotated[float, Field(gt=0, lt=1), Changes("show")] = Field(
        0.95, description="Level of the confidence intervals of the means"
    )
    batch_size: Annotated[Count, Changes()] = Field(
        256, description="Channels computed at once; changes speed and memory, not the results"
    )
    precision: Annotated[Literal["single", "double"], Changes("design")] = Field(
        "double", description="Precision of the arithmetic; the channels are the same in both"
    )
    training: Annotated[TrainingSpec | None, Changes("train", swept=False)] = Field(
        None, description="What 'cfisac train' does; 'cfisac run' does not read it"
    )
    fast: Annotated[dict[str, Any] | None, Changes("show", swept=False, fast=False)] = Field(
        None,
        max_length=MAX_FAST_KEYS,
        description="Dotted key -> value that --fast sets; default: at most 50 samples, or 2000 "
        "code blocks of a link",
    )
    figures: Annotated[list[FigureName] | None, OF_THE_STUDY] = Field(
        None, max_length=100, description="Figures to draw; default: those that the results allow"
    )

    @property
    def measures(self) -> list[Measure]:
        """What the entries of ``measure`` stand for."""
        return [measure_named(name) for name in self.measure]

    def methods(self) -> Iterator[tuple[KeyPath, Method]]:
        """All beamformers, those inside of others as well, each with its place in the file."""
        for index, entry in enumerate(self.beamformers):
            for path, method in entry.parts():
                yield ("beamformers", index, *path), method

    def networks(self) -> Iterator[tuple[KeyPath, Network]]:
        """The trained networks among them."""
        for path, method in self.methods():
            if isinstance(method, Network):
                yield path, method
