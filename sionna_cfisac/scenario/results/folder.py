"""Output folders: whose they are, and what may be done with them.

A run and a training follow the same rules: what somebody else wrote is never touched, what we wrote
is replaced only with ``--force``, and continued with ``--resume`` only where nothing that counts
differs.
"""

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from sionna_cfisac.beamforming.weights import weights_files
from sionna_cfisac.scenario.engines.ingredients import training_code
from sionna_cfisac.scenario.file.errors import Problem, ScenarioError
from sionna_cfisac.scenario.results.files import write_json
from sionna_cfisac.scenario.rules.check import check_values
from sionna_cfisac.scenario.schema.resolved import RESULT, part
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.study import Study, study_of

RUN = "run.json"
RESULTS = "results.csv"
CONDITIONS = "conditions"

_BACKEND = "Keras backend"
_CODE = "code"


class OutputFolder(ABC):
    """A folder that a command writes to.

    Parameters
    ----------
    path : Path
        Need not exist
    scenario : ScenarioSpec
        What the command is for
    """

    command: ClassVar[str]
    """What writes there."""
    product: ClassVar[str]
    """What it writes, in words."""
    addition: ClassVar[str]
    """The same where it comes to something else."""
    pronoun: ClassVar[str]
    """Which takes the place of that word."""
    record: ClassVar[str]
    """File that says what the folder holds."""
    format: ClassVar[str]
    """What stands under ``format`` in it."""

    def __init__(self, path: Path, scenario: ScenarioSpec) -> None:
        self.path = path
        self.scenario = scenario

    @abstractmethod
    def claims(self, name: str) -> list[str]:
        """Names of what the command writes directly into the folder for a scenario's name."""

    @abstractmethod
    def written(self, stored: dict[str, Any]) -> Iterator[Path]:
        """Files that an earlier command wrote, as its record says; some may not be there."""

    @abstractmethod
    def counted(self) -> dict[str, Any]:
        """Everything that must be the same for a continuation."""

    @abstractmethod
    def counted_of(self, stored: dict[str, Any]) -> dict[str, Any]:
        """The same of an earlier command, from its record."""

    @abstractmethod
    def state(self, stored: dict[str, Any]) -> str:
        """What an earlier command left, in words."""

    def read(self) -> dict[str, Any] | None:
        """The record of the folder, or None where there is none of ours."""
        return read_record(self.path / self.record, self.format)

    def prepare(self, resume: bool = False, force: bool = False) -> None:
        """Make sure that writing here overwrites nothing of anybody else's.

        Parameters
        ----------
        resume : bool
            Continue what is there, if it is of the same scenario
        force : bool
            Remove what an earlier command left; other files always stay

        Raises
        ------
        ScenarioError
            If the folder holds something that would be overwritten or mixed with
        """
        stored = self.read()
        reason = self._refusal(stored, resume, force)
        if reason is not None:
            raise ScenarioError([Problem(str(self.path), "", reason)])
        try:
            if stored is not None and force and not resume:
                self._remove(stored)
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK):
                raise PermissionError
        except OSError as error:
            reason = "this folder cannot be written to"
            if error.strerror:
                reason = f"{reason}: {error.strerror}"
            raise ScenarioError([Problem(str(self.path), "", reason)]) from None

    def _refusal(self, stored: dict[str, Any] | None, resume: bool, force: bool) -> str | None:
        """What speaks against writing here; changes nothing."""
        parents = [parent for parent in (self.path, *self.path.parents) if parent.exists()]
        if parents and not parents[0].is_dir():
            return f"expected a folder, but {parents[0]} is a file"
        names = sorted(file.name for file in self.path.iterdir()) if self.path.is_dir() else []
        if not names:
            return None
        if stored is None:
            return self._other_files(names, force)
        before = self.claims(self._name_of(stored))
        foreign = [n for n in names if n in self.claims(self.scenario.name) and n not in before]
        if foreign:
            return f"holds {', '.join(foreign)} of somebody else; choose another --output"
        if resume:
            different = differing_keys(self.counted_of(stored), self.counted())
            if different:
                return (
                    f"--resume needs the scenario of the stored {self.product}, which differs in "
                    f"{', '.join(different)}; choose another --output, or start anew with --force"
                )
        elif not force:
            return (
                f"already holds {self.state(stored)} of the scenario '{self._name_of(stored)}'; "
                f"continue {self.pronoun} with --resume, replace {self.pronoun} with --force, or "
                "choose another --output"
            )
        return None

    def _other_files(self, names: list[str], force: bool) -> str | None:
        ours = [name for name in names if name in self.claims(self.scenario.name)]
        if ours:
            return (
                f"holds {', '.join(ours)} that '{self.command}' did not write; choose another "
                "--output"
            )
        if force:
            return None
        return (
            f"holds other files ({', '.join(names[:3])}{', …' if len(names) > 3 else ''}); "
            f"choose another --output, or add {self.addition} to it with --force"
        )

    def _remove(self, stored: dict[str, Any]) -> None:
        """Remove what an earlier command wrote, and nothing else."""
        folders = set()
        for file in list(self.written(stored)):
            if file.is_file():
                file.unlink()
            if file.parent != self.path:
                folders.add(file.parent)
        for folder in folders:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _name_of(self, stored: dict[str, Any]) -> str:
        return str(stored.get("name") or stored["scenario"].get("name") or self.scenario.name)


class RunFolder(OutputFolder):
    """Results of ``cfisac run``."""

    command = "cfisac run"
    product = "results"
    addition = "results"
    pronoun = "them"
    record = RUN
    format = "sionna_cfisac results"

    _condition = re.compile(r"\.?\d{4,}-[0-9a-f]{12}\.npz(\.part)?")

    def __init__(self, path: Path, study: Study) -> None:
        super().__init__(path, study.scenario)

    def claims(self, name: str) -> list[str]:
        """The record, the table, the stored conditions."""
        return [RUN, RESULTS, CONDITIONS]

    def written(self, stored: dict[str, Any]) -> Iterator[Path]:
        """Those and the figures."""
        figures = [str(name) for name in stored.get("figures", [])]
        for name in (RUN, RESULTS, f".{RUN}.part", f".{RESULTS}.part", *figures):
            # a name with a folder in it was not written by us
            if Path(name).name == name:
                yield self.path / name
        for pattern in ("*", ".*.part"):
            for file in (self.path / CONDITIONS).glob(pattern):
                if self._condition.fullmatch(file.name):
                    yield file

    def state(self, stored: dict[str, Any]) -> str:
        """Whether the run was finished."""
        return "results" if stored.get("status") == "finished" else "unfinished results"

    def counted(self) -> dict[str, Any]:
        """What changes a number, and which conditions there are."""
        return _counted(self.scenario)

    def counted_of(self, stored: dict[str, Any]) -> dict[str, Any]:
        """The same of the stored scenario, with the defaults that keys have got since."""
        known = stored.get("kinds")
        scenario, _ = check_values(stored["scenario"], weights=False, known=known)
        return stored["scenario"] if scenario is None else _counted(scenario)


def read_study(path: Path) -> Study:
    """The study whose finished results a folder holds.

    Raises
    ------
    ScenarioError
        If it holds none, or they are not finished
    """
    stored = read_record(path / RUN, RunFolder.format)
    if stored is None:
        raise ScenarioError([Problem(str(path), "", "holds no results of 'cfisac run'")])
    if stored["status"] != "finished":
        message = "the run is not finished; continue it with 'cfisac run FILE --resume'"
        raise ScenarioError([Problem(str(path), "", message)])
    return study_of(stored["scenario"], str(path / RUN), stored.get("kinds"))


def read_record(file: Path, kind: str) -> dict[str, Any] | None:
    """What a record of this format says, or None where there is none."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    good = isinstance(stored, dict) and stored.get("format") == kind
    return stored if good and isinstance(stored.get("scenario"), dict) else None


def _counted(scenario: ScenarioSpec) -> dict[str, Any]:
    # the order of the keys is that of the conditions
    sweep = [[key, values] for key, values in scenario.model_dump(mode="json")["sweep"].items()]
    return {**part(scenario, RESULT), "sweep": sweep}


class TrainingFolder(OutputFolder):
    """Weights, logs and checkpoints of ``cfisac train``."""

    command = "cfisac train"
    product = "training"
    addition = "the training"
    pronoun = "it"
    # a scenario's name cannot begin with "_", so its weights and card cannot meet these
    record = "_training.json"
    format = "sionna_cfisac training"

    # what sionna_cfisac.training writes, which takes long to load
    _files = ("log.csv", "_last.weights.h5", "_best.weights.h5")
    _board = "tensorboard"
    _event = re.compile(r"events\.out\.tfevents\..*")

    def state(self, stored: dict[str, Any]) -> str:
        """One word for finished and unfinished ones."""
        return "a training"

    def claims(self, name: str) -> list[str]:
        """Names of everything that a training writes, half-written files included."""
        return [self._board, *self._names(name)]

    def written(self, stored: dict[str, Any]) -> Iterator[Path]:
        """Those and TensorBoard's files."""
        for name in self._names(self._name_of(stored)):
            yield self.path / name
        for file in (self.path / self._board).glob("*"):
            if self._event.fullmatch(file.name):
                yield file

    def counted(self) -> dict[str, Any]:
        """What changes the training; the numbers that it draws are those of Keras' backend."""
        values = part(self.scenario, ["train"])
        code = training_code(self.scenario)
        if code:
            values[_CODE] = code
        return {"name": self.scenario.name, **values, _BACKEND: keras_backend()}

    def counted_of(self, stored: dict[str, Any]) -> dict[str, Any]:
        """What the record says, with the defaults that keys have got since."""
        values = dict(stored["scenario"])
        name, backend = self._name_of(stored), values.pop(_BACKEND, None)
        code = values.pop(_CODE, None)
        tree = {"schema_version": 1, "name": name, **values}
        scenario, _ = check_values(tree, weights=False)
        if scenario is not None:
            values = part(scenario, ["train"])
        if code:
            values[_CODE] = code
        return {"name": name, **values, _BACKEND: backend}

    def prepare(self, resume: bool = False, force: bool = False) -> None:
        """See the base class; leaves the record in the folder."""
        super().prepare(resume, force)
        counted = self.counted()
        name = counted.pop("name")
        write_json(
            self.path / self.record, {"format": self.format, "name": name, "scenario": counted}
        )

    def has_checkpoint(self) -> bool:
        """Whether an interrupted training can go on from the middle."""
        return (self.path / "_last.weights.h5").exists()

    def _names(self, name: str) -> list[str]:
        results = [file.name for file in weights_files(name)]
        return [
            self.record,
            f".{self.record}.part",
            *self._files,
            *(f"partial-{file}" for file in self._files),
            *results,
            *(f"{file}.partial" for file in results),
        ]


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


def differing_keys(stored: Any, wanted: Any, prefix: str = "") -> list[str]:
    """Dotted keys in which two sets of plain values differ."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        pairs = {key: (stored.get(key), wanted.get(key)) for key in {**stored, **wanted}}
    elif _sections(stored) and _sections(wanted) and len(stored) == len(wanted):
        pairs = {str(index): pair for index, pair in enumerate(zip(stored, wanted, strict=True))}
    else:
        return [] if stored == wanted else [prefix]
    return [
        key
        for name, (one, other) in pairs.items()
        for key in differing_keys(one, other, f"{prefix}.{name}".strip("."))
    ]


def _sections(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
