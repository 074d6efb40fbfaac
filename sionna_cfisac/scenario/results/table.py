"""The table of a study, ``results.csv``."""

import csv
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from sionna_cfisac.measures import unit_of_metric
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.engines.result import ConditionResult, Values
from sionna_cfisac.scenario.engines.timing import compile_seconds
from sionna_cfisac.scenario.study import Condition, text
from sionna_cfisac.statistics import Estimate
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


def rows(condition: Condition, values: Values) -> list[Row]:
    """Rows of a condition."""
    return [
        Row(condition.columns, method, metric, estimate)
        for method, metric, estimate in engine_of(condition.scenario).estimates(values)
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
        writer.writerow(
            [*condition, row.method, row.metric, *numbers, e.n, unit_of_metric(row.metric)]
        )
    return stream.getvalue().encode()


def wall_times(results: Sequence[ConditionResult]) -> dict[str, dict[str, float | None]]:
    """Wall time of each method over conditions, in seconds: of all, and its two parts.

    ``total_s`` is ``compile_s`` plus ``compute_s``; the parts are None where
    :func:`~sionna_cfisac.scenario.engines.timing.compile_seconds` cannot tell them apart, and left
    out for what no method took.
    """
    total: dict[str, float] = {}
    for result in results:
        for name, value in result.seconds.items():
            total[name] = total.get(name, 0.0) + value
    times: dict[str, dict[str, float | None]] = {
        name: {"total_s": round(value, 4)} for name, value in total.items()
    }
    for method, compiling in compile_seconds([result.calls for result in results]).items():
        computing = None if compiling is None else round(total[method] - compiling, 4)
        compiling = None if compiling is None else round(compiling, 4)
        times[method] |= {"compile_s": compiling, "compute_s": computing}
    return times
