"""The table of a study, ``results.csv``."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sionna_cfisac.link.intervals import error_rate_interval
from sionna_cfisac.scenario.link_consistency import code_blocks
from sionna_cfisac.scenario.measures import (
    ERROR_RATES,
    UNITS,
    UPPER_BOUND,
    UTILITY_SHARE,
    UTILITY_SHARE_P1,
)
from sionna_cfisac.scenario.schema import ScenarioSpec
from sionna_cfisac.scenario.simulate import Values
from sionna_cfisac.scenario.statistics import (
    Estimate,
    mean_interval,
    percentile_interval,
    ratio_interval,
)
from sionna_cfisac.scenario.sweep import Condition, text
from sionna_cfisac.tidy import TIDY_COLUMNS


class Row(NamedTuple):
    """One row of the table.

    Attributes
    ----------
    columns : dict
        Swept dotted key -> value
    method, metric : str
        What was measured
    estimate : Estimate
        Mean over the channels, percentile or error rate, with its interval
    """

    columns: dict[str, Any]
    method: str
    metric: str
    estimate: Estimate


def estimates(scenario: ScenarioSpec, values: Values) -> Iterator[tuple[str, str, Estimate]]:
    """Method, metric and estimate of everything that was measured, in the order of the file."""
    confidence = scenario.confidence
    for method, metrics in values.items():
        for metric in scenario.measure:
            if metric in ERROR_RATES and metric in metrics:
                yield method, metric, _error_rate(scenario, metric, metrics[metric])
            # the bound's values are the metric utility of a method of its own
            elif metric in metrics and metric != UPPER_BOUND:
                yield method, metric, mean_interval(metrics[metric], confidence)
        if method == UPPER_BOUND and "utility" not in scenario.measure:
            yield method, "utility", mean_interval(metrics["utility"], confidence)
        if scenario.reference is not None:
            reference = values[scenario.reference]["utility"]
            share = ratio_interval(metrics["utility"], reference, confidence)
            yield method, UTILITY_SHARE, share
            worst = percentile_interval(_shares(metrics["utility"], reference), 1.0, confidence)
            yield method, UTILITY_SHARE_P1, worst


def _error_rate(scenario: ScenarioSpec, metric: str, errors: np.ndarray) -> Estimate:
    """Error rate from the numbers of errors [n] in slots; the slots are the independent trials."""
    assert scenario.link is not None
    blocks, _, bits = code_blocks(scenario.link)
    units = scenario.network.num_users * blocks * (1 if metric == "bler" else bits)
    rate = error_rate_interval(errors, units, scenario.confidence)
    return Estimate(rate.value, rate.low, rate.high, len(errors) * units)


def _shares(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Ratio on every channel [n]; nan where the reference is zero, which leaves it undefined."""
    return np.divide(values, reference, out=np.full(len(values), np.nan), where=reference != 0)


def rows(condition: Condition, values: Values) -> list[Row]:
    """Rows of a condition."""
    return [
        Row(condition.columns, method, metric, estimate)
        for method, metric, estimate in estimates(condition.scenario, values)
    ]


def to_csv(keys: Sequence[str], table: Sequence[Row]) -> bytes:
    """The table as CSV.

    Ten significant digits: what differs beyond them is the order of floating-point sums, which
    depends on the batch size and the machine.

    Parameters
    ----------
    keys : list of str
        Swept dotted keys, the first columns
    table : list of Row
        Rows in the order of the sweep
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*keys, *TIDY_COLUMNS])
    for row in table:
        e = row.estimate
        numbers = [f"{number:.10g}" for number in (e.value, e.low, e.high)]
        condition = [text(row.columns[key]) for key in keys]
        writer.writerow([*condition, row.method, row.metric, *numbers, e.n, UNITS[row.metric]])
    return stream.getvalue().encode()


def totals(seconds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Wall time of each method over all conditions in seconds."""
    total: dict[str, float] = {}
    for part in seconds:
        for method, value in part.items():
            total[method] = total.get(method, 0.0) + value
    return {method: round(value, 4) for method, value in total.items()}
