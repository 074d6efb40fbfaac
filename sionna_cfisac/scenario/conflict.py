"""Values of a scenario that do not fit each other."""

from typing import NamedTuple

from sionna_cfisac.scenario.document import Path


class Conflict(NamedTuple):
    """Values that do not fit each other.

    Attributes
    ----------
    path : Path
        Where to report it
    message : str
        What was expected and what was got
    inputs : tuple of Path
        The other values that it depends on
    """

    path: Path
    message: str
    inputs: tuple[Path, ...] = ()
