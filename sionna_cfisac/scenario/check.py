"""Checking the values of a scenario, all errors at once."""

import copy
from collections.abc import Callable, Collection, Iterator
from typing import Any

from pydantic import ValidationError

from sionna_cfisac.scenario.conflict import Conflict
from sionna_cfisac.scenario.consistency import conflicts
from sionna_cfisac.scenario.document import Path
from sionna_cfisac.scenario.findings import findings
from sionna_cfisac.scenario.schema import ScenarioSpec
from sionna_cfisac.scenario.training_consistency import training_conflicts
from sionna_cfisac.scenario.weights_consistency import weights_conflicts

Finding = tuple[Path, str]


def check_values(
    tree: dict[str, Any],
    *,
    swept: Collection[Path] = (),
    weights: bool = True,
    training: bool = True,
) -> tuple[ScenarioSpec | None, list[Finding]]:
    """Validate the values of a scenario and how they fit together.

    Parameters
    ----------
    tree : dict
        Plain values of a scenario file
    swept : collection of Path
        Values that no condition keeps; the weights that depend on them are not checked
    weights : bool
        Whether the weights of trained networks must be there and fit
    training : bool
        Whether the section ``training`` must fit; it is that of the scenario, not of a condition

    Returns
    -------
    scenario : ScenarioSpec or None
        None if anything is wrong
    findings : list of (Path, str)
        What is wrong where
    """

    def every_conflict(scenario: ScenarioSpec) -> Iterator[Conflict]:
        yield from conflicts(scenario)
        if training:
            yield from training_conflicts(scenario, weights)
        if weights:
            yield from weights_conflicts(scenario, swept)

    try:
        scenario = ScenarioSpec.model_validate(tree)
    except ValidationError as error:
        found = list(findings(error, tree))
        return None, found + _beyond(tree, [path for path, _ in found], every_conflict)
    found = [(c.path, c.message) for c in every_conflict(scenario)]
    return (None if found else scenario), found


def _beyond(
    tree: dict[str, Any],
    wrong: list[Path],
    every_conflict: Callable[[ScenarioSpec], Iterator[Conflict]],
) -> list[Finding]:
    """Conflicts among the values that are right, so that one run reports everything."""
    pruned = copy.deepcopy(tree)
    # from the back, so that the indices of list entries stay those of the file
    for path in sorted(set(wrong), key=lambda p: [str(step).rjust(9) for step in p], reverse=True):
        _remove(pruned, path)
    pruned.setdefault("schema_version", 1)
    pruned.setdefault("name", "unnamed")
    try:
        scenario = ScenarioSpec.model_validate(pruned)
    except ValidationError:
        return []
    return [
        (c.path, c.message)
        for c in every_conflict(scenario)
        if not any(_related(path, bad) for path in (c.path, *c.inputs) for bad in wrong)
    ]


def _related(path: Path, bad: Path) -> bool:
    """Whether one lies within the other, or both within a list whose indices have shifted."""
    shared = min(len(path), len(bad))
    if path[:shared] == bad[:shared]:
        return True
    same_list = len(path) > 1 and len(bad) > 1 and path[0] == bad[0]
    return same_list and isinstance(bad[1], int)


def _remove(tree: Any, path: Path) -> None:
    for step in path[:-1]:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return
    if path and isinstance(tree, dict):
        tree.pop(path[-1], None)
    elif path and isinstance(tree, list) and isinstance(path[-1], int) and path[-1] < len(tree):
        del tree[path[-1]]
