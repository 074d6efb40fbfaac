"""What there is to choose from: beamformers, weights, channels, measures, scenarios."""

import inspect
from importlib.resources import files
from pathlib import Path
from typing import Any

from sionna_cfisac.beamforming.methods import METHODS, NETWORKS
from sionna_cfisac.beamforming.pretrained import weights_catalogue
from sionna_cfisac.channel.kinds import CHANNELS
from sionna_cfisac.kinds import Kinds
from sionna_cfisac.measures import MEASURES, Measure
from sionna_cfisac.scenario.file.document import read_document
from sionna_cfisac.scenario.file.errors import Problem, ScenarioError
from sionna_cfisac.wording import show, suggestion

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
    return {
        "beamformers": _kinds(METHODS),
        "weights": weights_catalogue(),
        "channels": _kinds(CHANNELS),
        "measures": _kinds(MEASURES),
        "networks to train": _kinds(NETWORKS),
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


def _kinds(kinds: Kinds[Any]) -> dict[str, str]:
    own = {name: _summary(kind) for name, kind in kinds.own.items()}
    others = {
        name: f"(plug-in of {entry.dist.name if entry.dist is not None else entry.value})"
        for name, entry in kinds.plugins().items()
    }
    return own | others


def _summary(kind: Any) -> str:
    if isinstance(kind, Measure):
        return f"{kind.description} [{kind.unit}]"
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _first_comment(text: str) -> str:
    return text.splitlines()[0].lstrip("# ")
