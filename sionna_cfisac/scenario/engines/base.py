"""What an engine is: a way to run a condition, and what comes of it.

There are three: channels that are drawn and measured (``flat``), slots of a link that are sent bit
by bit (``link``), and a training (``training``). Which one a scenario takes is decided in
``choice.py`` and nowhere else. An engine imports what is slow to load only when it runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from sionna_cfisac.scenario.engines.result import ConditionResult, Values
from sionna_cfisac.scenario.file.errors import RunError
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.wording import reason

if TYPE_CHECKING:
    from sionna_cfisac.statistics import Estimate

R = TypeVar("R")

LOADED = 0.8e9
"""Bytes of a process that has loaded everything and computed nothing."""


class Engine(ABC, Generic[R]):
    """Runs one scenario, or one condition of a study.

    Parameters
    ----------
    scenario : ScenarioSpec
        What to run
    """

    unit: ClassVar[str]
    """What its work is counted in."""
    amount_key: ClassVar[str]
    """Key of the scenario that says how much work it is, at most."""
    amount_is_limit: ClassVar[bool] = False
    """Whether it may be less."""

    def __init__(self, scenario: ScenarioSpec) -> None:
        self.scenario = scenario

    @property
    def amount(self) -> int:
        """How much work it is, at most."""
        value: Any = self.scenario
        for step in self.amount_key.split("."):
            value = getattr(value, step)
        return int(value)

    @abstractmethod
    def run(
        self, observe: Callable[[int, Any], None] | None = None, skip: Collection[str] = ()
    ) -> R:
        """Do the work.

        Parameters
        ----------
        observe : callable, optional
            Told how much is done and what has come of it so far
        skip : collection of str
            Methods to leave out, of those whose results do not depend on each other

        Raises
        ------
        RunError
            If it cannot be done
        """


class ConditionEngine(Engine[ConditionResult]):
    """An engine whose results are values of measures, method by method."""

    batch_key: ClassVar[str]
    """Key of the scenario that says how much of the work is done at once."""
    least_batch: ClassVar[int]
    """A batch below which less does not take less memory."""
    fast_amount: ClassVar[int]
    """Most work with ``--fast`` where the file has no section ``fast``."""

    @classmethod
    @abstractmethod
    def fast(cls, tree: dict[str, Any]) -> int | None:
        """What ``--fast`` sets the amount to where the file does not say; None for nothing."""

    @property
    @abstractmethod
    def main_metric(self) -> str:
        """The metric to watch while it runs."""

    @abstractmethod
    def estimates(self, values: Values) -> "Iterator[tuple[str, str, Estimate]]":
        """Method, metric and estimate of everything that was measured, in the order of the file."""

    @abstractmethod
    def num_values(self, values: dict[str, Any]) -> int:
        """How many values of each metric a method must have, given what it has."""

    @abstractmethod
    def memory(self) -> dict[str, float]:
        """Bytes at the peak beside :data:`LOADED`, by the key of the scenario that they grow with.

        An estimate: ``benchmarks/memory.py`` compares it with what is measured.
        """

    @abstractmethod
    def start(self) -> None:
        """Get what is slow to load, or talks while it does, over with before anything is shown."""


def guard(label: str, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run somebody's code and say whose it was when it fails."""
    try:
        return action(*arguments, **options)
    except RunError:
        raise  # says so already
    except Exception as error:
        raise RunError(f"{label}: {type(error).__name__}: {reason(error)}") from error
