"""Files of weights and their cards; imports nothing that is slow to load."""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

WEIGHTS_SUFFIX = ".weights.h5"
CARD_FORMAT = "sionna_cfisac weights"
CARD_VERSION = 1
SENSING_WEIGHT_RANGE = (0.0, 20.0)
"""Sensing weights that a conditioned network can be told."""
NOISE_RANGE = (0.01, 1.0)
"""Noise powers that a conditioned network can tell apart, where the total power is 1."""
PRETRAINED = Path(__file__).parent.parent / "weights"


def pretrained_names(kind: str | None = None) -> list[str]:
    """Names of the weights that come with the package; ``kind`` keeps those of one class."""
    names = []
    for card_file in sorted(PRETRAINED.glob("*.json")):
        if kind is None or read_card(card_file.with_suffix(WEIGHTS_SUFFIX))["type"] == kind:
            names.append(card_file.stem)
    return names


def read_card(path: str | os.PathLike) -> dict[str, Any]:
    """The card of some weights.

    Parameters
    ----------
    path : path
        ``NAME.weights.h5``; the suffix may be left out

    Raises
    ------
    FileNotFoundError
        If there is none
    ValueError
        If it is damaged or not a card
    """
    file = weights_files(path)[1]
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{file}: no such file; weights need their card") from None
    except (ValueError, OSError) as error:
        raise ValueError(f"{file}: expected the card of some weights, {error}") from error
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        raise ValueError(f"{file}: expected the card of some weights (format: {CARD_FORMAT!r})")
    if card.get("format_version") != CARD_VERSION:
        raise ValueError(
            f"{file}: expected format_version {CARD_VERSION}, got {card.get('format_version')!r}"
        )
    missing = [key for key in ("type", "architecture", "sha256") if key not in card]
    if missing:
        raise ValueError(f"{file}: the card lacks {', '.join(missing)}")
    if not isinstance(card["architecture"], dict):
        raise ValueError(f"{file}: architecture: expected a table, got {card['architecture']!r}")
    return card


def check_weights(path: str | os.PathLike, kind: str) -> dict[str, Any]:
    """The card of a file with weights of the class ``kind``, which must be as the card says.

    Raises
    ------
    FileNotFoundError
        If the weights or their card are not there
    ValueError
        If either is damaged, or of another class
    """
    file, card_file = weights_files(path)
    card = read_card(file)
    if card["type"] != kind:
        raise ValueError(f"{card_file}: expected weights of {kind}, got {card['type']}")
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file, although there is its card")
    status = file.stat()
    if _checksum(file, status.st_mtime_ns, status.st_size) != card["sha256"]:
        raise ValueError(
            f"{file}: expected the weights that {card_file.name} describes, got another "
            "or a damaged file (its checksum differs)"
        )
    return card


@lru_cache(maxsize=64)
def _checksum(file: Path, _modified: int, _size: int) -> str:
    """SHA-256 of a file, once for the many conditions of a sweep."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def weights_files(path: str | os.PathLike) -> tuple[Path, Path]:
    """File of the weights and of the card."""
    stem = os.fspath(path).removesuffix(WEIGHTS_SUFFIX)
    return Path(stem + WEIGHTS_SUFFIX), Path(stem + ".json")
