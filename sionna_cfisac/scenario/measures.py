"""The measures that a scenario can ask for: names, units and meaning."""

from typing import NamedTuple


class Measure(NamedTuple):
    """One measure of a method on a channel.

    Attributes
    ----------
    unit : str
        Unit of the values in ``results.csv``
    description : str
        What it is
    """

    unit: str
    description: str


UPPER_BOUND = "upper_bound"
"""Name of the measure and of the row that holds the bound."""

UTILITY_SHARE = "utility_share"
"""Name of the metric that ``reference`` adds: the ratio of the means over the channels."""

UTILITY_SHARE_P1 = "utility_share_p1"
"""Name of the other: the 1st percentile over the channels of each channel's own ratio."""

ERROR_RATES = ("bler", "ber")
"""Names of the measures that a link is simulated for."""

DETECTION = "pd_"
"""What the names of the detection probabilities start with; the rest names the detector."""

MEASURES: dict[str, Measure] = {
    "bler": Measure("1", "Block error rate of the link, all UEs together"),
    "ber": Measure("1", "Bit error rate of the link after decoding, all UEs together"),
    "sum_rate": Measure("bit/s/Hz", "Sum of the UEs' rates, (3)"),
    "min_rate": Measure("bit/s/Hz", "Rate of the worst UE"),
    "sensing_snr": Measure("linear", "Sensing SNR (7), mean over the targets"),
    "sensing_snr_db": Measure("dB", "Sensing SNR (7), mean over the targets, in dB per channel"),
    "sensing_share": Measure(
        "1", "Sensing SNR as a share of that of all power sent to the target, mean over the targets"
    ),
    "utility": Measure("bit/s/Hz", "Utility (8a): sum rate + sensing_weight * log2(1 + SNR)"),
    "pd_neyman_pearson": Measure(
        "1", "Detection probability of the Neyman-Pearson test, path SNRs known"
    ),
    "pd_energy": Measure("1", "Detection probability of the unweighted energy of all paths (GLRT)"),
    "pd_best_path": Measure("1", "Detection probability of the best single path"),
    "ap_power_max": Measure("power", "Highest transmit power of an AP, in the unit of total_power"),
    UPPER_BOUND: Measure(
        "bit/s/Hz", "Bound on the utility of any beams: metric utility of a method upper_bound"
    ),
}

UNITS = {name: measure.unit for name, measure in MEASURES.items()} | {
    UTILITY_SHARE: "1",
    UTILITY_SHARE_P1: "1",
}
