"""The beamformers that a scenario can name; imports nothing that is slow to load.

To add one: its class in a file of this folder, and a declaration here. See ``docs/develop.md``.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from sionna_cfisac.beamforming.pretrained import find_weights
from sionna_cfisac.beamforming.rules import (
    OPTIMIZED_TOGETHER,
    null_space_conflicts,
    one_target_conflicts,
)
from sionna_cfisac.beamforming.weights import check_weights, read_card
from sionna_cfisac.kinds import Conflict, KeyPath, Kind, Look, OptionKinds, declared, name_of
from sionna_cfisac.options import (
    Changes,
    Count,
    NonNegative,
    Positive,
    Seed,
    Size,
    Steps,
    Weight,
)

_HERE = "sionna_cfisac.beamforming"


class Purpose(NamedTuple):
    """What beams are designed for.

    Attributes
    ----------
    sensing_weight : float
        Weight β of the scenario
    dtype : None, "float32" or "float64"
        Precision inside networks, by default their own; the other methods have the channels'
    judged : frozenset of str
        What networks need not warn of, see
        :meth:`~sionna_cfisac.beamforming.networks.learned.LearnedBeamformer.mute`
    """

    sensing_weight: float
    dtype: str | None = None
    judged: frozenset[str] = frozenset()


class Method(Kind):
    """A beamformer: a class that is made with the options, or a function of state and options.

    The class gives callables ``ChannelState -> f`` [B, M, S, Nt]. An option ``sensing_weight``
    that is not given gets the scenario's ``objective.sensing_weight``.
    """

    targets: ClassVar[Literal["any", "one"]] = "any"
    """How many targets it can sense at a weight above 0."""

    label: Annotated[str | None, Changes("show", swept=False)] = Field(
        None,
        min_length=1,
        description="Name of the method in tables and figures; default: the type",
    )

    @property
    def shown_name(self) -> str:
        """Name of the method in tables and files."""
        return self.label or name_of(self)

    def make(self, purpose: Purpose) -> Callable[[Any], Any]:
        """The beamformer ``state -> f``.

        Raises
        ------
        ValueError
            If the method refuses its options
        """
        target, options = self.implementation(), self.arguments()
        if "sensing_weight" in self.option_names():
            options.setdefault("sensing_weight", purpose.sensing_weight)
        if not inspect.isclass(target):
            return functools.partial(target, **options)
        beamformer = target(**options)
        if not callable(beamformer):
            raise ValueError(
                f"'{name_of(self)}': expected a callable state -> f, got "
                f"{type(beamformer).__name__}"
            )
        made: Callable[[Any], Any] = beamformer
        return made

    @classmethod
    def option_names(cls) -> set[str]:
        """Names of the options that are the method's own."""
        return set(cls.options()) - set(Method.model_fields)

    @classmethod
    def option_parameters(cls, target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
        """The arguments that are options: of a function, all but the first, the state."""
        parameters = super().option_parameters(target)
        if not inspect.isclass(target) and parameters:
            del parameters[next(iter(parameters))]
        if "sensing_weight" in parameters:
            # the scenario has one
            parameters["sensing_weight"] = parameters["sensing_weight"].replace(default=None)
        return parameters

    def parts(self) -> "Iterator[tuple[KeyPath, Method]]":
        """The method itself and the methods that it is made of, each with its place in it."""
        yield (), self

    def memory(self, network: Any, count: int) -> float:
        """Bytes that it takes, about, to design beams for ``count`` channels of a network.

        By default eight times those of channels in double precision.
        """
        return count * 128.0 * network.num_aps * network.num_users * network.num_tx_ant

    def is_optimum(self, sensing_weight: float) -> bool:
        """Whether its beams are the optimum of the utility at this weight."""
        return False

    def weight(self, sensing_weight: float) -> float:
        """The weight that it designs for where the scenario has this one."""
        own = getattr(self, "sensing_weight", None)
        return sensing_weight if own is None else own

    def conflicts(self, network: Any, sensing_weight: float) -> Iterator[Conflict]:
        """What does not fit a network with ``num_aps``, … and a weight of sensing."""
        if self.targets == "one":
            weight = self.weight(sensing_weight)
            for _, message in one_target_conflicts(network.num_targets, weight):
                yield Conflict(
                    (),
                    f"{name_of(self)} {message}",
                    (("network", "num_targets"), ("objective",)),
                )


class Conjugate(Method):
    """Conjugate (maximum-ratio) beams to the UEs."""

    name = "conjugate"
    home = f"{_HERE}.conjugate:ConjugateBeamformer"
    title = "Conjugate"
    look = Look("#CC79A7", "D", ":")

    power_split: Literal["channel", "equal"] = Field(
        "channel",
        description="How an AP shares its power among the UEs: by the channel gain or equally",
    )


class SensingConjugate(Method):
    """All power to the targets."""

    name = "sensing_conjugate"
    home = f"{_HERE}.conjugate:SensingConjugateBeamformer"
    title = "Conjugate (sensing)"
    look = Look("#E69F00", "v", "--")


class RZF(Method):
    """Regularised zero forcing, joint over the APs."""

    name = "rzf"
    home = f"{_HERE}.rzf:RZFBeamformer"
    title = "RZF"
    look = Look("#009E73", "^", "-.")

    normalization: Literal["per_ap", "per_user"] = Field(
        "per_ap", description="Scale every AP to its power, or every AP-UE pair to P/U"
    )
    regularization: NonNegative | None = Field(
        None,
        description="Diagonal loading in the unit of noise power; default: noise over power, "
        "U sigma^2 / P",
    )


class NullspaceSensing(Method):
    """Sensing beam off the users' channels, the rest of the power to another beamformer."""

    name = "nullspace_sensing"
    home = f"{_HERE}.nullspace:NullspaceSensingBeamformer"
    title = "Null-space sensing"
    look = Look("#56B4E9", "P", "-.")

    sensing_power_share: float = Field(
        0.5, ge=0, le=1, description="Share of the power for sensing"
    )
    communication: "MethodEntry | None" = Field(
        None, description="Beamformer of the remaining power; default rzf"
    )

    def make(self, purpose: Purpose) -> Callable[[Any], Any]:
        """The beamformer, with that of the remaining power inside."""
        inner = None if self.communication is None else self.communication.make(purpose)
        made: Callable[[Any], Any] = self.implementation()(inner, self.sensing_power_share)
        return made

    def parts(self) -> Iterator[tuple[KeyPath, Method]]:
        """Itself and the beamformer of the remaining power."""
        yield (), self
        if self.communication is not None:
            for path, method in self.communication.parts():
                yield ("communication", *path), method

    def conflicts(self, network: Any, sensing_weight: float) -> Iterator[Conflict]:
        """The antennas that a null space takes, and what does not fit the inner method."""
        for _, message in null_space_conflicts(network.num_tx_ant, network.num_users):
            message = f"{name_of(self)} {message}"
            yield Conflict((), message, (("network", "num_tx_ant"), ("network", "num_users")))
        if self.communication is None:
            return
        if self.communication.label is not None:
            yield Conflict(("communication", "label"), "a label has no effect in here; remove it")
        for conflict in self.communication.conflicts(network, sensing_weight):
            yield conflict._replace(path=("communication", *conflict.path))


def ascent_memory(network: Any, count: int) -> float:
    """Bytes, as measured, of what the steps remember and the Gram matrices of channels together."""
    span = min(network.num_tx_ant, network.num_users + 1) + network.num_users
    size = 500.0 * span + 64.0 * network.num_tx_ant
    return min(count, OPTIMIZED_TOGETHER) * size * network.num_aps * network.num_users


class Optimizer(Method):
    """Options that both optimisers take."""

    max_iterations: Count = Field(200, le=10**6, description="Limit of the iterations")
    tolerance: Positive = Field(
        1e-8,
        le=1,
        description="Share of the utility below which the gains of a step end the iteration",
    )
    num_starts: Count | None = Field(
        None,
        le=10_000,
        description="Number of starting points, of which the best result is kept; "
        "default: chosen by the method from the sizes of the network",
    )
    seed: Seed = Field(0, description="Seed of the starting points after the first")
    start: Literal["guess", "network"] = Field(
        "guess",
        description="First starting point: the best of several guesses, or the beams of the "
        "trained dual_gnn, from which it takes some 60 % of the steps",
    )

    def memory(self, network: Any, count: int) -> float:
        """That of the ascent."""
        return ascent_memory(network, count)


class WMMSE(Optimizer):
    """Highest sum rate under the power limits (joint at sensing weight 0)."""

    name = "wmmse"
    home = f"{_HERE}.joint:WMMSEBeamformer"
    title = "WMMSE"
    look = Look("#D55E00", "s", "--")


class Joint(Optimizer):
    """Highest utility of communication and sensing under the power limits."""

    name = "joint"
    home = f"{_HERE}.joint:JointBeamformer"
    title = "Joint optimum"
    look = Look("#0072B2", "o", "-")
    targets = "one"

    sensing_weight: Weight | None = Field(
        None, description="Weight that the method optimises for; default objective.sensing_weight"
    )

    def is_optimum(self, sensing_weight: float) -> bool:
        """Unless it is stopped early, or optimises for another weight."""
        full = type(self).model_fields["max_iterations"].default
        return self.weight(sensing_weight) == sensing_weight and self.max_iterations >= full


class Architecture(Kind):
    """A network to train: the options that fix its weights, and those of its training."""

    changes = Changes("train", swept=False)

    targets: ClassVar[Literal["any", "one"]] = "any"
    """How many targets it can be trained for."""
    antennas: ClassVar[Literal["any", "fixed"]] = "any"
    """Whether its weights are for one number of antennas per AP, its argument ``num_tx_ant``."""
    training_options: ClassVar[tuple[str, ...]] = ()
    """Options that the weights do not depend on."""

    def fixed_options(self) -> dict[str, Any]:
        """Options that the shapes and the meaning of the weights depend on."""
        options = self.arguments()
        return {name: v for name, v in options.items() if name not in self.training_options}

    @classmethod
    def checked_card(cls, file: Path) -> dict[str, Any]:
        """The card of a file with weights of this network.

        Raises
        ------
        OSError, ValueError
            That says what is wrong with the file or its card
        """
        home = cls.home
        name = home.partition(":")[2] if isinstance(home, str) else home.__name__
        card = check_weights(file, name)
        fixed = cls.antennas == "fixed"
        if fixed and not isinstance(card["architecture"].get("num_tx_ant"), int):
            raise ValueError(f"{file}: architecture: expected an integer num_tx_ant in its card")
        return card


class Network(Method):
    """What every trained network may say."""

    to_train: ClassVar[type[Architecture]]
    """What can be said of it in a training."""

    weights: str = Field(min_length=1)
    sensing_weight: Weight | None = Field(
        None,
        description="Weight that the network is told, if it reads one; default "
        "objective.sensing_weight",
    )

    def make(self, purpose: Purpose) -> Callable[[Any], Any]:
        """The trained network; one that reads the sensing weight is told it.

        Raises
        ------
        ValueError
            If there are no such weights, or they are damaged or of another type
        """
        file = find_weights(self.weights, purpose.sensing_weight)
        kind, options = self.implementation(), self.arguments()
        del options["weights"]
        if kind.conditioned or read_card(file)["architecture"].get("conditioned"):
            options.setdefault("sensing_weight", purpose.sensing_weight)
        network = kind.load(file, dtype=purpose.dtype, **options)
        network.mute(purpose.judged)
        made: Callable[[Any], Any] = network
        return made


class HeteroGNNArchitecture(Architecture):
    """Heterogeneous graph neural network, for the antennas of network.num_tx_ant."""

    name = "hetero_gnn"
    home = f"{_HERE}.networks.hetero_gnn:HeteroGNNBeamformer"
    antennas = "fixed"

    hidden_dim: Size = Field(256, description="Width of vertices and edges")
    num_layers: Size = Field(4, le=1000, description="Number of hidden layers")
    aggregation: Literal["mean", "sum"] = Field(
        "mean", description="How a vertex aggregates its edges"
    )
    negative_slope: float = Field(0.1, ge=0, le=1, description="Slope of the leaky ReLU below zero")
    sensing_gain_on_edge: bool = Field(
        True, description="Whether the AP-target edges carry the sensing gain"
    )
    conditioned: bool = Field(
        False, description="Whether the network reads the sensing weight and the noise power"
    )


class HeteroGNN(Network):
    """Heterogeneous graph neural network of the paper, trained."""

    name = "hetero_gnn"
    home = HeteroGNNArchitecture.home
    title = "GNN"
    # no two of joint, WMMSE and the networks share a line style either
    look = Look("#882255", "x", "-.")
    to_train = HeteroGNNArchitecture

    weights: str = Field(
        "paper",
        min_length=1,
        description="Weights of the package ('cfisac list' shows them), a family of them such as "
        "paper, of which objective.sensing_weight picks one, or a file NAME.weights.h5",
    )

    def memory(self, network: Any, count: int) -> float:
        """Its graph: about 16 arrays of 256 features, in single precision, for every edge."""
        return count * 16e3 * network.num_aps * (network.num_users + network.num_targets)


def _gram_memory(network: Any, count: int) -> float:
    """Bytes, as measured, of the UEs' inner products at every AP and what is made of them."""
    return count * 200.0 * network.num_aps * network.num_users**2


class ClosedFormDual(Method):
    """The beams of dual_gnn at multipliers that a formula guesses."""

    name = "closed_form_dual"
    home = f"{_HERE}.closed_form_dual:ClosedFormDualBeamformer"
    title = "Closed-form duals"
    look = Look("#999999", "h", (0, (3, 2)))
    targets = "one"

    refine: Steps = Field(3, description="Number of power steps")
    polish: Steps = Field(0, description="Number of minorise-maximise steps after them")
    sensing_weight: Weight | None = Field(
        None, description="Weight that the method designs for; default objective.sensing_weight"
    )

    def memory(self, network: Any, count: int) -> float:
        """Its channels and their Gram matrices."""
        return super().memory(network, count) + _gram_memory(network, count)


class DualGNNArchitecture(Architecture):
    """Graph neural network that predicts the multipliers of the optimum, for any antennas."""

    name = "dual_gnn"
    home = f"{_HERE}.networks.dual_gnn:DualGNNBeamformer"
    targets = "one"
    training_options = ("refine", "polish")

    hidden_dim: Size = Field(32, description="Width of vertices and edges")
    num_layers: Size = Field(3, le=1000, description="Number of rounds of messages")
    negative_slope: float = Field(0.1, ge=0, le=1, description="Slope of the leaky ReLU below zero")
    refine: Steps = Field(1, description="Number of power steps to train through")
    polish: Steps = Field(3, description="Number of minorise-maximise steps to train through")


class DualGNN(Network):
    """Beams with the structure of the optimum at multipliers that a graph network predicts."""

    name = "dual_gnn"
    home = DualGNNArchitecture.home
    title = "Dual GNN"
    look = Look("#111111", "*", (0, (6, 1, 1, 1, 1, 1)))
    targets = "one"
    to_train = DualGNNArchitecture

    weights: str = Field(
        "dual",
        min_length=1,
        description="Weights of the package ('cfisac list' shows them), or a file NAME.weights.h5",
    )
    refine: Steps = Field(1, description="Number of power steps")
    polish: Steps = Field(3, description="Number of minorise-maximise steps after them")
    switch_off: bool = Field(
        False,
        description="Whether to try beams with UEs switched off after them, for channels that are "
        "much alike, as in line of sight; slower",
    )

    def memory(self, network: Any, count: int) -> float:
        """Its channels and their Gram matrices, those once for every UE with ``switch_off``."""
        trials = network.num_users if self.switch_off else 1
        return super().memory(network, count) + _gram_memory(network, count * trials)


METHODS = OptionKinds(
    "beamformer", "sionna_cfisac.beamformers", Method, declared(globals(), Method)
)
NETWORKS = OptionKinds(
    "network to train",
    "sionna_cfisac.networks",
    Architecture,
    declared(globals(), Architecture),
)
if TYPE_CHECKING:
    MethodEntry = Method
    NetworkEntry = Architecture
else:
    MethodEntry = METHODS.field()
    NetworkEntry = NETWORKS.field()
    NullspaceSensing.model_rebuild()
