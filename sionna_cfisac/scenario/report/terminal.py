"""What the terminal shows of a run: progress, running estimates and the table at the end."""

import math
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from sionna_cfisac.measures import ERROR_RATES, UTILITY_SHARE_P1, unit_of_metric
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.engines.result import Values
from sionna_cfisac.scenario.results.table import Row
from sionna_cfisac.scenario.study import Condition, Study, text
from sionna_cfisac.statistics import Estimate


def number(estimate: Estimate) -> str:
    """``mean ± half-width`` with two digits of the half-width."""
    value, half = estimate.value, estimate.half_width
    if not math.isfinite(half) or not math.isfinite(value):
        return f"{value:.5g}"
    if half <= 1e-12 * abs(value) or half == 0.0:
        return f"{value:.5g}"
    magnitude = math.floor(math.log10(half))
    largest = math.floor(math.log10(max(abs(value), half)))
    if -5 <= largest < 6:
        digits = max(0, 1 - magnitude)
        return f"{value:.{digits}f} ± {half:.{digits}f}"
    # down to the second digit of the half-width here too
    return f"{value:.{largest - magnitude + 1}e} ± {half:.1e}"


def shown(metric: str, estimate: Estimate) -> str:
    """An estimate as the tables show it; the intervals of error rates are not symmetric."""
    if metric not in ERROR_RATES:
        return number(estimate)
    return f"{estimate.value:.2e} [{estimate.low:.1e}, {estimate.high:.1e}]"


def print_table(console: Console, study: Study, rows: Sequence[Row]) -> None:
    """Print the results: one line per condition and method, one column per metric.

    What is too wide for the terminal is printed as several tables below each other, because a
    number broken over two lines is no number.
    """
    names = list(dict.fromkeys(row.metric for row in rows))
    metrics = names
    while metrics:
        fitting = len(metrics)
        table = _table(study, rows, metrics)
        unlimited = console.options.update(max_width=10_000)
        while fitting > 1 and console.measure(table, options=unlimited).maximum > console.width:
            fitting -= 1
            table = _table(study, rows, metrics[:fitting])
        console.print(table, soft_wrap=True)
        metrics = metrics[fitting:]
    level = f"{100 * study.scenario.confidence:g} %"
    # the one metric that is no mean
    what = "mean" if UTILITY_SHARE_P1.name not in names else "mean (p1: 1st percentile)"
    console.print(f"{what} ± half-width of the {level} confidence interval", highlight=False)
    if set(names) & set(ERROR_RATES):
        console.print(
            f"error rates with their {level} confidence intervals; what is missing was not "
            "simulated",
            highlight=False,
        )


def _table(study: Study, rows: Sequence[Row], metrics: list[str]) -> Table:
    table = Table(box=None)
    for key in study.columns:
        table.add_column(key.rsplit(".", 1)[-1], justify="right", no_wrap=True)
    table.add_column("method", no_wrap=True)
    for metric in metrics:
        unit = unit_of_metric(metric)
        heading = metric if unit == "1" else f"{metric}\n{unit}"
        table.add_column(heading, justify="right", no_wrap=True)
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        line = (*(text(row.columns[key]) for key in study.columns), row.method)
        lines.setdefault(line, {})[row.metric] = shown(row.metric, row.estimate)
    previous: tuple[str, ...] = ()
    for line, cells in lines.items():
        # a condition is named once; the lines below it are its methods
        named = ["" if line[:-1] == previous else value for value in line[:-1]]
        if previous and line[:-1] != previous:
            table.add_row()
        previous = line[:-1]
        # what is in brackets is a name, no markup
        table.add_row(*named, Text(line[-1]), *(cells.get(metric, "") for metric in metrics))
    return table


class PlainDisplay:
    """One line per condition, for logs and pipes."""

    def __init__(self, study: Study, console: Console) -> None:
        self._study = study
        self._console = console

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self, condition: Condition) -> None:
        """Nothing to say before there is a result."""

    def batch(self, condition: Condition, done: int, values: Values) -> None:
        """Nothing to say before there is a result."""

    def finish(self, condition: Condition, table: list[Row], stored: bool) -> None:
        """Print the main metric of every method."""
        metric = engine_of(condition.scenario).main_metric
        found = [
            f"{row.method} {shown(metric, row.estimate)}" for row in table if row.metric == metric
        ]
        self._line(
            f"condition {condition.index + 1}/{len(self._study.conditions)}"
            f"{f' ({condition})' if condition.columns else ''}"
            f"{' from the folder' if stored else ''}: {metric}: {', '.join(found)}"
        )

    def warn(self, message: str) -> None:
        """Print a warning."""
        self._line(f"warning: {message}")

    def _line(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class LiveDisplay:
    """Progress bar with the running estimates of the main metric."""

    def __init__(self, study: Study, console: Console) -> None:
        self._study = study
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(engine_of(study.scenario).unit),
            TimeRemainingColumn(),
            console=console,
        )
        total = sum(engine_of(condition.scenario).amount for condition in study.conditions)
        self._task = self._progress.add_task("running", total=total)
        self._finished = 0
        self._live = Live(self._view(Text("")), console=console, transient=True)

    def __enter__(self) -> "LiveDisplay":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def start(self, condition: Condition) -> None:
        """Show which condition is running."""
        name = str(condition) or self._study.scenario.name
        self._progress.update(self._task, description=name)

    def batch(self, condition: Condition, done: int, values: Values) -> None:
        """Show the estimates so far."""
        metric = engine_of(condition.scenario).main_metric
        table = Table(box=None, show_header=False)
        for method, name, estimate in engine_of(condition.scenario).estimates(values):
            if name == metric:
                table.add_row(Text(method), shown(metric, estimate), unit_of_metric(metric))
        self._progress.update(self._task, completed=self._finished + done)
        self._live.update(self._view(Group(Text(f"{metric} so far:"), table)))

    def finish(self, condition: Condition, table: list[Row], stored: bool) -> None:
        """Count a condition as done."""
        self._finished += engine_of(condition.scenario).amount
        self._progress.update(self._task, completed=self._finished)

    def warn(self, message: str) -> None:
        """Print a warning above the bar."""
        self._live.console.print(f"warning: {message}", soft_wrap=True, markup=False)

    def _view(self, estimates_so_far: Text | Group) -> Group:
        return Group(self._progress, estimates_so_far)


def make_display(study: Study, console: Console) -> PlainDisplay | LiveDisplay:
    """A progress bar on a terminal, plain lines elsewhere."""
    return (LiveDisplay if console.is_terminal else PlainDisplay)(study, console)
