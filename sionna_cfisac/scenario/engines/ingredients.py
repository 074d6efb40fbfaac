"""Files that a condition's numbers come from: weights of networks, and code beside the scenario."""

import hashlib

from sionna_cfisac.beamforming.methods import METHODS
from sionna_cfisac.beamforming.pretrained import find_weights
from sionna_cfisac.beamforming.weights import read_card
from sionna_cfisac.channel.kinds import CHANNELS
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
    code = {"channel": CHANNELS.source(type(scenario.channel))}
    for path, method in scenario.methods():
        code[".".join(map(str, path))] = METHODS.source(type(method))
    for index, measure in enumerate(scenario.measures):
        code[f"measure.{index}"] = MEASURES.source(measure)
    for place, file in code.items():
        if file is not None:
            found[place] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found
