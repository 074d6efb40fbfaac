"""What arguments of channels do not fit each other; imports nothing that is slow to load."""

import math
from collections.abc import Iterator, Sequence


def angle_conflicts(angle_range: Sequence[float]) -> Iterator[tuple[str, str]]:
    """An interval of angles in radian that is none.

    Parameters
    ----------
    angle_range : (float, float)
        Lower and upper end

    Yields
    ------
    (str, str)
        "angle_range", and what was expected and got
    """
    low, high = angle_range
    if not -math.pi <= low <= high <= math.pi:
        yield "angle_range", f"expected -pi <= low <= high <= pi, got {list(angle_range)}"


def length_conflicts(
    name: str, value: Sequence[object] | None, size_name: str, size: int
) -> Iterator[tuple[str, str]]:
    """A list that has not as many entries as the network has parts.

    Parameters
    ----------
    name : str
        What the list is called
    value : None or list
        The list
    size_name : str
        What the number of parts is called
    size : int
        That number

    Yields
    ------
    (str, str)
        ``name``, and what was expected and got
    """
    if value is not None and len(value) != size:
        yield name, f"expected {size} entries ({size_name}), got {len(value)}"


def csi_conflicts(
    error_variance: float | None, pilot_snr_db: float | None
) -> Iterator[tuple[str, str]]:
    """Both ways to say how good the channel estimates are.

    Parameters
    ----------
    error_variance : None or float
        Variance of the error relative to the gain of the link
    pilot_snr_db : None or float
        SNR of pilots in dB

    Yields
    ------
    (str, str)
        "pilot_snr_db", and what was expected and got
    """
    if error_variance is not None and pilot_snr_db is not None:
        yield "pilot_snr_db", "expected either error_variance or pilot_snr_db, got both"
