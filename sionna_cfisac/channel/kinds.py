"""The channels that a scenario can name; imports nothing that is slow to load.

To add one: its class, a :class:`~sionna_cfisac.channel.ChannelLayer`, and a declaration here. See
``docs/develop.md``.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from sionna_cfisac.channel.rules import angle_conflicts
from sionna_cfisac.kinds import Conflict, KeyPath, Kind, OptionKinds, declared, imported
from sionna_cfisac.options import (
    MOST_ENTRIES,
    Angle,
    Changes,
    Coordinate,
    Decibel,
    Frequency,
    Height,
    Length,
    Speed,
)
from sionna_cfisac.radio import (
    LEAST_FREQUENCY,
    LEAST_LOSS_DB,
    MOST_SHADOWING_DB,
    THERMAL_NOISE,
    UNIT_SCALE_NOISE,
    URBAN_UE_HEIGHTS,
    urban_conflicts,
)

Position = Annotated[list[Coordinate], Field(min_length=2, max_length=3)]
Positions = Annotated[list[Position], Field(min_length=1, max_length=MOST_ENTRIES)]

_HERE = "sionna_cfisac.channel"


class ChannelKind(Kind):
    """A channel: a layer from a batch size to a ``ChannelState``, made with sizes and options.

    The layer takes the arguments of :class:`~sionna_cfisac.channel.ChannelLayer`, ``sensing_gain``
    if it has another kind than :attr:`default_gain`, ``rcs`` if it knows the radar equation, and
    the options.
    """

    changes = Changes("draw", "train")

    default_gain: ClassVar[str] = "exponential"
    """Kind of sensing gain where the scenario names none."""
    default_noise: ClassVar[float] = UNIT_SCALE_NOISE
    """Noise power where the scenario names none."""
    placed: ClassVar[bool] = False
    """Whether everything has a position, so that powers are in W and radar gains are known."""
    flat: ClassVar[bool] = True
    """Whether it is the same on all subcarriers; others are for links alone."""
    written_defaults_count: ClassVar[bool] = False
    """Whether an option that is written out with its default draws other channels than one that is
    left out. It should not; of the kinds that do, existing files keep their numbers."""
    link_home: ClassVar[Any] = None
    """Class of the channel of a link, where it is another one; see :meth:`make_for_link`."""

    def gain(self) -> tuple[float, float] | None:
        """Between which ends the mean of |h|^2 lies; None where nobody knows before a draw."""
        return None

    def make(self, arguments: dict[str, Any]) -> Any:
        """The layer.

        Parameters
        ----------
        arguments : dict
            Sizes, powers, noise, ``sensing_gain``, ``rcs`` if given and ``dtype``

        Raises
        ------
        ValueError
            If the layer refuses its arguments
        """
        layer = self.implementation()
        own = self.arguments()
        known = inspect.signature(layer).parameters
        gain = arguments.get("sensing_gain")
        if gain is not None and "sensing_gain" not in known and not _any_keyword(known):
            if gain != self.default_gain:
                raise ValueError(
                    f"sensing_gain: expected {self.default_gain} on channel {self.type}, got {gain}"
                )
            arguments = {key: v for key, v in arguments.items() if key != "sensing_gain"}
        # of a channel that differs between subcarriers, the rest is for the model of the slot
        mine = own if self.flat else {name: own[name] for name in own if name in known}
        return layer(**arguments, **mine)

    def make_for_link(self, layer: Any, precision: str) -> Any:
        """The channel of a link, around the layer that places everything; that alone if flat."""
        return layer

    @classmethod
    def option_parameters(cls, target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
        """The arguments of a layer that are options: not sizes, powers, noise and precision."""
        base = inspect.signature(imported(f"{_HERE}.base:ChannelLayer")).parameters
        theirs = {*base, "sensing_gain", "rcs"}
        return {
            name: parameter
            for name, parameter in super().option_parameters(target).items()
            if name not in theirs
        }

    def lists(self) -> Iterator[tuple[KeyPath, Any, str]]:
        """Options that are lists: place, value and the size of the network that it must have."""
        yield from ()

    def conflicts(self) -> Iterator[Conflict]:
        """Options that do not fit each other."""
        yield from ()


def _any_keyword(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values())


class Rayleigh(ChannelKind):
    """Independent Rayleigh fading without path loss, targets in random directions: the paper's."""

    name = "rayleigh"
    home = f"{_HERE}.rayleigh:CellFreeChannel"
    written_defaults_count = True

    angle_range: Annotated[list[Angle], Field(min_length=2, max_length=2)] = Field(
        [0.0, math.pi / 2],
        description="Interval [low, high) of the targets' angles from broadside in radian; "
        "default [0, pi/2)",
    )

    def gain(self) -> tuple[float, float]:
        """1, whatever the sizes are."""
        return 1.0, 1.0

    def conflicts(self) -> Iterator[Conflict]:
        """An interval that is none."""
        for where, message in angle_conflicts(self.angle_range):
            yield Conflict((where,), message)


class Placed(ChannelKind):
    """What all channels between positions on a map have in common."""

    home = f"{_HERE}.topology:TopologyChannel"
    default_gain = "radar"
    default_noise = THERMAL_NOISE
    placed = True
    written_defaults_count = True

    area: Annotated[list[Length], Field(min_length=2, max_length=2)] = Field(
        [400.0, 400.0], description="Width and height of the area in metres"
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
    ap_height: Height = Field(10.0, description="Height of the APs in metres")
    ue_height: Height = Field(1.5, description="Height of the UEs in metres")
    target_height: Height = Field(1.5, description="Height of the targets in metres")
    ap_orientations: list[Angle] | None = Field(
        None,
        min_length=1,
        max_length=MOST_ENTRIES,
        description="Azimuth of every AP's broadside in radian; default: towards the area's centre",
    )
    carrier_frequency: Frequency = Field(3.5e9, description="Carrier frequency in Hz")

    def lists(self) -> Iterator[tuple[KeyPath, Any, str]]:
        """Positions and orientations."""
        yield ("ap_positions",), self.ap_positions, "num_aps"
        yield ("ap_orientations",), self.ap_orientations, "num_aps"
        yield ("ue_positions",), self.ue_positions, "num_users"
        yield ("target_positions",), self.target_positions, "num_targets"

    def gain(self) -> tuple[float, float] | None:
        """Less than the shortest link lets through, at the frequencies of mobile networks."""
        if self.carrier_frequency < LEAST_FREQUENCY:
            return None
        return 0.0, 10 ** (-LEAST_LOSS_DB / 10)

    def urban(self) -> tuple[str, KeyPath] | None:
        """The 3GPP model whose formulas it uses, if any, and the option that says so."""
        return None

    def conflicts(self) -> Iterator[Conflict]:
        """Heights and frequencies that the formulas of 3GPP are not made for."""
        urban = self.urban()
        if urban is None:
            return
        model, where_from = urban
        heights, keys = {}, {"carrier_frequency": "carrier_frequency"}
        for kind in ("ap", "ue"):
            positions = getattr(self, f"{kind}_positions") or []
            # a height counts only where a position comes without one
            flat = not positions or any(len(p) == 2 for p in positions)
            height = [getattr(self, f"{kind}_height")] * flat
            heights[kind] = [p[2] for p in positions if len(p) == 3] + height
            keys[kind] = f"{kind}_height" if flat else f"{kind}_positions"
        for where, message in urban_conflicts(
            model, self.carrier_frequency, heights["ap"], heights["ue"]
        ):
            yield Conflict((keys[where],), message, (where_from,))


KTable = Annotated[
    list[Annotated[list[Decibel], Field(max_length=MOST_ENTRIES)]], Field(max_length=MOST_ENTRIES)
]


def _number_or_table(value: Any) -> str:
    return "<table>" if isinstance(value, list) else "<number>"


class Topology(Placed):
    """Path loss, shadowing and Rician or Rayleigh fading between positions on a map."""

    name = "topology"

    path_loss: Literal["log_distance", "umi", "uma", "free_space"] = Field(
        "log_distance", description="Path-loss model"
    )
    path_loss_exponent: float = Field(
        3.0, ge=0.1, le=20, description="Exponent of the log-distance model"
    )
    reference_loss_db: Decibel | None = Field(
        None, description="Loss at 1 m of the log-distance model in dB; default: free space"
    )
    line_of_sight: Literal[True, False, "random"] = Field(
        "random",
        description="Whether umi and uma links have a line of sight: true, false, or random with "
        "3GPP's probability",
    )
    shadowing_std_db: float = Field(
        0.0, ge=0, le=100, description="Standard deviation of log-normal shadowing in dB"
    )
    k_factor_db: (
        Annotated[
            Annotated[Decibel, Tag("<number>")] | Annotated[KTable, Tag("<table>")],
            Discriminator(_number_or_table),
        ]
        | None
    ) = Field(
        None, description="Rician K-factor in dB, one number or [M][U]; default: Rayleigh fading"
    )

    def lists(self) -> Iterator[tuple[KeyPath, Any, str]]:
        """Positions and the table of K-factors."""
        yield from super().lists()
        yield ("k_factor_db",), self.k_factor_db, "num_aps"
        if isinstance(self.k_factor_db, list):
            for index, row in enumerate(self.k_factor_db):
                yield ("k_factor_db", index), row, "num_users"

    def gain(self) -> tuple[float, float] | None:
        """As on all maps, unless the loss at 1 m is the user's or the shadowing very strong."""
        usual = self.reference_loss_db is None and self.shadowing_std_db <= MOST_SHADOWING_DB
        return super().gain() if usual else None

    def urban(self) -> tuple[str, KeyPath] | None:
        """The path-loss model, if it is one of 3GPP."""
        known = self.path_loss in URBAN_UE_HEIGHTS
        return (self.path_loss, ("path_loss",)) if known else None


class Urban(Placed):
    """What UMi and UMa have in common."""

    flat = False
    link_home = "sionna_cfisac.link.urban:UrbanChannel"

    indoor_probability: float = Field(0.0, ge=0, le=1, description="Share of UEs that are indoors")
    line_of_sight: Literal[True, False, "random"] = Field(
        "random",
        description="Whether outdoor UEs have a line of sight: true, false, or random with 3GPP's "
        "probability",
    )
    shadowing: bool = Field(True, description="Whether links are shadowed")
    speed: Speed = Field(0.0, description="Speed of the UEs in m/s, in random directions")
    antenna_pattern: Literal["omni", "38.901"] = Field(
        "omni", description="Pattern of the APs' antenna elements"
    )

    def make(self, arguments: dict[str, Any]) -> Any:
        """The layer that places everything; its own fading has no effect."""
        places = {name: value for name, value in self.arguments().items() if name in _PLACES}
        return self.implementation()(**arguments, **places)

    def make_for_link(self, layer: Any, precision: str) -> Any:
        """Sionna's model between the places of the layer."""
        options = {name: v for name, v in self.arguments().items() if name not in _PLACES}
        return imported(self.link_home)(self.name, layer, **options)

    def urban(self) -> tuple[str, KeyPath]:
        """The model itself."""
        return self.name, ()


_PLACES = frozenset(Placed.model_fields)


class TDL(ChannelKind):
    """3GPP TR 38.901 tapped delay line, independent for every link and antenna, for links."""

    name = "tdl"
    home = f"{_HERE}.rayleigh:CellFreeChannel"
    flat = False
    link_home = "sionna_cfisac.link.sionna_channel:SionnaChannel"

    # D and E have a line of sight, which Sionna's model puts at the same angle and phase for every
    # link and antenna: UEs that cannot be told apart, and not what "independent" promises
    model: Literal["A", "B", "C", "A30", "B100", "C300"] = Field(
        "A", description="Power delay profile, one of those without a line of sight"
    )
    delay_spread: float = Field(
        100e-9, ge=1e-12, le=1e-3, description="RMS delay spread in seconds"
    )
    carrier_frequency: Frequency = Field(3.5e9, description="Carrier frequency in Hz")
    speed: Speed = Field(0.0, description="Speed of the UEs in m/s")

    def gain(self) -> tuple[float, float]:
        """1: the powers of the taps add up to it."""
        return 1.0, 1.0

    def make_for_link(self, layer: Any, precision: str) -> Any:
        """Sionna's model, drawn anew for every pair of AP and UE."""
        from sionna.phy.channel import tr38901

        model = tr38901.TDL(
            self.model,
            self.delay_spread,
            self.carrier_frequency,
            min_speed=self.speed,
            num_tx_ant=layer.num_tx_ant,
            precision=precision,
        )
        return imported(self.link_home)(model, layer, time_varying=self.speed > 0)


class UMi(Urban):
    """3GPP TR 38.901 urban microcell with delays and clusters, for links."""

    name = "umi"


class UMa(Urban):
    """3GPP TR 38.901 urban macrocell with delays and clusters, for links."""

    name = "uma"


CHANNELS = OptionKinds(
    "channel", "sionna_cfisac.channels", ChannelKind, declared(globals(), ChannelKind)
)
if TYPE_CHECKING:
    ChannelEntry = ChannelKind
else:
    ChannelEntry = CHANNELS.field()
