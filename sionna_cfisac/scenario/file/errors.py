"""What can be wrong with a scenario or a run, in words for the person who wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass


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
