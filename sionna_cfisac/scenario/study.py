"""From a scenario file and command-line options to the conditions to run."""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from sionna_cfisac.kinds import KeyPath
from sionna_cfisac.machine import memory
from sionna_cfisac.scenario.engines.base import LOADED
from sionna_cfisac.scenario.engines.choice import engine_for, engine_of
from sionna_cfisac.scenario.file.document import Document, dotted, parse_value, read_document
from sionna_cfisac.scenario.file.errors import Problem, ScenarioError
from sionna_cfisac.scenario.file.yaml import YAMLProblemError
from sionna_cfisac.scenario.rules.check import check_values
from sionna_cfisac.scenario.rules.notices import notices
from sionna_cfisac.scenario.schema.keys import may_be_fast, may_be_swept
from sionna_cfisac.scenario.schema.resolved import resolved
from sionna_cfisac.scenario.schema.scenario import MAX_FAST_KEYS, ScenarioSpec
from sionna_cfisac.scenario.schema.sweep import RangeValues
from sionna_cfisac.wording import show

MAX_CONDITIONS = 10_000
MAX_SWEPT_KEYS = 50
_OF_NO_CONDITION = ("description", "sweep", "fast")


@dataclass(frozen=True)
class Condition:
    """One point of the grid.

    Attributes
    ----------
    index : int
        Position in the grid, the last key of the sweep running fastest
    columns : dict
        Swept dotted key -> its value here, None where this condition has no such key
    scenario : ScenarioSpec
        The scenario with these values
    """

    index: int
    columns: dict[str, Any]
    scenario: ScenarioSpec

    def __str__(self) -> str:
        return ", ".join(f"{key} = {text(value)}" for key, value in self.columns.items())


@dataclass(frozen=True)
class Study:
    """A checked scenario, ready to run.

    Attributes
    ----------
    scenario : ScenarioSpec
        The scenario of the file with all options applied
    conditions : list of Condition
        The grid of its sweep
    columns : list of str
        Swept keys
    warnings : list of Problem
        What is odd about it
    """

    scenario: ScenarioSpec
    conditions: list[Condition]
    columns: list[str]
    warnings: list[Problem]

    @property
    def resolved(self) -> dict[str, Any]:
        """The scenario with every default written out."""
        return resolved(self.scenario)

    def values(self, column: str) -> list[Any]:
        """Different values of a swept key, in the order of the sweep."""
        values = (condition.columns[column] for condition in self.conditions)
        found: dict[Any, Any] = {}
        for value in values:
            found.setdefault(_comparable(value), value)
        return list(found.values())


def load_study(
    file: str | Path,
    overrides: Sequence[str] = (),
    fast: bool = False,
    will_run: Callable[[Condition], bool] = lambda condition: True,
) -> Study:
    """Read and check a scenario file.

    Parameters
    ----------
    file : path
        Scenario file, YAML 1.2
    overrides : list of str
        ``dotted.key=value`` with a YAML value, applied in order before anything is checked
    fast : bool
        Apply the section ``fast`` of the file; where there is none, at most 50 samples, or 2,000
        code blocks of a link
    will_run : callable
        Whether a condition is going to be run here, and must fit into the memory of the machine

    Returns
    -------
    Study
        Conditions to run

    Raises
    ------
    ScenarioError
        With every problem of the file and the overrides
    """
    document = read_document(Path(file))
    problems: list[Problem] = []
    options, bad = _parse(overrides)
    problems += bad
    section = [option for option in options if option[0].split(".")[0] == "fast"]
    problems += _apply(document, section)
    quick = document.copy()
    quick_problems = _apply_fast(quick)
    rest = [option for option in options if option not in section]
    problems += _apply(document, rest)
    _apply(quick, rest)
    # the other variant is checked too: an error in it should not wait for the option
    first, second = (quick, document) if fast else (document, quick)
    study, found = _check(first)
    _, also = _check(second) if document.tree.get("fast") is not None else (None, [])
    problems += [*found, *quick_problems, *(p for p in also if p not in found)]
    if study is not None and not problems:
        problems = list(_too_large(first, (c for c in study.conditions if will_run(c))))
    if problems or study is None:
        raise ScenarioError(_sorted(problems))
    return study


def study_of(values: dict[str, Any], source: str, known: Mapping[str, Any] | None = None) -> Study:
    """A study from the values of a scenario instead of a file.

    Neither the weights of trained networks nor plug-ins need be there, and no code in files is run:
    to draw what they gave does not take them.

    Parameters
    ----------
    values : dict
        As in a scenario file
    source : str
        Where they come from, for messages
    known : mapping or None
        What was noted of kinds in files, see
        :func:`~sionna_cfisac.scenario.engines.ingredients.noted_kinds`

    Raises
    ------
    ScenarioError
        With every problem of the values
    """
    study, problems = _check(Document(values, {(): source}), weights=False, known=known)
    if problems or study is None:
        raise ScenarioError(problems)
    return study


def text(value: Any) -> str:
    """A swept value as it stands in ``results.csv``: numbers and names bare, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _parse(overrides: Iterable[str]) -> tuple[list[tuple[str, Any]], list[Problem]]:
    options: list[tuple[str, Any]] = []
    problems: list[Problem] = []
    for override in overrides:
        key, equals, value = override.partition("=")
        key = key.strip()
        if not equals or not all(key.split(".")):
            problems.append(Problem("--set", "", f"expected key=value, got {override!r}"))
            continue
        try:
            options.append((key, parse_value(value)))
        except YAMLProblemError as error:
            where = dotted((key, *error.key))
            problems.append(Problem(f"--set {key}", where, error.message))
    return options, problems


def _apply(document: Document, options: Iterable[tuple[str, Any]]) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in options:
        try:
            document.set(key, value, f"--set {key}")
        except ScenarioError as error:
            problems += error.problems
    return problems


def _apply_fast(document: Document) -> list[Problem]:
    section = document.tree.get("fast")
    if section is None:
        engine = engine_for(document.tree)
        value = engine.fast(document.tree)
        if value is not None:
            document.set(engine.amount_key, value, "--fast")
        return []
    if not isinstance(section, dict) or len(section) > MAX_FAST_KEYS:
        return []  # the schema says so
    problems: list[Problem] = []
    for key, value in section.items():
        place = document.where(("fast", key))
        if not may_be_fast(key):
            problems.append(Problem(place, f"fast.{key}", "this key cannot be set here"))
            continue
        try:
            document.set(key, value, place)
        except ScenarioError as error:
            problems += [Problem(p.where, f"fast.{p.key}", p.message) for p in error.problems]
    return problems


def _check(
    document: Document,
    *,
    weights: bool = True,
    known: Mapping[str, Any] | None = None,
) -> tuple[Study | None, list[Problem]]:
    axes, problems = _axes(document)
    scenario, findings = check_values(
        document.tree,
        folder=document.folder,
        swept=[path for axis in axes for path in axis.paths],
        weights=weights,
        known=known,
    )
    check = partial(check_values, folder=document.folder, weights=weights, known=known)
    grid, more = _conditions(document, axes, scenario, findings, check)
    problems = [document.problem(path, message) for path, message in findings] + problems + more
    if problems or scenario is None:
        return None, problems
    columns = [column for axis in axes for column in axis.columns]
    # what was checked before is shown again without its weights, and was warned of then
    odd = notices([condition.scenario for condition in grid]) if weights else ()
    warnings = [document.problem(path, message) for path, message, _ in odd]
    return Study(scenario, grid, columns, _sorted(warnings)), []


def _too_large(document: Document, conditions: Iterable[Condition]) -> Iterator[Problem]:
    """The condition that takes most memory, if that is more than the machine has."""
    available = memory()
    sized = [(c, engine := engine_of(c.scenario), engine.memory()) for c in conditions]
    if available is None or not sized:
        return
    condition, engine, parts = max(sized, key=lambda each: sum(each[2].values()))
    need = LOADED + sum(parts.values())
    if need <= available:
        return
    key = max(parts, key=lambda name: parts[name])
    way = "fewer of them"
    if key == engine.batch_key:
        batch = value_at(resolved(condition.scenario), key)
        smaller = ", or a smaller batch" if batch > engine.least_batch else ""
        way = f"fewer APs, antennas or UEs{smaller}"
    yield document.problem(
        tuple(key.split(".")),
        f"{f'at {condition}: ' if condition.columns else ''}needs about {need / 1e9:.0f} GB of "
        f"memory, this machine has {available / 1e9:.0f}: {way}",
    )


class _Axis(NamedTuple):
    """One entry of the sweep.

    Attributes
    ----------
    key : str
        As it stands in the file
    keys : list of str
        The dotted keys that it sets
    columns : list of str
        The dotted keys that differ: those, or what is in the sections that they set
    points : list of tuples
        Values of the keys
    """

    key: str
    keys: list[str]
    columns: list[str]
    points: list[tuple[Any, ...]]

    @property
    def paths(self) -> list[KeyPath]:
        """Where the values stand that it replaces."""
        return [
            tuple(int(step) if step.isdecimal() else step for step in key.split("."))
            for key in self.keys
        ]


def _axes(document: Document) -> tuple[list[_Axis], list[Problem]]:
    """The entries of the sweep that are good, and what is wrong with the others."""
    sweep = document.tree.get("sweep", {})
    if not isinstance(sweep, dict):
        return [], []  # the schema says so
    if len(sweep) > MAX_SWEPT_KEYS:
        message = f"expected at most {MAX_SWEPT_KEYS} keys, got {len(sweep)}"
        return [], [document.problem(("sweep",), message)]
    problems: list[Problem] = []
    axes: list[_Axis] = []
    for key, values in sweep.items():
        if isinstance(values, dict):
            try:
                values = RangeValues.model_validate(values).values()
            except ValidationError:
                continue  # the schema says so
        if not isinstance(values, list) or not values:
            continue  # the schema says so
        found = list(_wrong(document, key, values, sweep))
        problems += found
        if not found:
            axes.append(_axis(key, values))
    return axes, problems


def _wrong(
    document: Document, key: str, values: list[Any], sweep: dict[str, Any]
) -> Iterator[Problem]:
    """What is wrong with one key of the sweep, whatever its values mean."""
    path: KeyPath = ("sweep", key)
    keys = _keys(key)
    if not all(may_be_swept(one) for one in keys):
        yield document.problem(path, "this key cannot be swept")
    if any(
        one == other or one.startswith(f"{other}.")
        for index, one in enumerate(keys)
        for position, other in enumerate(keys)
        if index != position
    ):
        yield document.problem(path, "expected different keys, joined by commas")
    for other in sweep:
        for theirs in _keys(other) if other != key else ():
            if any(one == theirs or one.startswith(f"{theirs}.") for one in keys):
                yield document.problem(path, f"overlaps with sweep.{other}")
    first: dict[Any, int] = {}
    for index, (value, form) in enumerate(zip(values, _long_forms(values), strict=True)):
        if len(keys) > 1 and not (isinstance(value, list) and len(value) == len(keys)):
            yield document.problem(
                (*path, index),
                f"expected a list of {len(keys)} values, one for each key, got {show(value)}",
            )
        before = first.setdefault(_comparable(form), index)
        if before != index:
            message = f"{show(value)} is already in the list, at index {before}"
            yield document.problem((*path, index), message)


def _keys(key: str) -> list[str]:
    return [one.strip() for one in key.split(",")]


def _comparable(value: Any) -> Any:
    """Something that can be looked up, equal for equal values: 1 and 1.0 are, 1 and true not."""
    if isinstance(value, dict):
        return frozenset((key, _comparable(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return tuple(_comparable(inner) for inner in value)
    return (type(value), value) if isinstance(value, bool) else value


def _axis(key: str, values: list[Any]) -> _Axis:
    keys = _keys(key)
    if len(keys) > 1:
        return _Axis(key, keys, keys, [tuple(value) for value in values])
    values = _long_forms(values)
    columns = [column for value in values for column in _parts(key, value)]
    return _Axis(key, keys, list(dict.fromkeys(columns)), [(value,) for value in values])


def _long_forms(values: list[Any]) -> list[Any]:
    """The values, names as sections where others are sections: a channel in its two forms."""
    if not any(isinstance(value, dict) for value in values):
        return values
    return [{"type": value} if isinstance(value, str) else value for value in values]


def _parts(key: str, value: Any) -> Iterator[str]:
    """Dotted keys of what a value holds that is a section, else the key itself."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _parts(f"{key}.{name}", inner)
    else:
        yield key


def _conditions(
    document: Document,
    axes: list[_Axis],
    whole: ScenarioSpec | None,
    own: list[tuple[KeyPath, str]],
    check: Callable[..., tuple[ScenarioSpec | None, list[tuple[KeyPath, str]]]],
) -> tuple[list[Condition], list[Problem]]:
    """The valid points of the grid, and what is wrong, each at the line of the entry or value."""
    size = math.prod(len(axis.points) for axis in axes)
    if size > MAX_CONDITIONS:
        message = f"expected at most {MAX_CONDITIONS} conditions, got {size}"
        return [], [document.problem(("sweep",), message)]
    before = set(own)
    problems: list[Problem] = []
    found: list[Condition] = []
    # what says nothing of a single condition is not checked again in each of many
    tree = {key: v for key, v in document.tree.items() if key not in _OF_NO_CONDITION}
    common = Document(tree, document.places, document.folder)
    kept = {} if whole is None else {key: getattr(whole, key) for key in _OF_NO_CONDITION}
    for index, positions in enumerate(
        itertools.product(*(range(len(axis.points)) for axis in axes))
    ):
        candidate = common.copy()
        swept: dict[KeyPath, str] = {}
        try:
            for axis, position in zip(axes, positions, strict=True):
                place = document.where(("sweep", axis.key))
                for key, value in zip(axis.keys, axis.points[position], strict=True):
                    swept[candidate.set(key, value, place)] = axis.key
        except ScenarioError as error:
            problems += [Problem(p.where, f"sweep.{p.key}", p.message) for p in error.problems]
            continue
        scenario, findings = check(candidate.tree, training=False)
        chosen = dict(zip((axis.key for axis in axes), positions, strict=True))
        for path, message in findings:
            if (path, message) not in before:
                problems.append(_blame(document, path, message, chosen, swept))
        if scenario is not None:
            columns = [column for axis in axes for column in axis.columns]
            values = {column: value_at(candidate.tree, column) for column in columns}
            if None in values.values():
                # one entry of a list of sections leaves to the defaults what another one says
                written = resolved(scenario)
                values = {
                    column: value_at(written, column) if value is None else value
                    for column, value in values.items()
                }
            found.append(Condition(index, values, scenario.model_copy(update=kept)))
    return found, list(dict.fromkeys(problems))


def value_at(tree: Any, key: str) -> Any:
    """The value of a dotted key, None where there is none."""
    node = tree
    for step in key.split("."):
        if isinstance(node, list):
            node = node[int(step)] if step.isdecimal() and int(step) < len(node) else None
        else:
            node = node.get(step) if isinstance(node, dict) else None
    return node


def _blame(
    document: Document,
    path: KeyPath,
    message: str,
    chosen: dict[str, int],
    swept: dict[KeyPath, str],
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


def _sorted(problems: list[Problem]) -> list[Problem]:
    """In the order of the file, what came from elsewhere last."""

    def line(problem: Problem) -> float:
        number = problem.where.rpartition(":")[2]
        return int(number) if number.isdecimal() else float("inf")

    return sorted(problems, key=line)
