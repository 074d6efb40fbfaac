"""Which keys a scenario may have, found by walking through the schema."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from sionna_cfisac.kinds import KeyPath, Kind, type_of
from sionna_cfisac.options import Changes, changes_of
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec


def schema_keys(model: type[BaseModel] = ScenarioSpec, prefix: str = "") -> Iterator[str]:
    """Dotted keys of all fields that are not inside a list."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if field.annotation is not None and not _in_list(field.annotation):
            for inner in _models(field.annotation):
                yield from schema_keys(inner, f"{prefix}{name}.")


def keys_at(path: KeyPath, tree: Any) -> list[str]:
    """Keys that the section at ``path`` of a scenario may have."""
    models: list[type[BaseModel]] = [ScenarioSpec]
    node = tree
    for step in path:
        node = _child(node, step)
        if isinstance(step, str):
            models = _below(models, step)
        models = _typed(models, node)
    keys = [m.options() if issubclass(m, Kind) else list(m.model_fields) for m in models]
    return list(dict.fromkeys(name for names in keys for name in names))


def values_at(path: KeyPath) -> list[Any]:
    """Values of every ``Literal`` that a key may have."""
    models: list[type[BaseModel]] = [ScenarioSpec]
    annotations: list[Any] = []
    for step in path:
        if isinstance(step, str):
            fields = [m.model_fields[step] for m in models if step in m.model_fields]
            annotations = [field.annotation for field in fields]
            models = _below(models, step)
    found = [value for annotation in annotations for value in _literals(annotation)]
    return list(dict.fromkeys(found))


def kinds_at(path: KeyPath) -> Any:
    """The kinds that a key may name, a :class:`~sionna_cfisac.kinds.Kinds`."""
    models: list[type[BaseModel]] = [ScenarioSpec]
    for step in path:
        if isinstance(step, str):
            models = _below(models, step)
    return next(model.kinds for model in models if issubclass(model, Kind))


def may_be_swept(key: str) -> bool:
    """Whether the conditions of a study may differ in a dotted key."""
    *above, own = _changes_along(key)
    # sections that say nothing of a condition have no parts that do
    whole = any(not c.swept and c.roles <= {"show", "train"} for c in above)
    return own.swept and not whole


def may_be_fast(key: str) -> bool:
    """Whether ``--fast`` may set a dotted key."""
    return all(changes.fast for changes in _changes_along(key))


def _changes_along(key: str) -> list[Changes]:
    """What a key changes, and before it what each section around it does."""
    models: list[type[BaseModel]] = [ScenarioSpec]
    found: list[Changes] = []
    for step in key.split("."):
        if step.isdecimal() or not models:
            # an entry of a list, or a part of a value that is no section
            found.append(found[-1] if found else ScenarioSpec.changes)
            continue
        having = [model for model in models if step in model.model_fields] or models
        found.append(changes_of(having[0], step))
        models = _below(models, step)
    return found


def _below(models: list[type[BaseModel]], step: str) -> list[type[BaseModel]]:
    fields = [m.model_fields[step] for m in models if step in m.model_fields]
    return [inner for field in fields for inner in _models(field.annotation)]


def _typed(models: list[type[BaseModel]], node: Any) -> list[type[BaseModel]]:
    """Of several kinds, the one that a section names."""
    kinds = [model for model in models if issubclass(model, Kind)]
    if not kinds:
        return models
    known = kinds[0].kinds.known(str(type_of(node)))
    return models if known is None else [known]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _literals(annotation: Any) -> Iterator[Any]:
    """Values of every Literal inside an annotation."""
    for argument in get_args(annotation):
        if get_args(argument):
            yield from _literals(argument)
        elif isinstance(argument, str | int) and not isinstance(argument, type):
            yield argument


def _in_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is list or any(
        _in_list(argument) for argument in get_args(annotation)
    )


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(step) if isinstance(step, str) else None
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None
