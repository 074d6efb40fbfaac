"""Checking the values of a scenario, all errors at once."""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sionna_cfisac.kinds import Conflict, KeyPath
from sionna_cfisac.scenario.rules.scenario import conflicts
from sionna_cfisac.scenario.rules.training import training_conflicts
from sionna_cfisac.scenario.rules.weights import weights_conflicts
from sionna_cfisac.scenario.rules.wording import findings
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec

Finding = tuple[KeyPath, str]


def check_values(
    tree: dict[str, Any],
    *,
    folder: Path | None = None,
    swept: Collection[KeyPath] = (),
    weights: bool = True,
    training: bool = True,
    known: Mapping[str, Any] | None = None,
) -> tuple[ScenarioSpec | None, list[Finding]]:
    """Validate the values of a scenario and how they fit together.

    Parameters
    ----------
    tree : dict
        Plain values of a scenario file
    folder : Path or None
        What Python files that it names are relative to
    swept : collection of KeyPath
        Values that no condition keeps; the weights that depend on them are not checked
    weights : bool
        Whether the weights of trained networks, and the code of kinds that are not the package's
        own, must be there and fit
    known : mapping or None
        What was noted of kinds in files, whose code is not run without ``weights``
    training : bool
        Whether the section ``training`` must fit; it is that of the scenario, not of a condition

    Returns
    -------
    scenario : ScenarioSpec or None
        None if anything is wrong
    findings : list of (KeyPath, str)
        What is wrong where
    """

    def every_conflict(scenario: ScenarioSpec) -> Iterator[Conflict]:
        yield from conflicts(scenario)
        if training:
            yield from training_conflicts(scenario, weights)
        if weights:
            yield from weights_conflicts(scenario, swept)

    def validate(values: dict[str, Any]) -> ScenarioSpec:
        context = {"folder": folder, "lenient": not weights, "known": known or {}}
        return ScenarioSpec.model_validate(values, context=context)

    try:
        scenario = validate(tree)
    except ValidationError as error:
        found = list(findings(error, tree))
        wrong = [path for path, _ in found]
        return None, found + _beyond(tree, wrong, validate, every_conflict)
    found = [(c.path, c.message) for c in every_conflict(scenario)]
    return (None if found else scenario), found


def _beyond(
    tree: dict[str, Any],
    wrong: list[KeyPath],
    validate: Callable[[dict[str, Any]], ScenarioSpec],
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
        scenario = validate(pruned)
    except ValidationError:
        return []
    return [
        (c.path, c.message)
        for c in every_conflict(scenario)
        if not any(_related(path, bad) for path in (c.path, *c.inputs) for bad in wrong)
    ]


def _related(path: KeyPath, bad: KeyPath) -> bool:
    """Whether one lies within the other, or both within a list whose indices have shifted."""
    shared = min(len(path), len(bad))
    if path[:shared] == bad[:shared]:
        return True
    same_list = len(path) > 1 and len(bad) > 1 and path[0] == bad[0]
    return same_list and isinstance(bad[1], int)


def _remove(tree: Any, path: KeyPath) -> None:
    for step in path[:-1]:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return
    if path and isinstance(tree, dict):
        tree.pop(path[-1], None)
    elif path and isinstance(tree, list) and isinstance(path[-1], int) and path[-1] < len(tree):
        del tree[path[-1]]
