"""What channels and scenario files both know about radio; imports nothing that is slow to load."""

from collections.abc import Iterator, Sequence

UNIT_SCALE_NOISE = 0.1
"""Noise power of the paper's set-up, where channel gains and the total power are around 1."""

THERMAL_NOISE = 6.3e-13
"""Noise power in W of a receiver with 20 MHz bandwidth and a noise figure of 9 dB (-92 dBm)."""

LEAST_LOSS_DB = 50.0
"""What the shortest links of a map lose at the least, in dB, from :data:`LEAST_FREQUENCY` on and
with shadowing of no more than :data:`MOST_SHADOWING_DB`."""

LEAST_FREQUENCY = 0.5e9
MOST_SHADOWING_DB = 12.0

URBAN_UE_HEIGHTS = {"umi": (1.5, 22.5), "uma": (1.5, 13.0)}
"""UE heights in metres for which the urban path-loss formulas hold as they are here."""

MODULATIONS = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
"""Bits per symbol of the constellations of a link."""

CODE_RATES = (0.2, 0.95)
"""Lowest and highest rate of the 5G LDPC code."""

INFORMATION_BITS = (12, 8448)
"""Fewest and most information bits of a 5G LDPC code block."""

RESOURCE_BLOCK = 12
"""Subcarriers of a resource block."""

BEAMS_PER = ("subcarrier", "resource_block", "wideband")
"""What one set of beams can be for."""

CHANNEL_ESTIMATIONS = ("perfect", "ls")
"""How the UEs of a link know their channels."""

SNR_DEFINITIONS = ("transmit", "ap", "receive")
"""What the SNR of a link may relate to the noise, see ``link.noise``."""


def urban_conflicts(
    model: str,
    carrier_frequency: float | None,
    ap_heights: Sequence[float],
    ue_heights: Sequence[float],
) -> Iterator[tuple[str, str]]:
    """What the path-loss formulas of 3GPP TR 38.901, table 7.4.1-1, are not made for.

    Parameters
    ----------
    model : "umi" | "uma"
        Scenario of the table
    carrier_frequency : None or float
        Carrier frequency in Hz, good from 0.5 to 100 GHz; None is not checked
    ap_heights, ue_heights : list of float
        Heights in metres, maybe none; those of APs are good above 1 m

    Yields
    ------
    (str, str)
        "carrier_frequency", "ap" or "ue", and what was expected and got
    """
    if carrier_frequency is not None and not 0.5e9 <= carrier_frequency <= 100e9:
        yield (
            "carrier_frequency",
            f"expected 0.5e9 to 100e9 Hz for {model!r}, got {carrier_frequency!r}",
        )
    low, high = URBAN_UE_HEIGHTS[model]
    if ue_heights and (min(ue_heights) < low or max(ue_heights) > high):
        yield (
            "ue",
            f"expected UE heights of {low} to {high} m for {model!r}, "
            f"got {min(ue_heights)} to {max(ue_heights)}",
        )
    if ap_heights and min(ap_heights) <= 1.0:
        yield "ap", f"expected AP heights above 1 m for {model!r}, got {min(ap_heights)}"
