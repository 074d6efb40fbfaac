"""What the terminal shows of a training: progress, scores and the table at the end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from sionna_cfisac.training import Progress, Score


@contextmanager
def training_display(
    name: str, num_steps: int, console: Console
) -> "Iterator[Callable[[int, Progress], None]]":
    """Show the progress of a training: a bar on a terminal, a line per validation everywhere."""
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps, {task.fields[state]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task(name, total=num_steps, state="drawing validation channels")
    latest = ""

    def show(step: int, progress: "Progress") -> None:
        nonlocal latest
        if progress.scores is not None:
            latest = ", ".join(_score(score) for score in progress.scores)
            _say(bar.console, f"step {step}/{num_steps}: {latest}")
        state = f"objective {progress.objective:.3f}" + (f", {latest}" if latest else "")
        bar.update(task, completed=step, state=state)

    with bar:
        yield show


def print_scores(console: Console, scores: "Sequence[Score]") -> None:
    """Print the scores of a finished network."""
    import keras  # slow to load, but here it has been

    table = Table(box=None)
    headings = ["sensing weight", "utility\nbit/s/Hz", "share of\nthe optimum", "1st percentile"]
    for heading in [*headings, "channels"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for score in scores:
        shares = [score.share, score.share_percentile_1]
        table.add_row(
            f"{score.sensing_weight:g}",
            f"{score.utility:.3f}",
            *("" if share is None else f"{100 * share:.2f} %" for share in shares),
            f"{score.num_channels}",
        )
    console.print(table)
    if any(score.share is None for score in scores):
        backend = keras.backend.backend()
        if backend == "tensorflow":
            reason = "that of several targets is not known"
        else:
            reason = f"Keras runs on {backend}, and the optimum is computed with TensorFlow"
        _say(console, f"no share of the optimum: {reason}")


def _score(score: "Score") -> str:
    if score.share is None:
        return f"β={score.sensing_weight:g} utility {score.utility:.3f}"
    return f"β={score.sensing_weight:g} {100 * score.share:.2f} % of the optimum"


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, markup=False, highlight=False)
