"""What arguments of a link do not fit each other; imports nothing that is slow to load."""

from collections.abc import Iterator, Sequence

from sionna_cfisac.arguments import Place, one_of, raise_first
from sionna_cfisac.link.code_blocks import segment
from sionna_cfisac.radio import BEAMS_PER, MODULATIONS, RESOURCE_BLOCK

SLOT_BLOCK = 64
"""Slots per draw. Fewer would cost time, since a draw is a few hundred small operations; more would
take memory on street channels, and would be simulated beyond what is enough."""


def whole_blocks(slots: int) -> int:
    """Number of slots, rounded up to whole blocks."""
    return -(-slots // SLOT_BLOCK) * SLOT_BLOCK


def pilot_conflicts(
    pilot_symbols: Sequence[int], num_ofdm_symbols: int, estimation: str = "perfect"
) -> Iterator[tuple[Place, str]]:
    """Pilots on OFDM symbols that are not there or are named twice, and estimation without any.

    Parameters
    ----------
    pilot_symbols : list of int
        Indices of the OFDM symbols with pilots
    num_ofdm_symbols : int
        Number of OFDM symbols of a slot
    estimation : "perfect" | "ls"
        How UEs know their channels

    Yields
    ------
    (str or (str, int), str)
        The argument, or the entry of it, and what was expected and got
    """
    for index, symbol in enumerate(pilot_symbols):
        if symbol >= num_ofdm_symbols:
            yield (
                ("pilot_symbols", index),
                f"expected an index below num_ofdm_symbols {num_ofdm_symbols}, got {symbol}",
            )
        elif symbol in pilot_symbols[:index]:
            yield ("pilot_symbols", index), f"{symbol} is already in the list"
    if estimation == "ls" and not pilot_symbols:
        yield "pilot_symbols", "expected some for estimation: ls, got none"


def room_conflicts(
    num_subcarriers: int, pilot_symbols: Sequence[int], num_streams: int
) -> Iterator[tuple[Place, str]]:
    """Fewer subcarriers than streams that have pilots, each on subcarriers of its own.

    Parameters
    ----------
    num_subcarriers : int
        Number of subcarriers
    pilot_symbols : list of int
        Indices of the OFDM symbols with pilots; without any there is room
    num_streams : int
        Number of streams

    Yields
    ------
    (str, str)
        "num_subcarriers", and what was expected and got
    """
    if len(pilot_symbols) and num_streams > num_subcarriers:
        yield (
            "num_subcarriers",
            f"expected at least one for the pilots of each of the {num_streams} streams, "
            f"got {num_subcarriers}",
        )


def prefix_conflicts(
    cyclic_prefix_length: int, num_subcarriers: int
) -> Iterator[tuple[Place, str]]:
    """A cyclic prefix that is longer than the symbol.

    Parameters
    ----------
    cyclic_prefix_length : int
        In samples
    num_subcarriers : int
        Number of subcarriers

    Yields
    ------
    (str, str)
        "cyclic_prefix_length", and what was expected and got
    """
    if cyclic_prefix_length > num_subcarriers:
        yield (
            "cyclic_prefix_length",
            f"expected at most num_subcarriers {num_subcarriers}, got {cyclic_prefix_length}",
        )


def group_conflicts(num_subcarriers: int, beams_per: str) -> Iterator[tuple[Place, str]]:
    """Resource blocks that do not fit the subcarriers.

    Parameters
    ----------
    num_subcarriers : int
        Number of subcarriers
    beams_per : "subcarrier" | "resource_block" | "wideband"
        What one set of beams is for

    Yields
    ------
    (str, str)
        "num_subcarriers", and what was expected and got
    """
    if beams_per == "resource_block" and num_subcarriers % RESOURCE_BLOCK:
        yield (
            "num_subcarriers",
            f"expected a multiple of {RESOURCE_BLOCK} for beams_per: resource_block, "
            f"got {num_subcarriers}",
        )


def group_size(num_subcarriers: int, beams_per: str) -> int:
    """Number of subcarriers that share their beams.

    Raises
    ------
    ValueError
        If resource blocks do not fit the subcarriers, naming the argument
    """
    one_of(beams_per, "beams_per", BEAMS_PER)
    raise_first(group_conflicts(num_subcarriers, beams_per))
    sizes = {"subcarrier": 1, "resource_block": RESOURCE_BLOCK, "wideband": num_subcarriers}
    return sizes[beams_per]


def frame_conflicts(
    num_users: int,
    *,
    num_subcarriers: int,
    num_ofdm_symbols: int,
    cyclic_prefix_length: int,
    pilot_symbols: Sequence[int],
    modulation: str,
    code_rate: float | None,
    estimation: str,
    beams_per: str,
) -> Iterator[tuple[Place, str]]:
    """Everything that does not fit together in the arguments of a link.

    Parameters
    ----------
    num_users : int
        Number of UEs
    num_subcarriers, num_ofdm_symbols, cyclic_prefix_length, pilot_symbols, modulation, code_rate, \
    estimation, beams_per
        As in :class:`~sionna_cfisac.link.CellFreeOFDMLink`

    Yields
    ------
    (str or (str, int), str)
        The argument, or the entry of it, and what was expected and got
    """
    yield from pilot_conflicts(pilot_symbols, num_ofdm_symbols, estimation)
    yield from room_conflicts(num_subcarriers, pilot_symbols, num_users)
    yield from group_conflicts(num_subcarriers, beams_per)
    yield from prefix_conflicts(cyclic_prefix_length, num_subcarriers)
    data_symbols = num_ofdm_symbols - len(set(pilot_symbols))
    try:
        segment(num_subcarriers * data_symbols, MODULATIONS[modulation], code_rate)
    except ValueError as error:
        name, _, message = str(error).partition(": ")
        yield name, message
