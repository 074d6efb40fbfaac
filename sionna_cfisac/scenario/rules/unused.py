"""Sections of a scenario that nothing uses."""

import inspect
from collections.abc import Iterator, Sequence

from sionna_cfisac.kinds import Conflict
from sionna_cfisac.measures import DETECTION, UPPER_BOUND, Measure
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec


def unused_sections(scenarios: Sequence[ScenarioSpec]) -> Iterator[Conflict]:
    """One conflict for each section that has no effect in any condition.

    Parameters
    ----------
    scenarios : list of ScenarioSpec
        The conditions of a sweep, all with the same measures
    """
    first = scenarios[0]
    if not first.beamformers:
        # only trained; nothing is measured
        return
    measured = f"got measure [{', '.join(first.measure)}]"
    reason = "nothing uses this section: it is for"
    given = {name for scenario in scenarios for name in scenario.model_fields_set}
    if any(s.detection is not None for s in scenarios) and not any(map(_detects, first.measures)):
        yield Conflict(
            ("detection",),
            f"{reason} measures that start with {DETECTION}, {measured}",
        )
    if UPPER_BOUND in given and UPPER_BOUND not in first.measure:
        yield Conflict(
            (UPPER_BOUND,),
            f"{reason} the measure {UPPER_BOUND}, {measured}",
        )


def _detects(measure: Measure) -> bool:
    """Whether a measure may look at the section ``detection``."""
    if measure.of == "echoes":
        return True
    if callable(measure.home):
        return "detection" in inspect.signature(measure.home).parameters
    # a function of another package is not loaded to know that
    return measure.home is not None and not str(measure.home).startswith("sionna_cfisac.")
