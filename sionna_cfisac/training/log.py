"""Logs of a training: a CSV file, and TensorBoard's event files."""

import csv
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from sionna_cfisac.training.validation import Score

_COLUMNS = ["epoch", "step", "seconds", "learning_rate", "objective"]


class Logs:
    """Writes a row after every epoch.

    Parameters
    ----------
    folder : Path
        ``log.csv`` and ``tensorboard/`` go here; TensorBoard's only where it is installed
    sensing_weights : list of float
        Weights of the validation
    epoch : int
        First epoch to be written; rows from it on are dropped from an existing file
    """

    def __init__(self, folder: Path, sensing_weights: Sequence[float], epoch: int) -> None:
        self._file = folder / "log.csv"
        names = [f"{what}_beta{w:g}" for w in sensing_weights for what in ("utility", "share")]
        self._header = [*_COLUMNS, *names]
        kept: list[list[str]] = []
        if epoch and self._file.exists():
            with self._file.open(newline="", encoding="utf-8") as old:
                kept = [row for row in list(csv.reader(old))[1:] if row and int(row[0]) < epoch]
        partial = self._file.with_name("partial-" + self._file.name)
        with partial.open("w", newline="", encoding="utf-8") as new:
            csv.writer(new).writerows([self._header, *kept])
        os.replace(partial, self._file)
        self._stream = self._file.open("a", newline="", encoding="utf-8")
        self._csv = csv.writer(self._stream)
        self._board = _board(folder / "tensorboard")

    def write(
        self,
        epoch: int,
        step: int,
        seconds: float,
        learning_rate: float,
        objective: float,
        scores: Sequence[Score],
    ) -> None:
        """Write what an epoch came to."""
        values = [v for score in scores for v in (score.utility, score.share)]
        row = [epoch, step, round(seconds, 1), learning_rate, objective, *values]
        self._csv.writerow(["" if value is None else value for value in row])
        self._stream.flush()
        if self._board is not None:
            for name, value in list(zip(self._header, row, strict=True))[2:]:
                if value is not None:
                    self._board.add_scalar(name, float(value), step)
            self._board.flush()

    def __enter__(self) -> "Logs":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        if self._board is not None:
            self._board.close()


def _board(folder: Path) -> Any:
    """TensorBoard's writer, or None where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from tensorboard.summary import Writer

    return Writer(str(folder))
