"""From a scenario file and command-line options to the conditions to run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from sionna_cfisac.scenario.check import check_values
from sionna_cfisac.scenario.document import Document, parse_value, read_document
from sionna_cfisac.scenario.errors import Problem, ScenarioError
from sionna_cfisac.scenario.schema import ScenarioSpec, resolved
from sionna_cfisac.scenario.sweep import Condition, conditions, swept_paths

FAST_SAMPLES = 50
FAST_BLOCKS = 2000


@dataclass(frozen=True)
class Study:
    """A checked scenario, ready to run.

    Attributes
    ----------
    scenario : ScenarioSpec
        The scenario of the file with all options applied
    conditions : list of Condition
        The grid of its sweep
    """

    scenario: ScenarioSpec
    conditions: list[Condition]

    @property
    def columns(self) -> list[str]:
        """Swept keys."""
        return list(self.scenario.sweep)

    @property
    def resolved(self) -> dict[str, Any]:
        """The scenario with every default written out."""
        return resolved(self.scenario)


def load_study(file: str | FilePath, overrides: Sequence[str] = (), fast: bool = False) -> Study:
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

    Returns
    -------
    Study
        Conditions to run

    Raises
    ------
    ScenarioError
        With every problem of the file and the overrides
    """
    document = read_document(FilePath(file))
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
    if problems or study is None:
        raise ScenarioError(_sorted(problems))
    return study


def study_of(values: dict[str, Any], source: str) -> Study:
    """A study from the values of a scenario instead of a file.

    The weights of trained networks need not be there: to draw what they gave does not take them.

    Parameters
    ----------
    values : dict
        As in a scenario file
    source : str
        Where they come from, for messages

    Raises
    ------
    ScenarioError
        With every problem of the values
    """
    study, problems = _check(Document(values, {(): source}), weights=False)
    if problems or study is None:
        raise ScenarioError(problems)
    return study


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
        except ValueError as error:
            problems.append(Problem(f"--set {key}", key, f"not valid YAML: {error}"))
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
        if "link" in document.tree:
            document.set("link.stop.max_blocks", FAST_BLOCKS, "--fast")
            return []
        samples = document.tree.get("samples", ScenarioSpec.model_fields["samples"].default)
        if isinstance(samples, int) and samples > FAST_SAMPLES:
            document.set("samples", FAST_SAMPLES, "--fast")
        return []
    if not isinstance(section, dict):
        return []  # the schema says so
    problems: list[Problem] = []
    for key, value in section.items():
        place = document.where(("fast", key))
        if key.split(".")[0] in ("fast", "schema_version", "name"):
            problems.append(Problem(place, f"fast.{key}", "this key cannot be set here"))
            continue
        try:
            document.set(key, value, place)
        except ScenarioError as error:
            problems += [Problem(p.where, f"fast.{p.key}", p.message) for p in error.problems]
    return problems


def _check(document: Document, *, weights: bool = True) -> tuple[Study | None, list[Problem]]:
    scenario, findings = check_values(document.tree, swept=swept_paths(document), weights=weights)
    grid, problems = conditions(document, weights=weights)
    problems = [document.problem(path, message) for path, message in findings] + problems
    if problems or scenario is None:
        return None, problems
    return Study(scenario, grid), []


def _sorted(problems: list[Problem]) -> list[Problem]:
    """In the order of the file, what came from elsewhere last."""

    def line(problem: Problem) -> float:
        number = problem.where.rpartition(":")[2]
        return int(number) if number.isdecimal() else float("inf")

    return sorted(problems, key=line)
