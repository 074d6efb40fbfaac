"""The section ``training`` of a scenario file."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sionna_cfisac.beamforming.methods import NetworkEntry
from sionna_cfisac.channel.kinds import ChannelEntry
from sionna_cfisac.options import (
    Changes,
    Count,
    Index,
    NonNegative,
    Options,
    Positive,
    PositivePowers,
    Size,
    Weight,
)
from sionna_cfisac.scenario.schema.network import SensingSpec
from sionna_cfisac.training.rules import order_conflicts


class TrainingOptions(Options):
    """What only a training depends on."""

    changes = Changes("train", swept=False)


class SizeSpec(TrainingOptions):
    """A size and kind of network to train on; what is not given is the scenario's."""

    num_aps: Size | None = Field(None, description="Number M of access points")
    num_users: Size | None = Field(None, description="Number U of UEs")
    num_tx_ant: Size | None = Field(
        None, description="Number Nt of transmit antennas; only dual_gnn takes another number"
    )
    num_targets: Size | None = Field(None, description="Number T of targets")
    channel: ChannelEntry | None = Field(None, description="Channel model")
    noise_power: PositivePowers | None = Field(
        None, description="Noise power of the UEs: one number or U numbers"
    )
    sensing: SensingSpec | None = Field(None, description="Radar side")

    def of(self, scenario: Any) -> Any:
        """The scenario with this size and kind of network."""
        given = {key: value for key, value in self if value is not None}
        network = {key: value for key, value in given.items() if key.startswith("num_")}
        others = {key: value for key, value in given.items() if key not in network}
        others["network"] = scenario.network.model_copy(update=network)
        return scenario.model_copy(update=others)


class RangeSpec(TrainingOptions):
    """A number drawn anew for every channel, uniform on a logarithmic scale."""

    low: NonNegative = Field(description="Lower end")
    high: Positive = Field(description="Upper end")

    @model_validator(mode="after")
    def _ordered(self) -> "RangeSpec":
        for _, message in order_conflicts(self.low, self.high):
            raise ValueError(message)
        return self


class WeightRangeSpec(RangeSpec):
    """A sensing weight drawn anew for every channel: the logarithm of 1 + weight is uniform."""

    low_share: float = Field(
        0.0, ge=0, le=1, description="Share of the channels that get the lower end itself"
    )


class NoiseRangeSpec(RangeSpec):
    """A noise power drawn anew for every channel: one for the UEs, one for the radar receivers."""

    low: Positive = Field(description="Lower end")


class ValidationSpec(TrainingOptions):
    """How the network is judged while it learns, and once in the end."""

    samples: Count = Field(1000, description="Number of channels of every validation")
    every: Count = Field(250, description="Steps between validations, each with a checkpoint")
    test_samples: Count = Field(
        2000, description="Number of other channels that the finished network is scored on"
    )
    sensing_weights: Annotated[list[Weight], Field(min_length=1, max_length=100)] | None = Field(
        None,
        description="Weights to score at; default the one trained for, or objective.sensing_weight",
    )


class TrainingSpec(TrainingOptions):
    """Training of a network by ``cfisac train``; ``cfisac run`` does not read it."""

    beamformer: NetworkEntry = Field(description="The network to train")
    initial_weights: str | None = Field(
        None,
        min_length=1,
        description="Weights to start from, of the package or a file NAME.weights.h5; the "
        "architecture must be the same but for conditioned; default: at random",
    )
    steps: Count = Field(description="Number of steps of the optimizer, Adam")
    batch_size: Count = Field(256, le=10**6, description="Number of channels per step")
    learning_rate: Positive = Field(
        3e-3, le=1e6, description="Highest learning rate; it falls to zero along a half cosine"
    )
    warmup_steps: Index = Field(
        100,
        description="Steps over which the learning rate first rises from zero; at most half of all",
    )
    loss: Literal["utility", "log_utility"] = Field(
        "utility",
        description="utility: the mean of utility / (1 + weight) is maximised; log_utility: that "
        "of its logarithm, so that small and large networks count alike",
    )
    clip_norm: Positive | None = Field(
        None, description="Largest norm of a step's gradient, which is shortened to it"
    )
    samples: Count | None = Field(
        None,
        description="Size of a fixed set of training channels, shuffled in every pass; default: "
        "new channels in every step",
    )
    sizes: Annotated[list[SizeSpec], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="Sizes that share every batch; default: that of the scenario's network"
    )
    sensing_weight: (
        Annotated[
            Annotated[Weight, Tag("<number>")] | Annotated[WeightRangeSpec, Tag("<range>")],
            Discriminator(lambda value: _number_or_range(value)),
        ]
        | None
    ) = Field(
        None,
        description="Sensing weight to train for, or a range; default objective.sensing_weight",
    )
    noise_power: NoiseRangeSpec | None = Field(
        None, description="Range of noise powers; default: the scenario's own"
    )
    noise_scale: NoiseRangeSpec | None = Field(
        None, description="Instead, range of a factor on the scenario's own noise powers"
    )
    validation: ValidationSpec = Field(
        default_factory=lambda: ValidationSpec.model_validate({}), description="Scores"
    )


def _number_or_range(value: Any) -> str:
    return "<range>" if isinstance(value, dict | WeightRangeSpec) else "<number>"
