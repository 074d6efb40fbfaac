"""What no single section shows: values of a scenario that do not fit each other."""

from collections.abc import Iterator
from typing import Any

from sionna_cfisac.kinds import Conflict, KeyPath
from sionna_cfisac.measures import UPPER_BOUND, Measure
from sionna_cfisac.scenario.rules.link import link_conflicts
from sionna_cfisac.scenario.schema.network import NetworkSpec
from sionna_cfisac.scenario.schema.resolved import noise_power, sensing_gain, sensing_noise_power
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.wording import dotted_names, show, suggestion

# single precision ends at 3e38; what antennas, targets and streams add up to must fit in between
_MOST_IN_SINGLE = 1e30


def conflicts(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """Everything in a valid scenario that does not fit together."""
    yield from _powers(scenario)
    yield from _precision(scenario)
    yield from channel_conflicts(scenario)
    yield from _methods(scenario)
    yield from _measures(scenario)
    yield from _reference(scenario)
    yield from link_conflicts(scenario)


def channel_conflicts(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """What does not fit together in the network, its channel and the radar side."""
    yield from _lengths(scenario)
    for conflict in scenario.channel.conflicts():
        yield _within(conflict, ("channel",))
    yield from _sensing(scenario)


def _within(conflict: Conflict, path: KeyPath) -> Conflict:
    """A conflict of a kind as one of the scenario, whose own options it may depend on, too."""
    inputs = tuple(
        key if key and key[0] in ScenarioSpec.model_fields else (*path, *key)
        for key in conflict.inputs
    )
    message = dotted_names(conflict.message, "network", NetworkSpec.model_fields)
    return Conflict((*path, *conflict.path), message, inputs)


def _powers(scenario: ScenarioSpec) -> Iterator[Conflict]:
    network = scenario.network
    if network.ap_power is not None and "total_power" in network.model_fields_set:
        yield Conflict(
            ("network", "ap_power"),
            "expected either total_power or ap_power, got both",
            (("network", "total_power"),),
        )


def _precision(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """Powers so far above the noise that single precision has no number for their ratio."""
    if scenario.precision != "single":
        return
    network, radar = scenario.network, scenario.sensing
    power = network.total_power if network.ap_power is None else _largest(network.ap_power)
    for path, noise, gain in (
        (("noise_power",), noise_power(scenario), 1.0),
        (("sensing", "noise_power"), sensing_noise_power(scenario), radar.rcs or 1.0),
    ):
        smallest = min(noise) if isinstance(noise, list) else noise
        ratio = power * max(gain, 1.0) / smallest
        if ratio > _MOST_IN_SINGLE:
            yield Conflict(
                path,
                f"expected powers up to {_MOST_IN_SINGLE:g} times the noise in single precision, "
                f"got {ratio:.3g}; precision: double has room for them",
                (("precision",), ("network",), ("sensing",)),
            )


def _largest(values: float | list[float]) -> float:
    return max(values) if isinstance(values, list) else values


def _lengths(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """Lists that do not have as many entries as the network has parts."""
    network = scenario.network
    lists: list[tuple[KeyPath, Any, str]] = [
        (("network", "ap_power"), network.ap_power, "num_aps"),
        (("noise_power",), scenario.noise_power, "num_users"),
        (("sensing", "noise_power"), scenario.sensing.noise_power, "num_aps"),
        *((("channel", *path), value, size) for path, value, size in scenario.channel.lists()),
    ]
    for path, value, size in lists:
        expected = getattr(network, size)
        if isinstance(value, list) and len(value) != expected:
            yield Conflict(
                path,
                f"expected {expected} entries (network.{size}), got {len(value)}",
                (("network", size),),
            )


def _sensing(scenario: ScenarioSpec) -> Iterator[Conflict]:
    gain = sensing_gain(scenario)
    if gain == "radar" and not scenario.channel.placed:
        yield Conflict(
            ("sensing", "gain"),
            "radar needs positions: expected exponential or unit on channel "
            f"{scenario.channel.type}",
            (("channel",),),
        )
    if scenario.sensing.rcs is not None and gain != "radar":
        yield Conflict(
            ("sensing", "rcs"),
            f"has an effect only with gain radar, got gain {gain}",
            (("sensing", "gain"), ("channel",)),
        )


def _methods(scenario: ScenarioSpec) -> Iterator[Conflict]:
    if not scenario.beamformers and scenario.training is None:
        yield Conflict(("beamformers",), "this key is required")
    labels: dict[str, int] = {}
    for index, method in enumerate(scenario.beamformers):
        path: KeyPath = ("beamformers", index)
        label = method.shown_name
        if label == UPPER_BOUND:
            yield Conflict((*path, "label"), f"'{UPPER_BOUND}' is the name of the bound's own rows")
        first = labels.setdefault(label, index)
        if first != index:
            yield Conflict(
                path,
                f"a method named '{label}' is already there (beamformers.{first}); "
                "tell them apart with a label, e.g. "
                f"{{type: {method.type}, …, label: {label}_2}}",
                (("beamformers", first),),
            )
        weight = scenario.objective.sensing_weight
        for conflict in method.conflicts(scenario.network, weight):
            yield _within(conflict, path)


def _measures(scenario: ScenarioSpec) -> Iterator[Conflict]:
    measured = [measure.name for measure in scenario.measures]
    for key, names in (("measure", measured), ("figures", scenario.figures or [])):
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Conflict((key, index), f"'{name}' is already in the list")
    for index, measure in enumerate(scenario.measures):
        yield from _measure(scenario, measure, ("measure", index))


def _measure(scenario: ScenarioSpec, measure: Measure, path: KeyPath) -> Iterator[Conflict]:
    targets = scenario.network.num_targets
    if measure.of == "link" and scenario.link is None:
        yield Conflict(path, f"{measure.name} needs the section 'link'", (("link",),))
    if measure.of == "bound" and scenario.link is not None:
        yield Conflict(
            path, f"{measure.name} cannot be measured together with a link", (("link",),)
        )
    if measure.of == "echoes" and scenario.detection is None:
        yield Conflict(path, f"{measure.name} needs the section 'detection'", (("detection",),))
    elif measure.targets == "one" and targets > 1:
        inputs: tuple[KeyPath, ...] = (("network", "num_targets"),)
        if measure.of == "bound":
            if scenario.objective.sensing_weight == 0:
                # without a weight on sensing the targets do not matter
                return
            inputs = (*inputs, ("objective",))
        yield Conflict(
            path, f"{measure.name} handles one target, got network.num_targets {targets}", inputs
        )


def _reference(scenario: ScenarioSpec) -> Iterator[Conflict]:
    if scenario.reference is None:
        return
    labels = [method.shown_name for method in scenario.beamformers]
    if UPPER_BOUND in scenario.measure:
        labels.append(UPPER_BOUND)
    if scenario.reference not in labels:
        yield Conflict(
            ("reference",),
            f"expected one of the methods, got {show(scenario.reference)}"
            f"{suggestion(scenario.reference, labels)}",
            (("beamformers",), ("measure",)),
        )
