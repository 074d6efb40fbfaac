"""Every argument of a channel or beamformer can be given in a scenario file, and arrives."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sionna_cfisac import channel
from sionna_cfisac.beamforming.methods import (
    METHODS,
    NETWORKS,
    DualGNNArchitecture,
    HeteroGNNArchitecture,
    Network,
    Purpose,
)
from sionna_cfisac.channel.kinds import CHANNELS, Placed
from sionna_cfisac.link import CellFreeOFDMLink, UrbanChannel
from sionna_cfisac.scenario.engines.channels import make_channel
from sionna_cfisac.scenario.engines.link import make_link
from sionna_cfisac.scenario.engines.training import make_network
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.schema.json_schema import json_schema
from sionna_cfisac.scenario.schema.link import CSISpec, LinkSpec
from sionna_cfisac.scenario.study import study_of

# set by other sections of the file, or by the runner
ELSEWHERE = {
    "num_aps", "num_users", "num_tx_ant", "num_targets", "total_power", "ap_power", "noise_power",
    "sensing_noise_power", "sensing_gain", "rcs", "seed", "dtype", "name",
}  # fmt: skip
STEPS = {"refine", "polish"}  # of a network, when it is trained and when it is used
NETWORK = {
    "hidden_dim": 6,
    "num_layers": 2,
    "aggregation": "sum",
    "negative_slope": 0.2,
    "sensing_gain_on_edge": False,
    "conditioned": True,
}
TOPOLOGY = {
    "area": [300.0, 200.0],
    "ap_positions": [[0.0, 0.0, 9.0], [200.0, 0.0, 8.0]],
    "ue_positions": [[50.0, 60.0, 1.6]],
    "target_positions": [[30.0, 10.0, 2.0]],
    "ap_height": 12.0,
    "ue_height": 1.7,
    "target_height": 4.0,
    "ap_orientations": [0.1, 0.2],
    "carrier_frequency": 6e9,
    "path_loss": "umi",
    "path_loss_exponent": 2.5,
    "reference_loss_db": 40.0,
    "line_of_sight": False,
    "shadowing_std_db": 3.0,
    "k_factor_db": [[5.0], [6.0]],
}


FLAT = [name for name, kind in CHANNELS.own.items() if kind.flat]
LINK = {"schema_version": 1, "name": "x", "beamformers": ["rzf"], "measure": ["bler"], "link": {}}


def build(**changes: Any) -> Any:
    tree = {"schema_version": 1, "name": "x", "beamformers": ["rzf"], **changes}
    return make_channel(study_of(tree, "test").scenario)


def arguments(target: Any) -> set[str]:
    names = set(inspect.signature(target).parameters)
    if "kwargs" in names:
        names |= set(inspect.signature(channel.ChannelLayer).parameters)
    return names - {"kwargs"}


@pytest.mark.parametrize("kind", FLAT)
def test_every_argument_of_a_channel_has_a_key(kind: str) -> None:
    keys = set(CHANNELS.own[kind].model_fields) - {"type"}
    assert keys == arguments(type(build(channel=kind))) - ELSEWHERE


@pytest.mark.parametrize("kind", ["umi", "uma"])
def test_every_argument_of_a_street_channel_has_a_key_and_its_default(kind: str) -> None:
    keys = set(CHANNELS.own[kind].model_fields) - {"type"}
    own = arguments(UrbanChannel) - {"model", "geometry"}
    assert keys == own | set(Placed.model_fields) - {"type"}
    options = {"speed": 3.0, "indoor_probability": 0.4, "line_of_sight": False, "ap_height": 12.0}
    made = make_link(study_of({**LINK, "channel": {"type": kind, **options}}, "test").scenario)
    assert (made.channel.speed, made.channel.indoor_probability) == (3.0, 0.4)
    assert made.channel.time_varying
    assert made.channel.geometry.get_config()["ap_height"] == 12.0


def test_every_key_of_a_tapped_delay_line_arrives() -> None:
    options = {"model": "C", "delay_spread": 3e-7, "carrier_frequency": 2e9, "speed": 5.0}
    assert set(options) == set(CHANNELS.own["tdl"].model_fields) - {"type"}
    channel = {"type": "tdl", **options}
    made = make_link(study_of({**LINK, "channel": channel}, "test").scenario).channel
    assert made.time_varying
    assert float(made.model.delay_spread) == pytest.approx(3e-7)
    assert made.model.num_clusters == 24
    assert made.num_tx_ant == 8


@pytest.mark.parametrize(
    "kind", [name for name, kind in METHODS.own.items() if not issubclass(kind, Network)]
)
def test_every_argument_of_a_beamformer_has_a_key(kind: str) -> None:
    declared = METHODS.own[kind]
    target = type(declared.model_validate(kind).make(Purpose(1.0)))
    assert declared.option_names() == arguments(target)
    assert target is declared.implementation()
    # and leaving one out means what it means in Python
    usual = {name: p.default for name, p in inspect.signature(target).parameters.items()}
    written = {name: declared.model_fields[name].default for name in usual}
    # which scenarios fill in themselves
    assert {**usual, "sensing_weight": None} == {**written, "sensing_weight": None}


@pytest.mark.parametrize("kind", NETWORKS.own)
def test_every_argument_of_a_network_has_a_key_where_it_is_trained_or_used(kind: str) -> None:
    network = NETWORKS.own[kind].implementation()
    architecture = set(network().architecture())
    # the weights bring the architecture, so what is left for an entry of beamformers is
    used = arguments(network) - architecture - {"dtype", "name"}
    assert set(METHODS.own[kind].model_fields) - {"type", "label", "weights"} == used
    # and for training.beamformer, all but the antennas, which network.num_tx_ant gives
    trained = set(NETWORKS.own[kind].model_fields) - {"type"} - STEPS
    assert trained == architecture - ELSEWHERE == arguments(network) - ELSEWHERE - used
    assert set(NETWORKS.own[kind].model_fields) & STEPS == used & STEPS


def test_the_keys_of_the_network_to_train_arrive() -> None:
    assert set(NETWORK) == set(HeteroGNNArchitecture.model_fields) - {"type"}
    training = {"beamformer": {"type": "hetero_gnn", **NETWORK}, "steps": 10}
    tree = {"schema_version": 1, "name": "x", "beamformers": ["rzf"], "training": training}
    scenario = study_of({**tree, "network": {"num_tx_ant": 3}}, "test").scenario
    assert make_network(scenario).architecture() == {"num_tx_ant": 3, **NETWORK}


def test_the_keys_of_a_network_of_multipliers_arrive() -> None:
    network = {"hidden_dim": 5, "num_layers": 1, "negative_slope": 0.3, "refine": 1, "polish": 3}
    assert set(network) == set(DualGNNArchitecture.model_fields) - {"type"}
    training = {"beamformer": {"type": "dual_gnn", **network}, "steps": 10}
    tree = {"schema_version": 1, "name": "x", "beamformers": ["rzf"], "training": training}
    made = make_network(study_of(tree, "test").scenario)
    assert {key: getattr(made, key) for key in network} == network


@pytest.mark.parametrize("kind", NETWORKS.own)
def test_what_the_network_to_train_leaves_out_is_its_own_default(kind: str) -> None:
    training = {"beamformer": kind, "steps": 10}
    tree = {"schema_version": 1, "name": "x", "beamformers": ["rzf"], "training": training}
    made = make_network(study_of(tree, "test").scenario)
    assert made.architecture() == type(made)().architecture()


def test_the_topology_s_keys_arrive() -> None:
    assert set(TOPOLOGY) == arguments(channel.TopologyChannel) - ELSEWHERE
    layer = build(
        network={"num_aps": 2, "num_users": 1, "num_tx_ant": 4, "ap_power": [0.1, 0.2]},
        channel={"type": "topology", **TOPOLOGY},
        noise_power=1e-12,
        sensing={"gain": "radar", "rcs": 7.0, "noise_power": [2e-12, 3e-12]},
    )
    expected = {
        **TOPOLOGY,
        "sensing_gain": "radar",
        "rcs": 7.0,
        "ap_power": [0.1, 0.2],
        "noise_power": [1e-12],
        "sensing_noise_power": [2e-12, 3e-12],
    }
    config = layer.get_config()
    assert {name: config[name] for name in expected} == expected


def test_the_rayleigh_channel_s_keys_arrive() -> None:
    layer = build(
        channel={"type": "rayleigh", "angle_range": [-np.pi, np.pi]}, sensing={"gain": "unit"}
    )
    assert layer.angle_range == (-np.pi, np.pi)
    assert layer.sensing_gain == "unit"


@pytest.mark.parametrize("kind", FLAT)
def test_what_a_scenario_leaves_out_is_the_channel_s_own_default(kind: str) -> None:
    layer = build(channel=kind)
    config, own = layer.get_config(), type(layer)().get_config()
    for name in set(own) - {"name", "dtype"}:
        assert config[name] == own[name], name


@pytest.mark.parametrize("kind", CHANNELS.own)
def test_run_json_has_the_noise_written_out(kind: str) -> None:
    resolved = study_of({**LINK, "channel": kind}, "test").resolved
    noise = CHANNELS.own[kind].default_noise
    assert resolved["noise_power"] == resolved["sensing"]["noise_power"] == noise


def test_options_left_out_are_the_method_s_own() -> None:
    tree = {"schema_version": 1, "name": "x", "beamformers": ["wmmse", "joint"]}
    for spec in study_of(tree, "test").scenario.beamformers:
        made: Any = spec.make(Purpose(2.0))
        own: Any = type(made)()
        for name in ("max_iterations", "tolerance", "num_starts", "seed"):
            assert getattr(made, name) == getattr(own, name)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"carrier_frequency": 1e8}, "channel.carrier_frequency: expected 0.5e9 to 100e9 Hz"),
        ({"ue_height": 1.0}, "channel.ue_height: expected UE heights of 1.5 to 22.5 m"),
        ({"ue_positions": [[0, 0, 30.0]] * 2}, "channel.ue_positions: expected UE heights"),
        ({"ap_height": 0.5}, "channel.ap_height: expected AP heights above 1 m"),
        (
            {"line_of_sight": "maybe"},
            "channel.line_of_sight: expected one of true, false, random, got",
        ),
    ],
)
def test_what_the_urban_model_refuses_is_wrong_input(
    changes: dict[str, Any], expected: str
) -> None:
    section = {"type": "topology", "path_loss": "umi", **changes}
    with pytest.raises(ScenarioError) as caught:
        study_of(
            {"schema_version": 1, "name": "x", "beamformers": ["rzf"], "channel": section}, "file"
        )
    assert [str(p)[: len(expected) + 6] for p in caught.value.problems] == [f"file: {expected}"]


# the scenario's default and the class's, where they differ; docs/develop.md lists them too
OTHER_DEFAULTS = {"num_subcarriers": (12, 48)}


@pytest.mark.parametrize(
    ("section", "target", "elsewhere"),
    [
        (LinkSpec, CellFreeOFDMLink, {"channel", "beamformer", "csi", "precision"}),
        (CSISpec, channel.ImperfectCSI, {"seed", "dtype", "name"}),
    ],
)
def test_every_argument_of_a_link_has_a_key_and_its_default(
    section: Any, target: Any, elsewhere: set[str]
) -> None:
    usual = {
        name: parameter.default
        for name, parameter in inspect.signature(target).parameters.items()
        if name not in elsewhere
    }
    written = {name: section.model_fields[name].default for name in usual}
    different = {
        name: (written[name], value)
        for name, value in usual.items()
        if written[name] != (list(value) if isinstance(value, tuple) else value)
    }
    assert different == {name: pair for name, pair in OTHER_DEFAULTS.items() if name in usual}


def _unbounded(node: Any, path: str = "") -> Iterator[str]:
    """Where a JSON Schema has a number without a lowest and highest value, or an endless list."""
    if isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _unbounded(inner, f"{path}/{index}")
    if not isinstance(node, dict):
        return
    if node.get("type") in ("number", "integer") and not {"const", "enum"} & set(node):
        low = {"minimum", "exclusiveMinimum"} & set(node)
        high = {"maximum", "exclusiveMaximum"} & set(node)
        if not low or not high:
            yield path
    if node.get("type") == "array" and "maxItems" not in node:
        yield path
    for key, inner in node.items():
        yield from _unbounded(inner, f"{path}/{key}")


def test_every_number_has_a_range() -> None:
    assert list(_unbounded(json_schema())) == []
