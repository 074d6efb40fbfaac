"""What pydantic found wrong, said in the words of the file: place, key, reason, suggestion."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from sionna_cfisac.kinds import KeyPath, type_of
from sionna_cfisac.scenario.file.document import dotted
from sionna_cfisac.scenario.schema.keys import keys_at, kinds_at, schema_keys, values_at
from sionna_cfisac.wording import closest, show, suggestion

_EXPECTED = {
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "too_long": "at most {max_length} entries",
    "string_too_short": "text that is not empty",
    "string_pattern_mismatch": "letters, digits, '.', '_' and '-', the first a letter or digit",
}


_MEMBER = re.compile(r"<\w+>")

# a lower end that only keeps numbers from vanishing: what is meant is that they are positive
_TINY = 1e-6

MAX_HINTS = 200
"""Errors beyond which no key is looked for that is meant: nobody misspells so many."""


def findings(error: ValidationError, tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Path and message of every error.

    Parameters
    ----------
    error : ValidationError
        From validating ``tree`` as a :class:`ScenarioSpec`
    tree : dict
        The values that were validated
    """
    hints = error.error_count() <= MAX_HINTS
    for item in error.errors(include_url=False):
        path = _clean(item["loc"], item["type"])
        kind, value = item["type"], item["input"]
        context = dict(item.get("ctx", {}))
        if kind == "extra_forbidden":
            yield path, f"unknown key{_key_hint(path, tree) if hints else ''}"
        elif kind == "missing":
            yield path, "this key is required"
        elif kind.startswith("union_tag"):
            yield _union(path, value)
        elif kind == "literal_error":
            yield path, _literal(path, value)
        elif kind == "too_short":
            least = context["min_length"]
            got = len(value) if hasattr(value, "__len__") else value
            yield path, f"expected at least {least} entr{'y' if least == 1 else 'ies'}, got {got}"
        elif kind == "value_error":
            yield path, str(context["error"])
        elif kind == "kind":
            yield path, context["reason"]
        elif kind == "greater_than_equal" and 0 < context["ge"] <= _TINY and value <= 0:
            yield path, f"expected a number above 0, got {show(value)}{_power_hint(path, value)}"
        elif kind in _EXPECTED:
            expected = _EXPECTED[kind].format(**context)
            got = len(value) if kind == "too_long" else show(value)
            yield path, f"expected {expected}, got {got}{_power_hint(path, value)}"
        else:
            yield path, f"{item['msg']}, got {show(value)}"


def _clean(location: tuple[str | int, ...], kind: str) -> KeyPath:
    """Take out the names of union members, which pydantic puts between the keys."""
    last = len(location) - 1
    return tuple(
        step
        for index, step in enumerate(location)
        if not (_MEMBER.fullmatch(str(step)) and (index < last or kind != "extra_forbidden"))
    )


def _key_hint(path: KeyPath, tree: Any) -> str:
    siblings = keys_at(path[:-1], tree)
    word = path[-1]
    if closest(word, siblings) is None:
        # perhaps it is a key of another section
        elsewhere = {key.rsplit(".", 1)[-1]: key for key in schema_keys() if "." in key}
        if word in elsewhere and elsewhere[word].rpartition(".")[0] != dotted(path[:-1]):
            return f"; did you mean '{elsewhere[word]}'?"
    return suggestion(word, siblings)


def _power_hint(path: KeyPath, value: Any) -> str:
    """How a power in dB is written; no power is below zero."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if not name.endswith("_power") or not isinstance(value, int | float) or not -1e3 < value < 0:
        return ""
    return (
        f"; powers are linear: {value:g} dBm are {10 ** (value / 10 - 3):.4g} W, "
        f"{value:g} dB {10 ** (value / 10):.4g}"
    )


def _union(path: KeyPath, value: Any) -> tuple[KeyPath, str]:
    kinds = kinds_at(path)
    noun, names = kinds.noun, kinds.names()
    kind = type_of(value)
    if isinstance(value, dict):
        if "type" not in value:
            return path, f"the key 'type' is required; expected one of {', '.join(names)}"
        path = (*path, "type")
    elif not isinstance(value, str):
        return path, f"expected the name of a {noun} or a mapping with its type, got {show(value)}"
    return path, f"unknown {noun} {show(kind)}{suggestion(kind, names)}"


def _literal(path: KeyPath, value: Any) -> str:
    allowed = values_at(path)
    # YAML writes truth values in small letters
    texts = [str(o).lower() if isinstance(o, bool) else str(o) for o in allowed]
    hint = closest(value, texts)
    listed = ", ".join(texts)
    message = f"expected {'one of ' if len(texts) > 1 else ''}{listed}, got {show(value)}"
    return message if hint is None else f"{message}; did you mean '{hint}'?"
