"""What is odd about a scenario that can be run nevertheless: warnings."""

from collections.abc import Iterator, Sequence

from sionna_cfisac.kinds import Conflict
from sionna_cfisac.scenario.rules.outside_training import outside_training
from sionna_cfisac.scenario.rules.unused import unused_sections
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec


def notices(scenarios: Sequence[ScenarioSpec]) -> Iterator[Conflict]:
    """Everything to be warned of.

    Parameters
    ----------
    scenarios : list of ScenarioSpec
        The conditions of a sweep; without one, the scenario
    """
    yield from unused_sections(scenarios)
    yield from outside_training(scenarios)
