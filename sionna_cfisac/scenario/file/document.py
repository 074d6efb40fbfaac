"""A scenario file as plain data that still knows where each value came from."""

import copy
from pathlib import Path
from typing import Any

from sionna_cfisac.kinds import KeyPath
from sionna_cfisac.scenario.file.errors import Problem, ScenarioError
from sionna_cfisac.scenario.file.yaml import Node, YAMLProblemError, read_yaml
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
        Path -> ``FILE:LINE``, of what is not set later
    folder : Path or None
        What files that it names are relative to; the working directory by default
    """

    def __init__(
        self, tree: dict[str, Any], places: dict[KeyPath, str], folder: Path | None = None
    ) -> None:
        self.tree = tree
        self.places = places
        self.folder = folder
        self._set: dict[KeyPath, str] = {}

    def copy(self) -> "Document":
        """An independent copy."""
        twin = Document(copy.deepcopy(self.tree), self.places, self.folder)
        twin._set = dict(self._set)
        return twin

    def where(self, path: KeyPath) -> str:
        """Place of a value, or of the nearest parent that stands in the file."""
        # what was set stands where it was set, with all that is in it
        for length in range(len(path), 0, -1):
            if path[:length] in self._set:
                return self._set[path[:length]]
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
        path = self._put(key, value, place)
        self._set = {p: known for p, known in self._set.items() if p[: len(path)] != path}
        self._set[path] = place
        return path

    def _put(self, key: str, value: Any, place: str) -> KeyPath:
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
    try:
        found = read_yaml(text)
    except YAMLProblemError as error:
        place = f"{file}:{error.line}"
        raise ScenarioError([Problem(place, dotted(error.key), error.message)]) from None
    if found is None:
        raise ScenarioError(
            [Problem(f"{file}:1", "", "the file is empty; 'cfisac init' prints a template")]
        )
    if not isinstance(found.value, dict):
        message = f"expected a mapping (key: value), got {_kind(found)}"
        raise ScenarioError([Problem(f"{file}:1", "", message)])
    places = {path: f"{file}:{line}" for path, line in found.places()}
    return Document(found.plain(), {(): f"{file}:1", **places}, file.parent)


def parse_value(text: str) -> Any:
    """Parse the value of a ``--set`` option as YAML.

    Raises
    ------
    YAMLProblemError
        If it is none, or more than a scenario needs
    """
    found = read_yaml(text)
    return None if found is None else found.plain()


def _kind(node: Node) -> str:
    return "a list" if isinstance(node.value, list) else f"the single value {show(node.value)}"
