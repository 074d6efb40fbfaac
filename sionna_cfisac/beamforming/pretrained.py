"""Weights by name: those of the package, families of them, files. Imports nothing slow."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sionna_cfisac.beamforming import weights
from sionna_cfisac.beamforming.weights import (
    WEIGHTS_SUFFIX,
    pretrained_names,
    read_card,
    weights_files,
)
from sionna_cfisac.wording import suggestion

_MEMBER = "-beta"
_DIGITS = re.compile(r"(\d+)")


def find_weights(name: str, sensing_weight: float) -> Path:
    """File of the weights that a scenario names.

    Parameters
    ----------
    name : str
        Weights of the package, a family of them of which the sensing weight picks one
        (``paper`` stands for ``paper-beta2`` at weight 2), or a file ``NAME.weights.h5``
    sensing_weight : float
        Weight of the scenario

    Raises
    ------
    ValueError
        If there are none
    """
    if name.endswith(WEIGHTS_SUFFIX):
        return _existing(Path(name))
    names = _names()
    for candidate in (name, f"{name}{_MEMBER}{sensing_weight:g}"):
        if candidate in names:
            return weights_files(weights.PRETRAINED / candidate)[0]
    if is_family(name):
        members = [n for n in names if n.startswith(f"{name}{_MEMBER}")]
        raise ValueError(
            f"no weights of the family '{name}' are for objective.sensing_weight "
            f"{sensing_weight:g}; there are {', '.join(members)}"
        )
    if "/" in name or name.endswith(".h5"):
        raise ValueError(f"expected a file NAME{WEIGHTS_SUFFIX} or a name, got '{name}'")
    families = dict.fromkeys(n.rpartition(_MEMBER)[0] for n in names if _MEMBER in n)
    raise ValueError(f"no weights named '{name}'{suggestion(name, [*families, *names])}")


def is_family(name: str) -> bool:
    """Whether the sensing weight picks one of several weights under this name."""
    names = _names()
    return name not in names and any(n.startswith(f"{name}{_MEMBER}") for n in names)


def weights_catalogue() -> dict[str, str]:
    """What the weights of the package are and how good they were found, from their cards."""
    return {name: _about(name) for name in _names()}


def _names() -> list[str]:
    """Weights of the package, the numbers in their names in order: beta2 before beta10."""

    def key(name: str) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdecimal() else (0, part) for part in _DIGITS.split(name)]

    return sorted(pretrained_names(), key=key)


def _about(name: str) -> str:
    try:
        card = read_card(weights.PRETRAINED / name)
    except ValueError:
        return "(its card cannot be read)"
    about = str(card.get("description") or card["type"])
    shares = list(_shares(card.get("measured")))
    if not shares:
        return about
    # rounded towards the worse
    low, high = (f"{math.floor(1000 * share) / 10:g}" for share in (min(shares), max(shares)))
    noise = card["scenario"].get("noise_power") if isinstance(card.get("scenario"), dict) else None
    at = "" if noise is None else f" at noise power {noise}"
    return f"{about}; {low if low == high else f'{low} to {high}'} % of the optimum{at}"


def _shares(measured: Any) -> Iterator[float]:
    """Shares of the optimum in a card, which anybody may have written."""
    for score in measured if isinstance(measured, list) else []:
        share = score.get("share") if isinstance(score, dict) else None
        if isinstance(share, int | float) and math.isfinite(share):
            yield share


def _existing(file: Path) -> Path:
    if not file.is_file():
        near = sorted(file.parent.glob(f"*{WEIGHTS_SUFFIX}")) if file.parent.is_dir() else []
        raise ValueError(f"no file '{file}'{suggestion(str(file), [str(path) for path in near])}")
    return file
