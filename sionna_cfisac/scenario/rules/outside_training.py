"""Trained networks outside of what they were trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from sionna_cfisac.beamforming.pretrained import find_weights
from sionna_cfisac.beamforming.trained_on import Departure, TrainedOn, departures
from sionna_cfisac.beamforming.weights import WEIGHTS_SUFFIX, read_card
from sionna_cfisac.kinds import Conflict, KeyPath
from sionna_cfisac.scenario.schema.network import NetworkSpec
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.schema.seen import seen_by
from sionna_cfisac.wording import dotted_names, span

_IN_ITS_PLACE = ("dual_gnn", "joint", "wmmse")


def outside_training(scenarios: Sequence[ScenarioSpec]) -> Iterator[Conflict]:
    """One conflict for each network and kind of departure, over all conditions.

    Parameters
    ----------
    scenarios : list of ScenarioSpec
        The conditions of a sweep
    """
    read = lru_cache(maxsize=None)(_trained_on)
    found: dict[tuple[object, ...], tuple[KeyPath, list[Departure], list[ScenarioSpec]]] = {}
    for scenario in scenarios:
        # the same weights in several methods are one network
        told: set[tuple[object, ...]] = set()
        for path, network in scenario.networks():
            known = read(network.weights, scenario.objective.sensing_weight)
            seen = seen_by(network, scenario, known.intervals.get("channel_gain"))
            for departure in departures(known, seen):
                key = (known.who, departure.quantity, known.intervals[departure.quantity])
                if key not in told:
                    told.add(key)
                    _, those, conditions = found.setdefault(key, (path, [], []))
                    those.append(departure)
                    conditions.append(scenario)
    for path, those, conditions in found.values():
        values = sorted({value for departure in those for value in departure.values})
        whole = those[0]._replace(values=tuple(values))
        message = whole.message(_IN_ITS_PLACE, _origin(whole.quantity, conditions))
        yield Conflict(
            (*path, "weights"), dotted_names(message, "network", NetworkSpec.model_fields)
        )


def _trained_on(name: str, sensing_weight: float) -> TrainedOn:
    """What the weights that a scenario names were trained on; named as it does."""
    try:
        known = TrainedOn.of_card(read_card(find_weights(name, sensing_weight)))
    except (OSError, ValueError):
        # what the scenario itself trains is not there yet
        known = TrainedOn(name)
    return replace(known, who=repr(Path(name).name.removesuffix(WEIGHTS_SUFFIX)))


def _origin(quantity: str, conditions: Sequence[ScenarioSpec]) -> str:
    """Where values come from that the scenario does not say itself."""
    if quantity == "channel_gain":
        bounded = any(ends[0] < ends[1] for c in conditions if (ends := c.channel.gain()))
        kinds = ", ".join(dict.fromkeys(c.channel.type for c in conditions))
        return f"{' or less' if bounded else ''} on channel {kinds}"
    ratios = [c.link.snr_db for c in conditions if c.link is not None and c.link.snr_db is not None]
    if quantity in ("noise_power", "snr") and ratios:
        return f" (link.snr_db {span(ratios)})"
    return ""
