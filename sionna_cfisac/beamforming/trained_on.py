"""What a network was trained on, as its card says, and what is not; imports nothing slow."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sionna_cfisac.beamforming.weights import NOISE_RANGE
from sionna_cfisac.wording import span

Interval = tuple[float, float]


class _Quantity(NamedTuple):
    """Something that a training covers an interval of.

    Attributes
    ----------
    argument : str
        What a beamformer is called with that holds it
    words : str
        What it is called, with the interval behind it
    slack : float
        Factor beyond the ends that is not worth a warning
    in_db : bool
        Whether messages show it in dB
    """

    argument: str
    words: str
    slack: float = 1.0
    in_db: bool = False

    def shown(self, values: Sequence[float]) -> str:
        """The values as messages show them."""
        if not self.in_db:
            return span(values)
        return f"{span([10 * math.log10(max(value, 1e-30)) for value in values])} dB"


_TWOFOLD = 2.0
_ROUNDING = 1.0 + 1e-5
QUANTITIES = {
    "num_aps": _Quantity("state", "num_aps"),
    "num_users": _Quantity("state", "num_users"),
    "num_tx_ant": _Quantity("state", "num_tx_ant"),
    "sensing_weight": _Quantity("sensing_weight", "a sensing weight of", _ROUNDING),
    "channel_gain": _Quantity("h", "a mean |h|^2 of", _TWOFOLD),
    "noise_power": _Quantity("noise_power", "noise powers of", _ROUNDING),
    "snr": _Quantity(
        "noise_power", "an SNR (total power times mean |h|^2 over noise) of", _TWOFOLD, True
    ),
}
"""Keys of the section ``trained_on`` of a card, each with the lowest and the highest value."""


@dataclass(frozen=True)
class TrainedOn:
    """What some weights were trained on.

    Attributes
    ----------
    who : str
        Name of the weights, for messages
    intervals : dict
        Those of :data:`QUANTITIES` that are known and matter to the network -> lowest and highest
        value in training
    clips : bool
        Whether the network sees a noise power outside as the nearest one within
    scale_free : bool
        Whether the network sees nothing of the scale of channels and noise but their ratio
    """

    who: str
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    clips: bool = False
    scale_free: bool = False

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> "TrainedOn":
        """What a card says; anybody may have written it, and older ones say nothing."""
        said = card.get("trained_on")
        found: dict[str, Interval] = {
            name: (float(value[0]), float(value[1]))
            for name, value in (said.items() if isinstance(said, dict) else ())
            if name in QUANTITIES and _is_interval(value)
        }
        conditioned = bool(card["architecture"].get("conditioned"))
        if conditioned:
            # it tells no others apart, however it was trained
            found.setdefault("noise_power", NOISE_RANGE)
        return cls(
            who=repr(str(card.get("name") or card.get("type"))),
            intervals=found,
            clips=conditioned and found["noise_power"] == NOISE_RANGE,
            # such a network has no interval of the gain
            scale_free="snr" in found and "channel_gain" not in found,
        )


def mean_gain(h: Any) -> Any:
    """Mean |h|^2 of every channel [B], for an array h [B, M, U, Nt]."""
    return (abs(h) ** 2).mean((1, 2, 3))


def total_snr(gain: Any, ap_power: Any, noise_power: Any) -> Any:
    """Total power times mean |h|^2 over the mean noise power of every channel: [B], double."""
    # single precision has no numbers for all of them
    total, noise = (x.astype(float) for x in (ap_power.sum(1), noise_power.mean(1)))
    return total * gain / noise


class Departure(NamedTuple):
    """Values outside of what a network was trained on.

    Attributes
    ----------
    quantity : str
        One of :data:`QUANTITIES`
    trained_on : TrainedOn
        What the network was trained on
    values : tuple of float
        Those outside, sorted
    """

    quantity: str
    trained_on: TrainedOn
    values: tuple[float, ...]

    @property
    def argument(self) -> str:
        """What a beamformer is called with that holds the values."""
        return QUANTITIES[self.quantity].argument

    def message(self, others: Sequence[str], at: str = "") -> str:
        """The warning.

        Parameters
        ----------
        others : list of str
            What to use in its place: the network of multipliers, and what needs no training
        at : str
            Follows the values, for instance where they come from
        """
        known, quantity = self.trained_on, QUANTITIES[self.quantity]
        end = ""
        if self.quantity == "noise_power" and known.clips:
            end = "its beams are those for the nearest noise power within; "
        *most, last = others[1:] if known.scale_free else others
        return (
            f"{known.who} is made for {quantity.words} "
            f"{quantity.shown(known.intervals[self.quantity])}, got {quantity.shown(self.values)}"
            f"{at}; {end}beams can be far from the optimum: use {', '.join(most)} or {last}, or "
            "train a network for it with 'cfisac train'"
        )


def departures(trained_on: TrainedOn, seen: Mapping[str, Sequence[float]]) -> Iterator[Departure]:
    """What lies outside of the training.

    Parameters
    ----------
    trained_on : TrainedOn
        What the network was trained on
    seen : dict
        Name of a quantity -> values; what is not known is left out

    Yields
    ------
    Departure
        One for each quantity. The SNR is one only where its parts are within
    """
    odd = {
        name: values
        for name, interval in trained_on.intervals.items()
        if (values := tuple(sorted(_outside(name, interval, seen.get(name, ())))))
    }
    if {"channel_gain", "noise_power"} & set(odd):
        odd.pop("snr", None)
    for name, values in odd.items():
        yield Departure(name, trained_on, values)


def _outside(name: str, interval: Interval, values: Sequence[float]) -> Iterator[float]:
    slack = QUANTITIES[name].slack
    if name == "noise_power" and interval[0] == interval[1]:
        # one value stands for what is near it
        slack = _TWOFOLD
    low, high = interval[0] / slack, interval[1] * slack
    yield from {float(value) for value in values if not low <= value <= high}


def _is_interval(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(
            isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) and x >= 0
            for x in value
        )
        and value[0] <= value[1]
    )
