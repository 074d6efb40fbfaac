"""A scenario file as plain data that still knows where each value came from."""

import copy
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from sionna_cfisac.kinds import KeyPath
from sionna_cfisac.scenario.file.errors import Problem, ScenarioError
from sionna_cfisac.wording import show

DOTTED_SECTIONS = ("sweep", "fast")
"""Sections whose keys are dotted keys themselves."""


def dotted(path: KeyPath) -> str:
    """The path as it is written in messages: ``beamformers.1.tolerance``."""
    return ".".join(str(step) for step in path)


class Document:
    """The values of a scenario file and the place of each.

    Parameters
    ----------
    tree : dict
        Plain values: dict, list, str, int, float, bool, None
    places : dict
        Path -> ``FILE:LINE`` or command-line option
    folder : Path or None
        What files that it names are relative to; the working directory by default
    """

    def __init__(
        self, tree: dict[str, Any], places: dict[KeyPath, str], folder: Path | None = None
    ) -> None:
        self.tree = tree
        self.places = places
        self.folder = folder

    def copy(self) -> "Document":
        """An independent copy."""
        return Document(copy.deepcopy(self.tree), dict(self.places), self.folder)

    def where(self, path: KeyPath) -> str:
        """Place of a value, or of the nearest parent that stands in the file."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at this path."""
        return Problem(self.where(path), dotted(path), message)

    def set(self, key: str, value: Any, place: str) -> KeyPath:
        """Set a dotted key; sections on the way are created, list entries must exist.

        Returns
        -------
        KeyPath
            Path of the value set

        Raises
        ------
        ScenarioError
            If the key leads through a value that has no parts, or past the end of a list
        """
        path = self._set(key, value, place)
        for known in [p for p in self.places if p[: len(path)] == path]:
            del self.places[known]
        self.places[path] = place
        return path

    def _set(self, key: str, value: Any, place: str) -> KeyPath:
        steps = _split(key)
        node: Any = self.tree
        path: KeyPath = ()
        for position, step in enumerate(steps):
            last = position == len(steps) - 1
            if isinstance(node, list):
                if not step.isdecimal() or int(step) >= len(node):
                    raise ScenarioError(
                        [
                            Problem(
                                place,
                                key,
                                f"expected an index from 0 to {len(node) - 1} after "
                                f"'{dotted(path)}', got {show(step)}",
                            )
                        ]
                    )
                index: str | int = int(step)
            elif isinstance(node, dict):
                index = step
                if not last and node.get(step) is None:
                    node[step] = {}
            else:
                raise ScenarioError(
                    [Problem(place, key, f"'{dotted(path)}' is {show(node)} and has no parts")]
                )
            path = (*path, index)
            if last:
                node[index] = copy.deepcopy(value)
            else:
                if isinstance(node[index], str):
                    # the short form of a channel or beamformer
                    node[index] = {"type": node[index]}
                node = node[index]
        return path


def _split(key: str) -> list[str]:
    section, _, rest = key.partition(".")
    return [section, rest] if section in DOTTED_SECTIONS and rest else key.split(".")


def read_document(file: Path) -> Document:
    """Read a scenario file (YAML 1.2).

    Raises
    ------
    ScenarioError
        If the file cannot be read, is no UTF-8 text, no valid YAML, or no mapping
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ScenarioError(
            [Problem(str(file), "", f"cannot be read: {error.strerror or error}")]
        ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ScenarioError(
            [
                Problem(
                    f"{file}:{line}", "", f"expected UTF-8 text, got byte 0x{data[error.start]:02x}"
                )
            ]
        ) from None
    loaded = _load(text, str(file))
    if loaded is None:
        raise ScenarioError(
            [Problem(f"{file}:1", "", "the file is empty; 'cfisac init' prints a template")]
        )
    if not isinstance(loaded, CommentedMap):
        message = f"expected a mapping (key: value), got {_kind(loaded)}"
        raise ScenarioError([Problem(f"{file}:1", "", message)])
    places: dict[KeyPath, str] = {(): f"{file}:1"}
    problems: list[Problem] = []
    _collect(loaded, (), str(file), places, problems)
    if problems:
        raise ScenarioError(problems)
    return Document(_plain(loaded), places, file.parent)


def parse_value(text: str) -> Any:
    """Parse the value of a ``--set`` option as YAML.

    Raises
    ------
    ValueError
        With the parser's reason
    """
    try:
        return _plain(_parser().load(io.StringIO(text)))
    except YAMLError as error:
        raise ValueError(getattr(error, "problem", None) or "not valid YAML") from None


def _parser() -> YAML:
    parser = YAML(typ="rt", pure=True)
    parser.version = (1, 2)
    return parser


def _load(text: str, name: str) -> Any:
    try:
        return _parser().load(io.StringIO(text))
    except ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = f"expected text, got the control character {error.character!r}"
        raise ScenarioError([Problem(f"{name}:{line}", "", message)]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = (error.problem or "not valid YAML").strip().splitlines()[0]
        if error.context and error.context not in reason:
            reason = f"{error.context.strip()}, {reason}"
        raise ScenarioError([Problem(f"{name}:{line}", "", f"not valid YAML: {reason}")]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        # ruamel.yaml lets some errors of int() and float() through
        message = f"not valid YAML: {str(error).splitlines()[0]}"
        raise ScenarioError([Problem(f"{name}:1", "", message)]) from None


def _collect(
    node: Any,
    path: KeyPath,
    name: str,
    places: dict[KeyPath, str],
    problems: list[Problem],
) -> None:
    """Note the line of every key and entry, and what YAML allows but a scenario does not."""
    if isinstance(node, CommentedMap):
        for key, value in node.items():
            # keys that a merge (<<) brought in have no line of their own
            line = node.lc.data[key][0] + 1 if key in (node.lc.data or {}) else None
            child = (*path, str(key))
            places[child] = places[path] if line is None else f"{name}:{line}"
            if not isinstance(key, str):
                message = f"expected a key in letters, got {show(_plain(key))}"
                problems.append(Problem(places[child], dotted(child), message))
            _collect(value, child, name, places, problems)
    elif isinstance(node, CommentedSeq):
        for index, value in enumerate(node):
            child = (*path, index)
            places[child] = f"{name}:{node.lc.data[index][0] + 1}"
            _collect(value, child, name, places, problems)


def _plain(node: Any) -> Any:
    """Strip the parser's own types; whatever YAML tags made stays and fails the schema."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _kind(node: Any) -> str:
    return "a list" if isinstance(node, CommentedSeq) else f"the single value {show(node)}"
