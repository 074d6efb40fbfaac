"""Beamformers of other packages, found through entry points.

A package makes its beamformer known in its ``pyproject.toml``::

    [project.entry-points."sionna_cfisac.beamformers"]
    my_method = "my_package.module:MyBeamformer"

and a scenario file uses it as ``{type: my_method, some_option: 3}``. A class is called with the
options and must give a callable ``state -> f``; a function is called as
``function(state, **options)``. Either gets the scenario's ``sensing_weight`` if its signature has
an argument of that name.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from sionna_cfisac.scenario.errors import suggestion

GROUP = "sionna_cfisac.beamformers"


def plugins() -> dict[str, EntryPoint]:
    """Entry points by the name of the type; the first installed wins."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, entry)
    return found


def plugin_names() -> list[str]:
    """Types that plug-ins add."""
    return sorted(plugins())


def load_plugin(name: str) -> Callable[..., Any]:
    """Import the class or function of a plug-in.

    Raises
    ------
    ValueError
        If it cannot be imported or is not callable
    """
    entry = plugins()[name]
    try:
        target = entry.load()
    except Exception as error:
        # whatever somebody else's module raises at import is the reason to show
        raise ValueError(
            f"plug-in '{name}' ({entry.value}) cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not callable(target):
        raise ValueError(f"plug-in '{name}' ({entry.value}): expected a class or function")
    return target


def argument_errors(
    target: Callable[..., Any], options: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the options of a plug-in, as (option or empty, message)."""
    parameters = _options(target)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        names = None
    else:
        names = [name for name, p in parameters.items() if p.kind is not p.VAR_POSITIONAL]
    for name in options:
        if names is not None and name not in names:
            yield name, f"unknown option{suggestion(name, names)}"
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty and parameter.kind in (
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        )
        if required and name not in options and name != "sensing_weight":
            yield "", f"missing option '{name}'"


def make_plugin(name: str, options: dict[str, Any], sensing_weight: float) -> Callable[[Any], Any]:
    """The beamformer ``state -> f`` that a plug-in's entry stands for."""
    target = load_plugin(name)
    if "sensing_weight" in _options(target):
        options = {"sensing_weight": sensing_weight, **options}
    if inspect.isclass(target):
        beamformer: Any = target(**options)
        return _callable(name, beamformer)
    return functools.partial(target, **options)


def _callable(name: str, beamformer: Any) -> Callable[[Any], Any]:
    if not callable(beamformer):
        raise ValueError(
            f"plug-in '{name}': expected a callable state -> f, got {type(beamformer).__name__}"
        )
    made: Callable[[Any], Any] = beamformer
    return made


def _options(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(target).parameters)
    if not inspect.isclass(target) and parameters:
        # the first argument of a function is the state
        del parameters[next(iter(parameters))]
    return parameters
