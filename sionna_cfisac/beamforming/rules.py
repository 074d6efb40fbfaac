"""What beamformers do not fit; imports nothing that is slow to load."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

OPTIMIZED_TOGETHER = 512
"""Channels that are optimised together; more only costs memory, and waits for the slowest."""


def null_space_conflicts(num_tx_ant: int, num_users: int) -> Iterator[tuple[str, str]]:
    """Too few antennas for a null space of the users' channels.

    Parameters
    ----------
    num_tx_ant : int
        Antennas of each AP
    num_users : int
        Number of UEs

    Yields
    ------
    (str, str)
        "num_tx_ant", and what was expected and got
    """
    if num_tx_ant <= num_users:
        yield (
            "num_tx_ant",
            f"needs more antennas per AP than UEs, got num_tx_ant {num_tx_ant} and num_users "
            f"{num_users}",
        )


def one_target_conflicts(num_targets: int, sensing_weight: float) -> Iterator[tuple[str, str]]:
    """Several targets where one can be handled; at weight 0 they do not matter.

    Parameters
    ----------
    num_targets : int
        Number of targets
    sensing_weight : float
        Weight of sensing

    Yields
    ------
    (str, str)
        "num_targets", and what was expected and got
    """
    if sensing_weight > 0 and num_targets > 1:
        yield "num_targets", f"handles one target, got num_targets {num_targets}"


def range_conflicts(
    name: str, values: Sequence[float], allowed: tuple[float, float]
) -> Iterator[tuple[str, str]]:
    """Values that a conditioned network is not made for.

    Parameters
    ----------
    name : str
        What they are called
    values : list of float
        The values
    allowed : (float, float)
        Lowest and highest good value

    Yields
    ------
    (str, str)
        ``name``, and what was expected and got
    """
    low, high = allowed
    odd = [value for value in values if not low <= value <= high]
    if odd:
        yield name, f"a conditioned network is made for {low:g} to {high:g}, got {odd[0]:g}"


def architecture_conflicts(
    stored: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Initial weights of another architecture than that to train.

    Parameters
    ----------
    stored : dict
        Architecture of the weights
    wanted : dict
        That to train. A network that reads the weight may start from one that does not

    Yields
    ------
    (str, str)
        Name of what differs, and the values
    """
    for key, value in wanted.items():
        found = stored.get(key, value)
        if found != value and not (key == "conditioned" and value):
            yield key, f"{found}, not {value}"
