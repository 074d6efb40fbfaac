"""What can be wrong with a scenario or a run, in words for the person who wrote it."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input.

    Attributes
    ----------
    where : str
        ``FILE:LINE``, ``FILE`` or the command-line option
    key : str
        Dotted key, or empty where the whole file is meant
    message : str
        What was expected and what was got
    """

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        if not self.key or self.where == f"--set {self.key}":
            return f"{self.where}: {self.message}"
        return f"{self.where}: {self.key}: {self.message}"


class ScenarioError(ValueError):
    """The input is wrong; carries every problem found.

    Attributes
    ----------
    problems : list of Problem
        In the order of the file
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RunError(RuntimeError):
    """The run failed although the input is right."""


def show(value: Any, limit: int = 60) -> str:
    """``repr`` of a value from a file, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def suggestion(word: Any, candidates: Sequence[str]) -> str:
    """``; did you mean '…'?``, or the list of candidates where none is close."""
    close = closest(word, candidates)
    if close is not None:
        return f"; did you mean '{close}'?"
    return f"; expected one of {', '.join(candidates)}" if candidates else ""


def closest(word: Any, candidates: Sequence[str]) -> str | None:
    """The candidate that ``word`` most likely misspells."""
    if not isinstance(word, str):
        return None
    lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None
