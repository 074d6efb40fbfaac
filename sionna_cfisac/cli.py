"""The command line, ``cfisac``."""

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sionna_cfisac._version import __version__
from sionna_cfisac.scenario.file.errors import Problem, RunError, ScenarioError
from sionna_cfisac.wording import reason

if TYPE_CHECKING:
    from sionna_cfisac.scenario.results.folder import OutputFolder
    from sionna_cfisac.scenario.study import Condition

EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2
MAX_SHOWN = 50
"""Errors of a file that are printed."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Cell-free massive MIMO with integrated sensing and communication: compare beamformers.",
    epilog="Exit codes: 0 done, 1 the run failed, 2 the input is wrong.",
)

ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="Scenario file (YAML)")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a dotted key, e.g. samples=100; repeatable"
    ),
]
Fast = Annotated[
    bool, typer.Option("--fast", help="Apply the file's section 'fast'; without one, 50 samples")
]


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # before anything, a file of the user's as well, loads TensorFlow
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments, prog_name="cfisac")
        code = 0
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 0
    except ScenarioError as error:
        code = EXIT_WRONG_INPUT
        for problem in error.problems[:MAX_SHOWN]:
            print(problem, file=sys.stderr)
        if len(error.problems) > 1:
            shown = f", the first {MAX_SHOWN} shown" if len(error.problems) > MAX_SHOWN else ""
            print(f"{len(error.problems)} errors{shown}", file=sys.stderr)
    except BrokenPipeError:
        # whoever reads our output has seen enough; Python must not flush into the closed pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILED
    except Exception as error:
        if debug:
            raise
        code = EXIT_FAILED
        name = "" if isinstance(error, RunError) else f"{type(error).__name__}: "
        print(f"error: {name}{reason(error)}", file=sys.stderr)
        print("--debug shows where", file=sys.stderr)
    sys.exit(code)


def _version(value: bool) -> None:
    if value:
        print(f"sionna_cfisac {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors")] = False,
) -> None:
    pass


@app.command()
def run(
    file: ScenarioFile,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output folder; default results/NAME")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the results in the output folder")
    ] = False,
    fast: Fast = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the results in the output folder")
    ] = False,
) -> None:
    """Run a scenario: table on the screen, CSV and figures in the output folder."""
    from sionna_cfisac.scenario.engines.choice import engine_of
    from sionna_cfisac.scenario.results.folder import RunFolder
    from sionna_cfisac.scenario.results.store import condition_file
    from sionna_cfisac.scenario.study import load_study

    if resume and force:
        raise ScenarioError([Problem("--resume", "", "cannot be combined with --force")])

    def place(name: str) -> Path:
        return output or Path("results") / name

    def missing(condition: "Condition") -> bool:
        stored = condition_file(place(condition.scenario.name), condition)
        return not (resume and stored.exists())

    study = load_study(file, overrides or [], fast, missing)
    if not study.scenario.beamformers:
        message = "this key is required to run; without it a scenario can only be trained"
        raise ScenarioError([Problem(str(file), "beamformers", message)])
    _warn(study.warnings)
    folder = place(study.scenario.name)
    _prepare(RunFolder(folder, study), resume, force)

    console = _console()
    files: list[Path] = []
    with _interruptible(lambda: f"the finished conditions are in {folder}"):
        with _quiet_start():
            from sionna_cfisac.scenario.report.gaps import print_gaps
            from sionna_cfisac.scenario.report.terminal import make_display, print_table
            from sionna_cfisac.scenario.runner import run_study

            engine_of(study.scenario).start()
        with make_display(study, console) as display:
            rows = run_study(study, folder, display)
        print_table(console, study, rows)
        print_gaps(console, study, rows)
        if study.scenario.figures != []:
            # Matplotlib loads when the numbers are on the screen and on the disk
            from sionna_cfisac.scenario.report.figures import draw_figures

            files = draw_figures(study, folder)
    figures = f", {len(files)} figure files" if files else ""
    console.print(f"{folder}: results.csv, run.json{figures}", markup=False, highlight=False)


@app.command()
def train(
    file: ScenarioFile,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output folder; default trained/NAME")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the training in the output folder")
    ] = False,
    fast: Fast = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the training in the output folder")
    ] = False,
) -> None:
    """Train the network of a scenario: weights, card, logs and checkpoints in the output folder."""
    from sionna_cfisac.scenario.engines.training import TrainingEngine
    from sionna_cfisac.scenario.results.folder import TrainingFolder
    from sionna_cfisac.scenario.study import load_study

    if resume and force:
        raise ScenarioError([Problem("--resume", "", "cannot be combined with --force")])
    study = load_study(file, overrides or [], fast, lambda condition: False)
    scenario = study.scenario
    if scenario.training is None:
        raise ScenarioError([Problem(str(file), "training", "this section is required to train")])
    if fast and not any(key.startswith("training.") for key in scenario.fast or {}):
        message = "expected keys of training in the file's section 'fast', which shorten it"
        raise ScenarioError([Problem("--fast", "", message)])
    folder = output or Path("trained") / scenario.name
    place = TrainingFolder(folder, scenario)
    _prepare(place, resume, force)
    engine = TrainingEngine(scenario, folder, resume=resume)
    console = _console()

    def kept() -> str:
        there = place.has_checkpoint()
        return f"{'the last checkpoint is' if there else 'no checkpoint is yet'} in {folder}"

    with _interruptible(kept):
        with _quiet_start():
            from sionna_cfisac.scenario.report.training import print_scores, training_display
            from sionna_cfisac.training import train as _train  # noqa: F401

        with training_display(scenario.name, engine.amount, console) as show:
            trained = engine.run(show)
        print_scores(console, trained.scores)
    console.print(f"{trained.file}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def check(file: ScenarioFile, overrides: Overrides = None, fast: Fast = False) -> None:
    """Check a scenario without running it."""
    from sionna_cfisac.scenario.engines.choice import engine_of
    from sionna_cfisac.scenario.study import load_study

    study = load_study(file, overrides or [], fast)
    _warn(study.warnings)
    scenario = study.scenario
    if not scenario.beamformers:
        assert scenario.training is not None
        kind, steps = scenario.training.beamformer.type, scenario.training.steps
        print(f"{file}: good: to train a {kind} in {steps} steps; no beamformers to run")
        return
    engine = engine_of(scenario)
    work = sum(engine_of(condition.scenario).amount for condition in study.conditions)
    most = "at most " if engine.amount_is_limit else ""
    methods = ", ".join(method.shown_name for method in scenario.beamformers)
    count = len(study.conditions)
    plural = "" if count == 1 else "s"
    what = f"{most}{work} {engine.unit}"
    print(f"{file}: good: {count} condition{plural}, {what}, {methods}")


@app.command()
def init(
    kind: Annotated[
        str, typer.Argument(help="Kind of template; 'cfisac list' shows all")
    ] = "rayleigh",
) -> None:
    """Print a commented template; redirect it to a file."""
    from sionna_cfisac.scenario.catalogue import template

    print(template(kind), end="")


@app.command()
def plot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of a finished run")],
) -> None:
    """Draw the figures of a result folder again."""
    from sionna_cfisac.scenario.results.folder import read_study

    study = read_study(folder)
    with _quiet_start():
        from sionna_cfisac.scenario.report.figures import draw_figures

    for file in draw_figures(study, folder):
        print(file)


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    import json

    from sionna_cfisac.scenario.schema.json_schema import json_schema

    print(json.dumps(json_schema(), indent=2))


@app.command("list")
def list_() -> None:
    """List beamformers, channels, measures, templates and the scenarios in this folder."""
    from sionna_cfisac.scenario.catalogue import catalogue

    console = Console()
    for heading, entries in catalogue(Path.cwd()).items():
        console.print(f"[bold]{heading}[/bold]")
        table = Table.grid(padding=(0, 2))
        for name, about in entries.items():
            table.add_row(Text(f"  {name}"), Text(about))
        console.print(table)


def _prepare(place: "OutputFolder", resume: bool, force: bool) -> None:
    """Make the output folder ready; say so where there is nothing to resume."""
    afresh = resume and place.read() is None
    place.prepare(resume, force)
    if afresh:
        print(f"{place.path}: nothing to resume; starting afresh", file=sys.stderr)


def _warn(odd: list[Problem]) -> None:
    for problem in odd:
        print(f"warning: {problem}", file=sys.stderr)


def _console() -> Console:
    # a file or a pipe has no width to respect
    return Console(width=None if sys.stdout.isatty() else 160)


@contextmanager
def _interruptible(state: Callable[[], str]) -> Iterator[None]:
    """On Ctrl-C say what is saved and how to go on; ``state`` gives the first part of that."""
    # batch systems end a job with SIGTERM; it deserves the same care as Ctrl-C
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        again = [
            "cfisac",
            *(a for a in sys.argv[1:] if a not in ("--resume", "--force")),
            "--resume",
        ]
        print(f"interrupted; {state()}, continue with: {shlex.join(again)}", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep what TensorFlow's C++ side says while it loads off the terminal, unless it fails."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "3":
        yield
        return
    import tempfile

    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as log:
        # these lines come before TensorFlow reads its log level, so only the descriptor stops them
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(terminal, 2)
            log.seek(0)
            os.write(2, log.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


if __name__ == "__main__":
    main()
