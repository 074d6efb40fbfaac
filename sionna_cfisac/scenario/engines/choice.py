"""Which engine a scenario takes."""

from typing import Any

from sionna_cfisac.scenario.engines.base import ConditionEngine
from sionna_cfisac.scenario.engines.flat import FlatEngine
from sionna_cfisac.scenario.engines.link import LinkEngine
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec


def engine_of(scenario: ScenarioSpec) -> ConditionEngine:
    """The engine that runs a condition."""
    return _engine(scenario.link)(scenario)


def engine_for(tree: dict[str, Any]) -> type[ConditionEngine]:
    """Class of the engine for a scenario, or for the values of its file."""
    return _engine(tree.get("link"))


def _engine(link: Any) -> type[ConditionEngine]:
    return FlatEngine if link is None else LinkEngine
