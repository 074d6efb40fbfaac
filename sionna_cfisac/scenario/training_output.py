"""The output folder of a training: whose it is, and what may be done with it."""

import json
import os
import re
from pathlib import Path
from typing import Any

from sionna_cfisac.beamforming.weights import weights_files
from sionna_cfisac.scenario.errors import Problem, ScenarioError
from sionna_cfisac.scenario.files import write_json
from sionna_cfisac.scenario.output import differing_keys
from sionna_cfisac.scenario.schema import ScenarioSpec, resolved

FORMAT = "sionna_cfisac training"
# a scenario's name cannot begin with "_", so its weights and card cannot meet these
RECORD = "_training.json"

_KEYS = ("seed", "network", "channel", "noise_power", "sensing", "objective", "training")
_BACKEND = "Keras backend"
_BOARD = "tensorboard"
# what sionna_cfisac.training writes, which takes long to load
_FILES = ("log.csv", "_last.weights.h5", "_best.weights.h5")
_EVENTS = re.compile(r"events\.out\.tfevents\..*")


def prepare_training(
    folder: Path,
    scenario: ScenarioSpec,
    backend: str,
    resume: bool = False,
    force: bool = False,
) -> None:
    """Make sure that a training into this folder overwrites nothing of anybody else's.

    Parameters
    ----------
    folder : Path
        Output folder; need not exist
    scenario : ScenarioSpec
        What is to be trained
    backend : str
        Backend of Keras; the numbers that it draws, and so a training, are its own
    resume : bool
        Continue a training of the same scenario
    force : bool
        Remove what an earlier training left; other files always stay

    Raises
    ------
    ScenarioError
        If the folder holds something that the training would overwrite or mix with
    """
    wanted = {key: value for key, value in resolved(scenario).items() if key in _KEYS}
    wanted[_BACKEND] = backend
    stored = _read(folder)
    problem = _refusal(folder, stored, scenario.name, wanted, resume, force)
    if problem is not None:
        raise ScenarioError([Problem(str(folder), "", problem)])
    try:
        if stored is not None and force:
            _remove(folder, _name(stored, scenario.name))
        folder.mkdir(parents=True, exist_ok=True)
        record = {"format": FORMAT, "name": scenario.name, "scenario": wanted}
        write_json(folder / RECORD, record)
    except OSError as error:
        message = f"cannot be written to: {error.strerror or error}"
        raise ScenarioError([Problem(str(folder), "", message)]) from None


def keras_backend() -> str:
    """The backend that Keras will load, without loading it."""
    given = os.environ.get("KERAS_BACKEND")
    if given:
        return given
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        return str(json.loads((home / "keras.json").read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def _refusal(
    folder: Path,
    stored: dict[str, Any] | None,
    name: str,
    wanted: dict[str, Any],
    resume: bool,
    force: bool,
) -> str | None:
    """What speaks against training into this folder; changes nothing."""
    parents = [parent for parent in (folder, *folder.parents) if parent.exists()]
    if parents and not parents[0].is_dir():
        return f"expected a folder, but {parents[0]} is a file"
    if stored is None:
        return _other_files(folder, name, force) if folder.is_dir() else None
    others = [n for n in _written(name) if n not in _written(_name(stored, name))]
    foreign = [n for n in others if (folder / n).exists()]
    if foreign:
        return f"holds {', '.join(foreign)} of somebody else; choose another --output"
    if resume:
        different = _differing(stored, name, wanted)
        if different:
            return (
                "--resume needs the scenario of the stored training, which differs in "
                f"{', '.join(different)}; choose another --output, or start anew with --force"
            )
    elif not force:
        return (
            f"already holds a training of the scenario '{_name(stored, name)}'; continue it with "
            "--resume, replace it with --force, or choose another --output"
        )
    return None


def _other_files(folder: Path, name: str, force: bool) -> str | None:
    names = sorted(file.name for file in folder.iterdir())
    ours = [n for n in names if n in (_BOARD, *_written(name))]
    if ours:
        return f"holds {', '.join(ours)} that 'cfisac train' did not write; choose another --output"
    if not names or force:
        return None
    return (
        f"holds other files ({', '.join(names[:3])}{', …' if len(names) > 3 else ''}); "
        "choose another --output, or add the training to it with --force"
    )


def _differing(stored: dict[str, Any], name: str, wanted: dict[str, Any]) -> list[str]:
    different = [] if _name(stored, name) == name else ["name"]
    for key in (*_KEYS, _BACKEND):
        one, other = stored["scenario"].get(key), wanted.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            different += differing_keys(one, other, f"{key}.")
        elif one != other:
            different.append(key)
    return different


def _name(stored: dict[str, Any], default: str) -> str:
    return str(stored.get("name", default))


def _written(name: str) -> list[str]:
    """Names of the files that the training of a scenario writes, half-written ones included."""
    results = [file.name for file in weights_files(name)]
    return [
        RECORD,
        f".{RECORD}.part",
        *_FILES,
        *(f"partial-{file}" for file in _FILES),
        *results,
        *(f"{file}.partial" for file in results),
    ]


def _remove(folder: Path, name: str) -> None:
    """Remove what an earlier training wrote, and nothing else."""
    board = folder / _BOARD
    events = [file for file in board.glob("*") if _EVENTS.fullmatch(file.name)]
    for file in [*(folder / written for written in _written(name)), *events]:
        if file.is_file():
            file.unlink()
    if board.is_dir() and not any(board.iterdir()):
        os.rmdir(board)


def _read(folder: Path) -> dict[str, Any] | None:
    """What an earlier training noted in the folder, or None where there was none."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    good = isinstance(record, dict) and record.get("format") == FORMAT
    return record if good and isinstance(record.get("scenario"), dict) else None
