"""What pydantic found wrong, said in the words of the file: place, key, reason, suggestion."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from sionna_cfisac.scenario.base_specs import type_of
from sionna_cfisac.scenario.beamformer_specs import beamformer_names
from sionna_cfisac.scenario.channel_specs import CHANNELS
from sionna_cfisac.scenario.document import Path, dotted
from sionna_cfisac.scenario.errors import closest, show, suggestion
from sionna_cfisac.scenario.schema import ScenarioSpec
from sionna_cfisac.scenario.training_specs import NETWORKS

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


def findings(error: ValidationError, tree: Any) -> Iterator[tuple[Path, str]]:
    """Path and message of every error.

    Parameters
    ----------
    error : ValidationError
        From validating ``tree`` as a :class:`ScenarioSpec`
    tree : dict
        The values that were validated
    """
    for item in error.errors(include_url=False):
        path = _clean(item["loc"])
        kind, value = item["type"], item["input"]
        context = dict(item.get("ctx", {}))
        if kind == "extra_forbidden":
            yield path, f"unknown key{_key_hint(path, tree)}"
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
        elif kind in _EXPECTED:
            expected = _EXPECTED[kind].format(**context)
            got = len(value) if kind == "too_long" else show(value)
            yield path, f"expected {expected}, got {got}"
        else:
            yield path, f"{item['msg']}, got {show(value)}"


def schema_keys(model: type[BaseModel] = ScenarioSpec, prefix: str = "") -> Iterator[str]:
    """Dotted keys of all fields that are not inside a list."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if field.annotation is not None and not _in_list(field.annotation):
            for inner in _models(field.annotation):
                yield from schema_keys(inner, f"{prefix}{name}.")


def keys_at(path: Path, tree: Any) -> list[str]:
    """Keys that the section at ``path`` may have."""
    models: list[type[BaseModel]] = [ScenarioSpec]
    node = tree
    for step in path:
        node = _child(node, step)
        if isinstance(step, str):
            fields = [m.model_fields[step] for m in models if step in m.model_fields]
            models = [inner for field in fields for inner in _models(field.annotation)]
        typed = [m for m in models if type_of(node) in _literals(m)]
        models = typed or models
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _clean(location: tuple[str | int, ...]) -> Path:
    """Take out the names of union members, which pydantic puts between the keys."""
    return tuple(step for step in location if not str(step).startswith("<"))


def _key_hint(path: Path, tree: Any) -> str:
    siblings = keys_at(path[:-1], tree)
    word = path[-1]
    if closest(word, siblings) is None:
        # perhaps it is in the wrong section
        elsewhere = {key.rsplit(".", 1)[-1]: key for key in schema_keys() if "." in key}
        found = closest(word, list(elsewhere))
        if found is not None and elsewhere[found].rpartition(".")[0] != dotted(path[:-1]):
            return f"; did you mean '{elsewhere[found]}'?"
    return suggestion(word, siblings)


def _union(path: Path, value: Any) -> tuple[Path, str]:
    if path[-1:] == ("channel",):
        noun, names = "channel", list(CHANNELS)
    elif path[:1] == ("training",):
        noun, names = "network to train", list(NETWORKS)
    else:
        noun, names = "beamformer", beamformer_names()
    kind = type_of(value)
    if isinstance(value, dict):
        if "type" not in value:
            return path, f"the key 'type' is required; expected one of {', '.join(names)}"
        path = (*path, "type")
    elif not isinstance(value, str):
        return path, f"expected the name of a {noun} or a mapping with its type, got {show(value)}"
    return path, f"unknown {noun} {show(kind)}{suggestion(kind, names)}"


def _literal(path: Path, value: Any) -> str:
    allowed = _allowed(path)
    # YAML writes truth values in small letters
    texts = [str(o).lower() if isinstance(o, bool) else str(o) for o in allowed]
    hint = closest(value, texts)
    listed = ", ".join(texts)
    message = f"expected {'one of ' if len(texts) > 1 else ''}{listed}, got {show(value)}"
    return message if hint is None else f"{message}; did you mean '{hint}'?"


def _allowed(path: Path) -> list[Any]:
    models: list[type[BaseModel]] = [ScenarioSpec]
    annotations: list[Any] = []
    for step in path:
        if isinstance(step, str):
            fields = [m.model_fields[step] for m in models if step in m.model_fields]
            annotations = [field.annotation for field in fields]
            models = [inner for annotation in annotations for inner in _models(annotation)]
    found = [value for annotation in annotations for value in _values(annotation)]
    return list(dict.fromkeys(found))


def _values(annotation: Any) -> Iterator[Any]:
    """Values of every Literal inside an annotation."""
    for argument in get_args(annotation):
        if get_args(argument):
            yield from _values(argument)
        elif isinstance(argument, str | int) and not isinstance(argument, type):
            yield argument


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _in_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is list or any(
        _in_list(argument) for argument in get_args(annotation)
    )


def _literals(model: type[BaseModel]) -> list[Any]:
    field = model.model_fields.get("type")
    return [] if field is None else list(_values(field.annotation)) or []


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(step) if isinstance(step, str) else None
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None
