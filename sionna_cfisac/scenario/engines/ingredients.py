"""Files that a condition's numbers come from: weights of networks, and code beside the scenario."""

from typing import Any

from sionna_cfisac.beamforming.methods import METHODS, NETWORKS
from sionna_cfisac.beamforming.pretrained import find_weights
from sionna_cfisac.beamforming.weights import read_card
from sionna_cfisac.channel.kinds import CHANNELS
from sionna_cfisac.kinds import in_file
from sionna_cfisac.measures import MEASURES
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec


def ingredients(scenario: ScenarioSpec) -> dict[str, str]:
    """Place in the scenario -> SHA-256 of the weights or of the Python file that it names.

    Raises
    ------
    OSError, ValueError
        If there is no such file
    """
    weight = scenario.objective.sensing_weight
    found = {
        ".".join(map(str, path)): read_card(find_weights(network.weights, weight))["sha256"]
        for path, network in scenario.networks()
    }
    code = {"channel": CHANNELS.checksum(type(scenario.channel))}
    for path, method in scenario.methods():
        code[".".join(map(str, path))] = METHODS.checksum(type(method))
    for index, measure in enumerate(scenario.measures):
        code[f"measure.{index}"] = MEASURES.checksum(measure)
    return found | {place: checksum for place, checksum in code.items() if checksum}


def training_code(scenario: ScenarioSpec) -> dict[str, str]:
    """Place in the scenario -> SHA-256 of the Python files that a training comes from."""
    code = {"channel": CHANNELS.checksum(type(scenario.channel))}
    if scenario.training is not None:
        code["training.beamformer"] = NETWORKS.checksum(type(scenario.training.beamformer))
        for index, size in enumerate(scenario.training.sizes or []):
            if size.channel is not None:
                code[f"training.sizes.{index}.channel"] = CHANNELS.checksum(type(size.channel))
    return {place: checksum for place, checksum in code.items() if checksum}


def noted_kinds(scenario: ScenarioSpec) -> dict[str, dict[str, Any]]:
    """What is needed of kinds in files to show their results without running them again."""
    kinds = [type(scenario.channel), *(type(method) for _, method in scenario.methods())]
    entries = [scenario.channel, *(method for _, method in scenario.methods())]
    found: dict[str, dict[str, Any]] = {
        entry.type: {"name": kind.name, "title": kind.title, "look": kind.look}
        for entry, kind in zip(entries, kinds, strict=True)
        if in_file(entry.type)
    }
    channel = scenario.channel
    if in_file(channel.type):
        found[channel.type] |= {
            "placed": channel.placed,
            "default_gain": channel.default_gain,
            "default_noise": channel.default_noise,
        }
    for name, measure in zip(scenario.measure, scenario.measures, strict=True):
        if in_file(name):
            about = {key: getattr(measure, key) for key in ("name", "unit", "title", "of")}
            found[name] = about | {"description": measure.description}
    return found
