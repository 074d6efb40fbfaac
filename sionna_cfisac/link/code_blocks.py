"""How the bits of a slot are cut into code blocks; imports nothing that is slow to load."""

from sionna_cfisac.radio import CODE_RATES, INFORMATION_BITS


def segment(
    num_symbols: int, bits_per_symbol: int, code_rate: float | None
) -> tuple[int, int, int]:
    """Cut the symbols of a slot into code blocks.

    Parameters
    ----------
    num_symbols : int
        Data symbols of a stream
    bits_per_symbol : int
        Bits of each
    code_rate : None or float
        Rate of the code; None makes one block of all bits

    Returns
    -------
    num_blocks, coded_bits, info_bits : int
        Number of blocks, and the bits of each

    Raises
    ------
    ValueError
        If no data symbols are left, or the blocks would be too short for the code
    """
    if num_symbols < 1:
        raise ValueError(
            "pilot_symbols: expected to leave OFDM symbols for data, got pilots on all of them"
        )
    total = num_symbols * bits_per_symbol
    if code_rate is None:
        return 1, total, total
    low, high = INFORMATION_BITS
    for blocks in range(1, num_symbols + 1):
        info = round(total / blocks * code_rate)
        if num_symbols % blocks or info > high:
            continue
        # rounding must not leave the range of rates
        info = min(max(info, -(-total // blocks // 5)), int(total / blocks * CODE_RATES[1]))
        if info >= low:
            return blocks, total // blocks, info
    raise ValueError(
        f"code_rate: expected {low} to {high} information bits in a block, got "
        f"{round(total * code_rate)} in the {num_symbols} data symbols of a slot"
    )
