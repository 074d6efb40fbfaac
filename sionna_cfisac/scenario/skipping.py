"""Methods that a waterfall curve need not go on with."""

from collections.abc import Iterable

from sionna_cfisac.scenario.results import Row
from sionna_cfisac.scenario.sweep import Condition

SNR = "link.snr_db"


def finished_methods(condition: Condition, table: Iterable[Row]) -> set[str]:
    """Methods whose BLER lay below ``link.skip_below`` at a lower SNR, all else being equal.

    Parameters
    ----------
    condition : Condition
        What is to be simulated
    table : iterable of Row
        Results so far

    Returns
    -------
    set of str
        Methods whose interval at a lower SNR lay below the limit
    """
    link = condition.scenario.link
    here = condition.columns
    # the noise power of the channel stands where there is none, and is neither lower nor higher
    if link is None or link.skip_below is None or here.get(SNR) is None:
        return set()
    return {
        row.method
        for row in table
        if row.metric == "bler"
        and row.columns[SNR] is not None
        and row.columns[SNR] < here[SNR]
        and all(row.columns[key] == value for key, value in here.items() if key != SNR)
        and row.estimate.high < link.skip_below
    }
