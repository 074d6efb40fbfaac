"""What no single key shows: values of a scenario that do not fit each other."""

from collections.abc import Iterator
from typing import Any

from sionna_cfisac.radio import URBAN_UE_HEIGHTS, urban_conflicts
from sionna_cfisac.scenario.beamformer_specs import (
    BEAMFORMERS,
    ClosedFormDualSpec,
    DualGNNSpec,
    JointSpec,
    PluginSpec,
    label_of,
)
from sionna_cfisac.scenario.channel_specs import PlacedSpec, TopologySpec, UrbanSpec
from sionna_cfisac.scenario.conflict import Conflict
from sionna_cfisac.scenario.document import Path
from sionna_cfisac.scenario.errors import show, suggestion
from sionna_cfisac.scenario.link_consistency import link_conflicts
from sionna_cfisac.scenario.measures import UPPER_BOUND
from sionna_cfisac.scenario.plugins import argument_errors, load_plugin
from sionna_cfisac.scenario.schema import ScenarioSpec, sensing_gain

ONE_TARGET = (JointSpec, DualGNNSpec, ClosedFormDualSpec)
"""Methods whose objective has one target."""


def conflicts(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """Everything in a valid scenario that does not fit together."""
    yield from _powers(scenario)
    yield from channel_conflicts(scenario)
    yield from _methods(scenario)
    yield from _measures(scenario)
    yield from link_conflicts(scenario)


def channel_conflicts(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """What does not fit together in the network, its channel and the radar side."""
    yield from _lengths(scenario)
    yield from _urban(scenario)
    yield from _sensing(scenario)


def _powers(scenario: ScenarioSpec) -> Iterator[Conflict]:
    network = scenario.network
    if network.ap_power is not None and "total_power" in network.model_fields_set:
        yield Conflict(
            ("network", "ap_power"),
            "expected either total_power or ap_power, got both",
            (("network", "total_power"),),
        )


def _lengths(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """Lists that do not have as many entries as the network has parts."""
    network, channel = scenario.network, scenario.channel
    lists: list[tuple[Path, Any, str]] = [
        (("network", "ap_power"), network.ap_power, "num_aps"),
        (("noise_power",), scenario.noise_power, "num_users"),
        (("sensing", "noise_power"), scenario.sensing.noise_power, "num_aps"),
    ]
    if isinstance(channel, PlacedSpec):
        lists += [
            (("channel", "ap_positions"), channel.ap_positions, "num_aps"),
            (("channel", "ap_orientations"), channel.ap_orientations, "num_aps"),
            (("channel", "ue_positions"), channel.ue_positions, "num_users"),
            (("channel", "target_positions"), channel.target_positions, "num_targets"),
        ]
    if isinstance(channel, TopologySpec):
        lists.append((("channel", "k_factor_db"), channel.k_factor_db, "num_aps"))
        if isinstance(channel.k_factor_db, list):
            lists += [
                (("channel", "k_factor_db", index), row, "num_users")
                for index, row in enumerate(channel.k_factor_db)
            ]
    for path, value, size in lists:
        expected = getattr(network, size)
        if isinstance(value, list) and len(value) != expected:
            yield Conflict(
                path,
                f"expected {expected} entries (network.{size}), got {len(value)}",
                (("network", size),),
            )


def _urban(scenario: ScenarioSpec) -> Iterator[Conflict]:
    channel = scenario.channel
    model: str
    where_from: Path
    if isinstance(channel, UrbanSpec):
        model, where_from = channel.type, ("channel",)
    elif isinstance(channel, TopologySpec) and channel.path_loss in URBAN_UE_HEIGHTS:
        model, where_from = channel.path_loss, ("channel", "path_loss")
    else:
        return
    heights, keys = {}, {"carrier_frequency": "carrier_frequency"}
    for kind in ("ap", "ue"):
        positions = getattr(channel, f"{kind}_positions") or []
        given = getattr(channel, f"{kind}_height")
        # a height counts only where a position comes without one; defaults are good
        flat = given is not None and (not positions or any(len(p) == 2 for p in positions))
        heights[kind] = [p[2] for p in positions if len(p) == 3] + [given] * flat
        keys[kind] = f"{kind}_height" if flat else f"{kind}_positions"
    for where, message in urban_conflicts(
        model, channel.carrier_frequency, heights["ap"], heights["ue"]
    ):
        yield Conflict(("channel", keys[where]), message, (where_from,))


def _sensing(scenario: ScenarioSpec) -> Iterator[Conflict]:
    gain = sensing_gain(scenario)
    if gain == "radar" and not isinstance(scenario.channel, PlacedSpec):
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
    labels: dict[str, int] = {}
    for index, spec in enumerate(scenario.beamformers):
        path: Path = ("beamformers", index)
        label = label_of(spec)
        if label == UPPER_BOUND:
            yield Conflict((*path, "label"), f"'{UPPER_BOUND}' is the name of the bound's own rows")
        first = labels.setdefault(label, index)
        if first != index:
            yield Conflict(
                path,
                f"a method named '{label}' is already there (beamformers.{first}); "
                "tell them apart with a label, e.g. "
                f"{{type: {spec.type}, …, label: {label}_2}}",
                (("beamformers", first),),
            )
        yield from _method(scenario, spec, path)


def _method(scenario: ScenarioSpec, spec: Any, path: Path) -> Iterator[Conflict]:
    network = scenario.network
    if isinstance(spec, ONE_TARGET) and network.num_targets > 1:
        weight = spec.sensing_weight
        # without a weight on sensing the targets do not matter
        if (scenario.objective.sensing_weight if weight is None else weight) > 0:
            yield Conflict(
                path,
                f"{spec.type} handles one target, got network.num_targets {network.num_targets}",
                (("network", "num_targets"), ("objective",)),
            )
    if spec.type == "nullspace_sensing":
        if network.num_tx_ant <= network.num_users:
            yield Conflict(
                path,
                "nullspace_sensing needs more antennas per AP than UEs, got network.num_tx_ant "
                f"{network.num_tx_ant} and network.num_users {network.num_users}",
                (("network", "num_tx_ant"), ("network", "num_users")),
            )
        inner = spec.communication
        if inner is not None:
            if inner.label is not None:
                yield Conflict(
                    (*path, "communication", "label"), "a label has no effect in here; remove it"
                )
            yield from _method(scenario, inner, (*path, "communication"))
    if isinstance(spec, PluginSpec) and spec.type not in BEAMFORMERS:
        yield from _plugin(spec, path)


def _plugin(spec: PluginSpec, path: Path) -> Iterator[Conflict]:
    try:
        target = load_plugin(spec.type)
    except ValueError as error:
        yield Conflict((*path, "type"), str(error))
        return
    for option, message in argument_errors(target, spec.arguments):
        yield Conflict((*path, option) if option else path, f"{spec.type}: {message}")


def _measures(scenario: ScenarioSpec) -> Iterator[Conflict]:
    for key in ("measure", "figures"):
        names = getattr(scenario, key) or []
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Conflict((key, index), f"'{name}' is already in the list")
    targets = scenario.network.num_targets
    weighted = scenario.objective.sensing_weight > 0
    if UPPER_BOUND in scenario.measure and targets > 1 and weighted:
        yield Conflict(
            ("measure", scenario.measure.index("upper_bound")),
            f"upper_bound handles one target, got network.num_targets {targets}",
            (("network", "num_targets"), ("objective",)),
        )
    if scenario.reference is not None:
        labels = [label_of(spec) for spec in scenario.beamformers]
        if UPPER_BOUND in scenario.measure:
            labels.append(UPPER_BOUND)
        if scenario.reference not in labels:
            yield Conflict(
                ("reference",),
                f"expected one of the methods, got {show(scenario.reference)}"
                f"{suggestion(scenario.reference, labels)}",
                (("beamformers",), ("measure",)),
            )
