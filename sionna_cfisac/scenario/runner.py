"""Running a study: condition by condition, each on disk before the next starts."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.engines.ingredients import ingredients, noted_kinds
from sionna_cfisac.scenario.engines.result import ConditionResult, Values
from sionna_cfisac.scenario.engines.seeds import condition_seed
from sionna_cfisac.scenario.engines.timing import mark_first
from sionna_cfisac.scenario.engines.versions import versions
from sionna_cfisac.scenario.file.errors import RunError
from sionna_cfisac.scenario.results.files import write_atomic, write_json
from sionna_cfisac.scenario.results.folder import RESULTS, RUN, RunFolder
from sionna_cfisac.scenario.results.store import condition_file, read_condition, write_condition
from sionna_cfisac.scenario.results.table import Row, rows, to_csv, wall_times
from sionna_cfisac.scenario.study import Condition, Study

SNR = "link.snr_db"
"""Key along which a waterfall curve runs."""


class Display(Protocol):
    """Whoever wants to know how the run gets on."""

    def start(self, condition: Condition) -> None:
        """A condition starts."""

    def batch(self, condition: Condition, done: int, values: Values) -> None:
        """``done`` channels of a condition, or code blocks, are computed, with these values."""

    def finish(self, condition: Condition, table: list[Row], stored: bool) -> None:
        """A condition is on disk; ``stored`` if it was there before."""

    def warn(self, message: str) -> None:
        """Something is odd, but the run goes on."""


def run_study(study: Study, folder: Path, display: Display) -> list[Row]:
    """Run every condition that is not yet stored in the folder.

    Parameters
    ----------
    study : Study
        What to run
    folder : Path
        Output folder, prepared by
        :meth:`~sionna_cfisac.scenario.results.folder.OutputFolder.prepare`
    display : Display
        Told about the progress

    Returns
    -------
    list of Row
        The table, as in ``results.csv``

    Raises
    ------
    RunError
        If a method fails; the conditions finished before are stored
    """
    record = _Record(study, folder)
    _compare_versions(RunFolder(folder, study).read(), record.versions, display)
    for condition in study.conditions:
        found = _stored(folder, condition, display)
        if found is not None:
            display.finish(condition, record.add(condition, found), stored=True)
    record.write("running")
    called: set[tuple[str, tuple[int, ...]]] = set()
    status = "interrupted"
    try:
        for condition in record.missing():
            display.start(condition)
            skip = finished_methods(condition, record.table)
            result = _simulate(condition, display, skip)
            mark_first(result.calls, called)
            write_condition(folder, condition, result)
            new = record.add(condition, result)
            record.write("running")
            display.finish(condition, new, stored=False)
        status = "finished"
    except Exception:
        status = "failed"
        raise
    finally:
        record.write(status)
    return record.table


def _simulate(condition: Condition, display: Display, skip: Collection[str]) -> ConditionResult:
    def on_batch(done: int, values: Values) -> None:
        display.batch(condition, done, values)

    try:
        return engine_of(condition.scenario).run(on_batch, skip)
    except RunError as error:
        if not condition.columns:
            raise
        raise RunError(f"{error} (at {condition})") from error


def _stored(folder: Path, condition: Condition, display: Display) -> ConditionResult | None:
    try:
        found = read_condition(folder, condition)
        # a name stays the same when its network is trained again
        if found.weights != ingredients(condition.scenario):
            raise ValueError(f"{condition}: stored with other weights of a network, or other code")
    except FileNotFoundError:
        return None
    except ValueError as error:
        display.warn(f"{error}; this condition is computed again")
        return None
    return found


class _Record:
    """What ``results.csv`` and ``run.json`` say so far, in the order of the sweep."""

    def __init__(self, study: Study, folder: Path) -> None:
        self.study = study
        self.folder = folder
        self.versions = versions()
        self._rows: dict[int, list[Row]] = {}
        self._results: dict[int, ConditionResult] = {}

    def add(self, condition: Condition, result: ConditionResult) -> list[Row]:
        self._rows[condition.index] = rows(condition, result.values)
        self._results[condition.index] = replace(result, values={}, beams={})
        return self._rows[condition.index]

    def missing(self) -> list[Condition]:
        return [c for c in self.study.conditions if c.index not in self._rows]

    @property
    def table(self) -> list[Row]:
        return [row for index in sorted(self._rows) for row in self._rows[index]]

    def write(self, status: str) -> None:
        write_atomic(self.folder / RESULTS, to_csv(self.study.columns, self.table))
        place = RunFolder(self.folder, self.study)
        earlier = place.read() or {}
        run = {
            "format": place.format,
            "format_version": 1,
            "status": status,
            "scenario": self.study.resolved,
            "kinds": noted_kinds(self.study.scenario),
            "seed": self.study.scenario.seed,
            "conditions": [self._condition(condition) for condition in self.study.conditions],
            "versions": self.versions,
            "wall_time": wall_times(list(self._results.values())),
            "figures": earlier.get("figures", []),
        }
        write_json(self.folder / RUN, run)

    def _condition(self, condition: Condition) -> dict[str, Any]:
        result = self._results.get(condition.index)
        about: dict[str, Any] = {
            "columns": condition.columns,
            "seed": condition_seed(condition.scenario),
            "file": condition_file(self.folder, condition).relative_to(self.folder).as_posix(),
            "finished": result is not None,
        }
        if result is None:
            return about
        return {
            **about,
            "wall_time": wall_times([result]),
            **({"weights": result.weights} if result.weights else {}),
        }


def _compare_versions(run: dict[str, Any] | None, now: dict[str, str], display: Display) -> None:
    before: dict[str, str] = {} if run is None else run.get("versions", {})
    for package, number in before.items():
        if now.get(package) != number:
            display.warn(
                f"the stored conditions come from {package} {number}, "
                f"the others from {now.get(package)}"
            )


def finished_methods(condition: Condition, table: Iterable[Row]) -> set[str]:
    """Methods whose BLER lay below ``link.skip_below`` at a lower SNR, all else being equal.

    Parameters
    ----------
    condition : Condition
        What is to be simulated
    table : iterable of Row
        Results so far

    Returns
    -------
    set of str
        Methods whose interval at a lower SNR lay below the limit
    """
    link = condition.scenario.link
    here = condition.columns
    # the noise power of the channel stands where there is none, and is neither lower nor higher
    if link is None or link.skip_below is None or here.get(SNR) is None:
        return set()
    return {
        row.method
        for row in table
        if row.metric == "bler"
        and row.columns[SNR] is not None
        and row.columns[SNR] < here[SNR]
        and all(row.columns[key] == value for key, value in here.items() if key != SNR)
        and row.estimate.high < link.skip_below
    }
