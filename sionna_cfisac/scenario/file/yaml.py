"""YAML text as plain values, each with its line, and nothing that a scenario does not need.

The grammar is ruamel.yaml's; of what YAML allows, only mappings with keys in letters, lists, text,
numbers, truth values and null are taken. Tags, which make objects, are not. Aliases are, while the
document that they expand to stays below :data:`MAX_VALUES`.
"""

import io
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.reader import ReaderError

from sionna_cfisac.kinds import KeyPath
from sionna_cfisac.wording import show

MAX_LENGTH = 1_000_000
"""Characters of a document."""

MAX_VALUES = 50_000
"""Keys, entries and values of a document, those that aliases repeat included."""

MAX_DEPTH = 32
"""Mappings and lists within each other."""

MAX_KEY = 200
"""Letters of a key."""

MAX_DIGITS = 400
"""Digits of a number, with its sign, point and exponent."""

# the core schema of YAML 1.2 (10.3.2), with Python's underscores between digits
_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((s + w for s in ("", "+") for w in (".inf", ".Inf", ".INF")), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


class YAMLProblemError(ValueError):
    """Text that is no YAML, or more than a scenario needs.

    Attributes
    ----------
    line : int
        Counted from 1
    key : KeyPath
        Where in the document; empty while that is unknown
    message : str
        What was expected and what was got
    """

    def __init__(self, line: int, key: KeyPath, message: str) -> None:
        self.line, self.key, self.message = line, key, message
        super().__init__(message)


@dataclass
class Node:
    """A value of the text.

    Attributes
    ----------
    value : dict of str to Node, list of Node, or a plain value
        What it is
    line : int
        Where it begins, counted from 1
    lines : dict of str to int
        Where the keys of a mapping stand; keys that a merge brought in have none
    size : int
        Number of values in it, aliases expanded
    """

    value: Any
    line: int
    lines: dict[str, int]
    size: int = 1

    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def places(self, path: KeyPath = (), line: int = 1) -> Iterator[tuple[KeyPath, int]]:
        """The line of every key and entry."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                at = self.lines.get(key, line)
                yield (*path, key), at
                yield from node.places((*path, key), at)
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield (*path, index), node.line
                yield from node.places((*path, index), node.line)


def read_yaml(text: str) -> Node | None:
    """Read one YAML 1.2 document; None where the text has no value.

    Raises
    ------
    YAMLProblemError
        If the text is no YAML, has more than one document, or what a scenario does not need
    """
    if len(text) > MAX_LENGTH:
        message = f"expected at most {MAX_LENGTH} characters, got {len(text)}"
        raise YAMLProblemError(1, (), message)
    parser = YAML(typ="safe", pure=True)
    parser.version = (1, 2)
    try:
        return _Composer(parser.parse(io.StringIO(text))).document()
    except ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = f"expected text, got the control character {_named(error.character)}"
        raise YAMLProblemError(line, (), message) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = (error.problem or "cannot be read").strip().splitlines()[0]
        if error.context and error.context not in reason:
            reason = f"{error.context.strip()}, {reason}"
        line = mark.line + 1 if mark else 1
        raise YAMLProblemError(line, (), f"not valid YAML: {reason}") from None
    except YAMLProblemError:
        raise
    except (YAMLError, ValueError, IndexError) as error:
        # ruamel.yaml lets some errors of int(), chr() and of lists through
        reason = (str(error).splitlines() or ["cannot be read"])[0]
        raise YAMLProblemError(1, (), f"not valid YAML: {reason}") from None


class _Composer:
    """Puts the parser's events together, refusing what a scenario does not need."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._values = 0

    def document(self) -> Node | None:
        """The only document of the text."""
        found: Node | None = None
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if found is not None:
                raise YAMLProblemError(
                    _line(event), (), "not valid YAML: expected a single document"
                )
            event = next(self._events)
            empty = isinstance(event, ScalarEvent) and not event.value and event.implicit[0]
            found = self._node(event, ())
            if empty and found.value is None:
                found = None
        return found

    def _node(self, event: Any, path: KeyPath) -> Node:
        self._count(1, event, path)
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        self._refuse_tag(event, path)
        if isinstance(event, ScalarEvent):
            node = Node(_scalar(event, path), _line(event), {})
        else:
            if len(path) >= MAX_DEPTH:
                message = f"expected at most {MAX_DEPTH} lists and mappings within each other"
                raise YAMLProblemError(_line(event), path[:3], message)
            node = self._collection(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, event: CollectionStartEvent, path: KeyPath) -> Node:
        if event.anchor is not None:
            # until it is complete it cannot be a part of itself
            self._anchors[event.anchor] = None
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, path)
        entries: list[Node] = []
        while not isinstance(inner := next(self._events), SequenceEndEvent):
            entries.append(self._node(inner, (*path, len(entries))))
        return Node(entries, _line(event), {}, 1 + sum(entry.size for entry in entries))

    def _mapping(self, event: MappingStartEvent, path: KeyPath) -> Node:
        own: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Node] = {}
        while not isinstance(inner := next(self._events), MappingEndEvent):
            merge = isinstance(inner, ScalarEvent) and inner.value == "<<" and inner.implicit[0]
            key = self._key(inner, path)
            line = _line(inner)
            if key in lines:
                message = f"expected every key once, got it again after line {lines[key]}"
                raise YAMLProblemError(line, (*path, key), message)
            lines[key] = line
            value = self._node(next(self._events), (*path, key))
            if not merge:
                own[key] = value
                continue
            for source in value.value if isinstance(value.value, list) else [value]:
                if not isinstance(source.value, dict):
                    message = f"expected a mapping to merge, got {show(source.plain())}"
                    raise YAMLProblemError(line, (*path, key), message)
                merged = {**source.value, **merged}
        if "<<" not in own:
            lines.pop("<<", None)
        entries = {**merged, **own}
        size = 1 + sum(1 + entry.size for entry in entries.values())
        return Node(entries, _line(event), lines, size)

    def _key(self, event: Any, path: KeyPath) -> str:
        line = _line(event)
        if isinstance(event, CollectionStartEvent):
            kind = "a mapping" if isinstance(event, MappingStartEvent) else "a list"
            raise YAMLProblemError(line, path, f"expected a key in letters, got {kind}")
        self._count(1, event, path)
        if isinstance(event, AliasEvent):
            key = self._alias(event, path).value
        else:
            self._refuse_tag(event, path)
            key = _scalar(event, path)
            if event.anchor is not None:
                self._anchors[event.anchor] = Node(key, line, {})
        if isinstance(key, dict | list):
            kind = "a mapping" if isinstance(key, dict) else "a list"
            raise YAMLProblemError(line, path, f"expected a key in letters, got {kind}")
        if not isinstance(key, str):
            raise YAMLProblemError(line, path, f"expected a key in letters, got {show(key)}")
        if len(key) > MAX_KEY or "\n" in key or "\t" in key:
            message = f"expected a key of at most {MAX_KEY} letters on one line, got {show(key)}"
            raise YAMLProblemError(line, path, message)
        return key

    def _alias(self, event: AliasEvent, path: KeyPath) -> Node:
        if event.anchor not in self._anchors:
            message = f"expected an anchor &{show(event.anchor)[1:-1]} above this alias"
            raise YAMLProblemError(_line(event), path, message)
        node = self._anchors[event.anchor]
        if node is None:
            message = f"expected no alias of what it is a part of, got *{show(event.anchor)[1:-1]}"
            raise YAMLProblemError(_line(event), path, message)
        self._count(node.size, event, path)
        return node

    def _count(self, more: int, event: NodeEvent, path: KeyPath) -> None:
        self._values += more
        if self._values > MAX_VALUES:
            message = f"expected a document of at most {MAX_VALUES} values, aliases expanded"
            raise YAMLProblemError(_line(event), path, message)

    def _refuse_tag(self, event: Any, path: KeyPath) -> None:
        tag = event.ctag or event.tag
        if tag and str(tag) != "!":
            short = str(tag).replace("tag:yaml.org,2002:", "!!")
            message = f"expected a value without a tag, got {show(short)[1:-1]}"
            raise YAMLProblemError(_line(event), path, message)


def _scalar(event: ScalarEvent, path: KeyPath) -> Any:
    """The value of a scalar by the core schema of YAML 1.2; quoted, it is text."""
    text = event.value
    if not event.implicit[0] or event.style in ("'", '"', "|", ">"):
        return _printable(text, event, path)
    if text in _WORDS:
        return _WORDS[text]
    integer = _INTEGER.fullmatch(text)
    if integer or _FLOAT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            message = f"expected a number of at most {MAX_DIGITS} digits, got {show(text)[1:-1]}"
            raise YAMLProblemError(_line(event), path, message)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if integer else float(text)
    return _printable(text, event, path)


def _printable(text: str, event: ScalarEvent, path: KeyPath) -> str:
    for letter in text:
        if letter not in "\n\t" and unicodedata.category(letter) in ("Cc", "Cs"):
            message = f"expected text, got the control character {_named(ord(letter))}"
            raise YAMLProblemError(_line(event), path, message)
    return text


def _named(character: int) -> str:
    return f"U+{character:04X}"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
