"""The conditions of a scenario: the grid that its sweep spans."""

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sionna_cfisac.scenario.check import check_values
from sionna_cfisac.scenario.document import Document, Path, dotted
from sionna_cfisac.scenario.errors import Problem, ScenarioError, show
from sionna_cfisac.scenario.schema import ScenarioSpec

NOT_SWEPT = (
    "schema_version", "name", "description", "beamformers", "measure", "reference", "sweep",
    "figures", "fast", "training",
)  # fmt: skip
"""Keys that say what is compared and shown, not what a condition is."""

MAX_CONDITIONS = 10_000


@dataclass(frozen=True)
class Condition:
    """One point of the grid.

    Attributes
    ----------
    index : int
        Position in the grid, the last key of the sweep running fastest
    columns : dict
        Swept dotted key -> its value here
    scenario : ScenarioSpec
        The scenario with these values
    """

    index: int
    columns: dict[str, Any]
    scenario: ScenarioSpec

    def __str__(self) -> str:
        return ", ".join(f"{key} = {text(value)}" for key, value in self.columns.items())


def text(value: Any) -> str:
    """A swept value as it stands in ``results.csv``: numbers and names bare, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def conditions(
    document: Document, *, weights: bool = True
) -> tuple[list[Condition], list[Problem]]:
    """Expand and validate the sweep.

    Parameters
    ----------
    document : Document
        A scenario file, or what is left of it
    weights : bool
        Whether the weights of trained networks must be there and fit

    Returns
    -------
    conditions : list of Condition
        Those that are valid; one without columns where nothing is swept
    problems : list of Problem
        What is wrong with the sweep, each at the line of the entry or value
    """
    sweep = document.tree.get("sweep", {})
    if not isinstance(sweep, dict):
        return [], []  # the schema says so
    problems = [p for key, values in sweep.items() for p in _entry(document, key, values, sweep)]
    good = {
        key: values
        for key, values in sweep.items()
        if isinstance(values, list)
        and values
        and not any(p.key == f"sweep.{key}" for p in problems)
    }
    size = math.prod(len(values) for values in good.values())
    if size > MAX_CONDITIONS:
        message = f"expected at most {MAX_CONDITIONS} conditions, got {size}"
        return [], [*problems, document.problem(("sweep",), message)]
    own = check_values(document.tree, swept=swept_paths(document), weights=weights)[1]
    before = set(own)
    found: list[Condition] = []
    for index, positions in enumerate(itertools.product(*(range(len(v)) for v in good.values()))):
        chosen = dict(zip(good, positions, strict=True))
        columns = {key: good[key][position] for key, position in chosen.items()}
        candidate = document.copy()
        swept: dict[Path, str] = {}
        try:
            for key, value in columns.items():
                swept[candidate.set(key, value, document.where(("sweep", key)))] = key
        except ScenarioError as error:
            problems += [Problem(p.where, f"sweep.{p.key}", p.message) for p in error.problems]
            continue
        scenario, findings = check_values(candidate.tree, weights=weights, training=False)
        for path, message in findings:
            if (path, message) not in before:
                problems.append(_blame(document, path, message, chosen, swept))
        if scenario is not None:
            found.append(Condition(index, columns, scenario))
    return found, list(dict.fromkeys(problems))


def swept_paths(document: Document) -> list[Path]:
    """Where the values stand that the sweep replaces."""
    sweep = document.tree.get("sweep")
    keys = sweep if isinstance(sweep, dict) else {}
    return [
        tuple(int(step) if step.isdecimal() else step for step in key.split(".")) for key in keys
    ]


def _entry(document: Document, key: str, values: Any, sweep: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with one key of the sweep, whatever its values mean."""
    path: Path = ("sweep", key)
    top = key.split(".")[0]
    if top in NOT_SWEPT and (top != "beamformers" or key.count(".") < 2 or key.endswith(".label")):
        yield document.problem(path, "this key cannot be swept")
    for other in sweep:
        if key.startswith(f"{other}."):
            yield document.problem(path, f"overlaps with sweep.{other}")
    if not isinstance(values, list):
        return  # the schema says so
    for index, value in enumerate(values):
        same = [i for i in range(index) if _same(values[i], value)]
        if same:
            message = f"{show(value)} is already in the list, at index {same[0]}"
            yield document.problem((*path, index), message)


def _same(x: Any, y: Any) -> bool:
    return x == y and isinstance(x, bool) == isinstance(y, bool)


def _blame(
    document: Document, path: Path, message: str, chosen: dict[str, int], swept: dict[Path, str]
) -> Problem:
    """Report an error of a condition where its cause stands in the sweep."""
    for prefix, key in swept.items():
        if message.startswith("unknown key") and path == prefix[: len(path)]:
            return document.problem(("sweep", key), message)
        if path[: len(prefix)] == prefix:
            rest = path[len(prefix) :]
            inside = f"{dotted(rest)}: " if rest else ""
            return document.problem(("sweep", key, chosen[key]), inside + message)
    # a conflict with something outside the sweep: the swept value of the same condition is at fault
    key = next((k for k in chosen if k in message), next(iter(chosen)))
    return document.problem(("sweep", key, chosen[key]), f"{dotted(path)}: {message}")
