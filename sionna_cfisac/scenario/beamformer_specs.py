"""The entries of ``beamformers`` in a scenario file."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from sionna_cfisac.scenario.base_specs import Count, NonNegative, Positive, TypedSpec, type_of
from sionna_cfisac.scenario.plugins import plugin_names


class BeamformerBase(TypedSpec):
    """What every entry may say."""

    label: str | None = Field(
        None,
        min_length=1,
        description="Name of the method in tables and figures; default: the type",
    )


class ConjugateSpec(BeamformerBase):
    """Conjugate (maximum-ratio) beams to the UEs."""

    type: Literal["conjugate"]
    power_split: Literal["channel", "equal"] | None = Field(
        None,
        description="How an AP shares its power among the UEs: by the channel gain or equally; "
        "default channel",
    )


class SensingConjugateSpec(BeamformerBase):
    """All power to the targets."""

    type: Literal["sensing_conjugate"]


class RZFSpec(BeamformerBase):
    """Regularised zero forcing, joint over the APs."""

    type: Literal["rzf"]
    normalization: Literal["per_ap", "per_user"] | None = Field(
        None, description="Scale every AP to its power, or every AP-UE pair to P/U; default per_ap"
    )
    regularization: NonNegative | None = Field(
        None, description="Diagonal loading in the unit of noise power; default: the method's own"
    )


class OptimizerSpec(BeamformerBase):
    """Options that both optimisers take."""

    max_iterations: Count | None = Field(
        None, description="Limit of the iterations; default: the method's own"
    )
    tolerance: Positive | None = Field(
        None,
        le=1,
        description="Share of the utility below which the gains of a step end the iteration; "
        "default: the method's own",
    )
    num_starts: Count | None = Field(
        None,
        description="Number of starting points, of which the best result is kept; "
        "default: chosen by the method from the sizes of the network",
    )
    seed: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Seed of the starting points after the first; default: the method's own"
    )


class WMMSESpec(OptimizerSpec):
    """Highest sum rate under the power limits (joint at sensing weight 0)."""

    type: Literal["wmmse"]


class JointSpec(OptimizerSpec):
    """Highest utility of communication and sensing under the power limits."""

    type: Literal["joint"]
    sensing_weight: NonNegative | None = Field(
        None, description="Weight that the method optimises for; default objective.sensing_weight"
    )


class NetworkBase(BeamformerBase):
    """What every trained network may say."""

    weights: str = Field(min_length=1)
    sensing_weight: NonNegative | None = Field(
        None,
        description="Weight that the network is told, if it reads one; default "
        "objective.sensing_weight",
    )


class HeteroGNNSpec(NetworkBase):
    """Heterogeneous graph neural network of the paper, trained."""

    type: Literal["hetero_gnn"]
    weights: str = Field(
        "paper",
        min_length=1,
        description="Weights of the package ('cfisac list' shows them), a family of them such as "
        "paper, of which objective.sensing_weight picks one, or a file NAME.weights.h5",
    )


class DualSpec(BeamformerBase):
    """Options of the methods that build beams from multipliers."""

    refine: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Number of power steps; default: the method's own"
    )
    polish: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Number of minorise-maximise steps after them; default: the method's own",
    )


class DualGNNSpec(NetworkBase, DualSpec):
    """Beams with the structure of the optimum at multipliers that a graph network predicts."""

    type: Literal["dual_gnn"]
    weights: str = Field(
        "dual",
        min_length=1,
        description="Weights of the package ('cfisac list' shows them), or a file NAME.weights.h5",
    )


class ClosedFormDualSpec(DualSpec):
    """The same beams at multipliers that a formula guesses."""

    type: Literal["closed_form_dual"]
    sensing_weight: NonNegative | None = Field(
        None, description="Weight that the method designs for; default objective.sensing_weight"
    )


class NullspaceSensingSpec(BeamformerBase):
    """Sensing beam off the users' channels, the rest of the power to another beamformer."""

    type: Literal["nullspace_sensing"]
    sensing_power_share: float | None = Field(
        None, ge=0, le=1, description="Share of the power for sensing; default 0.5"
    )
    communication: "BeamformerSpec | None" = Field(
        None, description="Beamformer of the remaining power; default rzf"
    )


class PluginSpec(BeamformerBase):
    """A beamformer of another package; further keys are its arguments."""

    model_config = ConfigDict(extra="allow")

    type: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The keys that are the plug-in's own."""
        return dict(self.model_extra or {})


BEAMFORMERS: dict[str, type[BeamformerBase]] = {
    "conjugate": ConjugateSpec,
    "sensing_conjugate": SensingConjugateSpec,
    "rzf": RZFSpec,
    "nullspace_sensing": NullspaceSensingSpec,
    "wmmse": WMMSESpec,
    "joint": JointSpec,
    "hetero_gnn": HeteroGNNSpec,
    "closed_form_dual": ClosedFormDualSpec,
    "dual_gnn": DualGNNSpec,
}

BEAMFORMER_CLASSES = {
    "conjugate": "ConjugateBeamformer",
    "sensing_conjugate": "SensingConjugateBeamformer",
    "rzf": "RZFBeamformer",
    "nullspace_sensing": "NullspaceSensingBeamformer",
    "wmmse": "WMMSEBeamformer",
    "joint": "JointBeamformer",
    "hetero_gnn": "HeteroGNNBeamformer",
    "closed_form_dual": "ClosedFormDualBeamformer",
    "dual_gnn": "DualGNNBeamformer",
}
"""Names in ``sionna_cfisac.beamforming``, which take long to load."""


def _tag(value: Any) -> str:
    kind = type_of(value)
    if kind not in BEAMFORMERS and isinstance(kind, str) and kind in plugin_names():
        return "<plugin>"
    return f"<{kind}>"


BeamformerSpec = Annotated[
    Annotated[ConjugateSpec, Tag("<conjugate>")]
    | Annotated[SensingConjugateSpec, Tag("<sensing_conjugate>")]
    | Annotated[RZFSpec, Tag("<rzf>")]
    | Annotated[NullspaceSensingSpec, Tag("<nullspace_sensing>")]
    | Annotated[WMMSESpec, Tag("<wmmse>")]
    | Annotated[JointSpec, Tag("<joint>")]
    | Annotated[HeteroGNNSpec, Tag("<hetero_gnn>")]
    | Annotated[ClosedFormDualSpec, Tag("<closed_form_dual>")]
    | Annotated[DualGNNSpec, Tag("<dual_gnn>")]
    | Annotated[PluginSpec, Tag("<plugin>")],
    Discriminator(_tag),
]

NullspaceSensingSpec.model_rebuild()


def beamformer_names() -> list[str]:
    """Every type that a scenario may name, plug-ins last."""
    return [*BEAMFORMERS, *(name for name in plugin_names() if name not in BEAMFORMERS)]


def label_of(spec: BeamformerBase) -> str:
    """Name of the method in tables and files."""
    return spec.label or str(type_of(spec))
