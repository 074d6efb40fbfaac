"""What there is to choose from: beamformers, weights, channels, measures, scenarios."""

import inspect
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel

from sionna_cfisac.scenario.beamformer_specs import BEAMFORMERS
from sionna_cfisac.scenario.channel_specs import CHANNELS
from sionna_cfisac.scenario.document import read_document
from sionna_cfisac.scenario.errors import Problem, ScenarioError, show, suggestion
from sionna_cfisac.scenario.measures import MEASURES
from sionna_cfisac.scenario.plugins import plugins
from sionna_cfisac.scenario.weights import weights_catalogue

_TEMPLATES = files("sionna_cfisac.scenario").joinpath("templates")


def template_names() -> list[str]:
    """Kinds of template."""
    names = [entry.name for entry in _TEMPLATES.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def template(kind: str) -> str:
    """Text of a template.

    Raises
    ------
    ScenarioError
        If there is none of this kind
    """
    names = template_names()
    if kind not in names:
        message = f"unknown template {show(kind)}{suggestion(kind, names)}"
        raise ScenarioError([Problem("KIND", "", message)])
    return _TEMPLATES.joinpath(f"{kind}.yaml").read_text(encoding="utf-8")


def catalogue(folder: Path) -> dict[str, dict[str, str]]:
    """Everything that ``cfisac list`` shows.

    Parameters
    ----------
    folder : Path
        Where to look for scenario files, and in its subfolder ``scenarios``

    Returns
    -------
    dict of str to dict
        Heading -> name -> description
    """
    beamformers = {name: _summary(model) for name, model in BEAMFORMERS.items()}
    for name, entry in plugins().items():
        if name not in BEAMFORMERS:
            origin = entry.dist.name if entry.dist is not None else entry.value
            beamformers[name] = f"(plug-in of {origin})"
    return {
        "beamformers": beamformers,
        "weights": weights_catalogue(),
        "channels": {name: _summary(model) for name, model in CHANNELS.items()},
        "measures": {name: f"{m.description} [{m.unit}]" for name, m in MEASURES.items()},
        "templates (cfisac init KIND)": {
            name: _first_comment(template(name)) for name in template_names()
        },
        "scenarios": _scenarios(folder),
    }


def _scenarios(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("scenarios/*.yaml")]):
        try:
            tree = read_document(file).tree
        except ScenarioError:
            continue  # not every YAML file in a folder is ours
        if "schema_version" in tree:
            found[str(file.relative_to(folder))] = str(tree.get("description") or "")
    return found


def _summary(model: type[BaseModel]) -> str:
    return inspect.getdoc(model) or ""


def _first_comment(text: str) -> str:
    return text.splitlines()[0].lstrip("# ")
