"""Weights of trained networks that are not there or do not fit the scenario."""

from collections.abc import Collection, Iterator
from pathlib import Path

from sionna_cfisac.beamforming.methods import Network
from sionna_cfisac.beamforming.pretrained import find_weights, is_family
from sionna_cfisac.beamforming.weights import SENSING_WEIGHT_RANGE, WEIGHTS_SUFFIX
from sionna_cfisac.kinds import Conflict, KeyPath
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec

_WEIGHT: KeyPath = ("objective", "sensing_weight")
_ANTENNAS: KeyPath = ("network", "num_tx_ant")


def weights_conflicts(
    scenario: ScenarioSpec, swept: Collection[KeyPath] = ()
) -> Iterator[Conflict]:
    """Everything that is wrong with the weights that a scenario names.

    Parameters
    ----------
    scenario : ScenarioSpec
        A scenario, or a condition of its sweep
    swept : collection of KeyPath
        Values that the conditions replace; what depends on them is left to the conditions
    """
    for path, network in scenario.networks():
        for conflict in _network(scenario, network, path):
            causes = (conflict.path, *conflict.inputs)
            if not any(cause[: len(key)] == key for cause in causes for key in swept):
                yield conflict


def _network(scenario: ScenarioSpec, spec: Network, path: KeyPath) -> Iterator[Conflict]:
    weight, at = scenario.objective.sensing_weight, (*path, "weights")
    picked_by = (_WEIGHT,) if is_family(spec.weights) else ()
    try:
        file = find_weights(spec.weights, weight)
    except ValueError as error:
        # what the scenario itself trains is not there before
        if scenario.training is None or _name(Path(spec.weights)) != scenario.name:
            yield Conflict(at, str(error), picked_by)
        return
    try:
        card = spec.to_train.checked_card(file)
    except (OSError, ValueError) as error:
        yield Conflict(at, str(error), picked_by)
        return
    what = f"'{_name(file)}'" + (f" (for objective.sensing_weight {weight:g})" if picked_by else "")
    if spec.to_train.antennas != "fixed":
        return
    antennas = card["architecture"]["num_tx_ant"]
    if antennas != scenario.network.num_tx_ant:
        yield Conflict(
            at,
            f"{what} is for {antennas} antennas per AP, got network.num_tx_ant "
            f"{scenario.network.num_tx_ant}",
            (_ANTENNAS, *picked_by),
        )
    conditioned = bool(card["architecture"].get("conditioned"))
    told = weight if spec.sensing_weight is None else spec.sensing_weight
    low, high = SENSING_WEIGHT_RANGE
    if spec.sensing_weight is not None and not conditioned:
        yield Conflict(
            (*path, "sensing_weight"),
            f"{what} cannot be told a sensing weight, its beams are for the one that it was "
            "trained with; remove this key or use conditioned weights",
            (at, *picked_by),
        )
    elif conditioned and not low <= told <= high:
        got = "objective.sensing_weight " if spec.sensing_weight is None else ""
        yield Conflict(
            at if spec.sensing_weight is None else (*path, "sensing_weight"),
            f"{what} is made for sensing weights from {low:g} to {high:g}, got {got}{told:g}",
            (_WEIGHT,) if spec.sensing_weight is None else (at, *picked_by),
        )


def _name(file: Path) -> str:
    return file.name.removesuffix(WEIGHTS_SUFFIX)
