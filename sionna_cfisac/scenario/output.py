"""The output folder: whose it is, and what may be done with it."""

import json
import os
import re
from pathlib import Path
from typing import Any

from sionna_cfisac.scenario.errors import Problem, ScenarioError
from sionna_cfisac.scenario.load import Study

FORMAT = "sionna_cfisac results"
RUN = "run.json"
RESULTS = "results.csv"
CONDITIONS = "conditions"

_CONDITION = re.compile(r"\.?\d{4,}-[0-9a-f]{12}\.npz(\.part)?")
_PARTIAL = (f".{RUN}.part", f".{RESULTS}.part")
# none of them changes a number
_FREE = ("batch_size", "figures", "fast", "training")


def read_run(folder: Path) -> dict[str, Any] | None:
    """``run.json`` of a folder, or None where there is none of ours."""
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return run if isinstance(run, dict) and run.get("format") == FORMAT else None


def prepare_output(folder: Path, study: Study, resume: bool = False, force: bool = False) -> None:
    """Make sure that a run into this folder overwrites nothing of anybody else's.

    Parameters
    ----------
    folder : Path
        Output folder; need not exist
    study : Study
        What is to be run
    resume : bool
        Continue results of the same scenario
    force : bool
        Remove results that an earlier run left; other files always stay

    Raises
    ------
    ScenarioError
        If the folder holds something that the run would overwrite or mix with
    """
    problem = check_output(folder, study, resume, force)
    if problem is not None:
        raise ScenarioError([problem])
    if force and not resume:
        for file in own_files(folder):
            file.unlink()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise ScenarioError([Problem(str(folder), "", "this folder cannot be written to")])


def check_output(folder: Path, study: Study, resume: bool, force: bool) -> Problem | None:
    """What speaks against running into this folder; changes nothing."""

    def refuse(message: str) -> Problem:
        return Problem(str(folder), "", message)

    parents = [parent for parent in (folder, *folder.parents) if parent.exists()]
    if parents and not parents[0].is_dir():
        return refuse(f"expected a folder, but {parents[0]} is a file")
    names = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    if not names:
        return None
    run = read_run(folder)
    if run is None:
        ours = [name for name in names if name in (RUN, RESULTS, CONDITIONS)]
        if force and not ours:
            return None
        if ours:
            return refuse(
                f"holds {', '.join(ours)} that 'cfisac run' did not write; choose another --output"
            )
        return refuse(
            f"holds other files ({', '.join(names[:3])}{', …' if len(names) > 3 else ''}); "
            "choose another --output, or add results to it with --force"
        )
    if resume:
        different = differing_keys(run.get("scenario", {}), study.resolved)
        if different:
            return refuse(
                f"--resume needs the scenario of the stored results, which differs in "
                f"{', '.join(different)}; choose another --output, or start anew with --force"
            )
        return None
    if force:
        return None
    state = "results" if run.get("status") == "finished" else "unfinished results"
    return refuse(
        f"already holds {state} of the scenario '{run.get('scenario', {}).get('name')}'; "
        "continue them with --resume, replace them with --force, or choose another --output"
    )


def own_files(folder: Path) -> list[Path]:
    """Files in a folder that an earlier run wrote; none in a folder that is not ours."""
    run = read_run(folder)
    if run is None:
        return []
    figures = [str(name) for name in run.get("figures", [])]
    # a name with a folder in it was not written by us
    named = [
        folder / name for name in (RUN, RESULTS, *_PARTIAL, *figures) if Path(name).name == name
    ]
    stored = folder / CONDITIONS
    inside = [file for file in stored.glob("*") if _CONDITION.fullmatch(file.name)]
    partial = [file for file in stored.glob(".*.part") if _CONDITION.fullmatch(file.name)]
    return [file for file in dict.fromkeys([*named, *inside, *partial]) if file.is_file()]


def differing_keys(stored: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys in which two resolved scenarios differ, except those that change no number."""
    different: list[str] = []
    for key in dict.fromkeys([*stored, *wanted]):
        if not prefix and key in _FREE:
            continue
        one, other = stored.get(key), wanted.get(key)
        if isinstance(one, dict) and isinstance(other, dict) and key != "sweep":
            different += differing_keys(one, other, f"{prefix}{key}.")
        elif one != other or (key == "sweep" and list(one or []) != list(other or [])):
            different.append(f"{prefix}{key}")
    return different
