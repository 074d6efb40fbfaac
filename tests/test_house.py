"""The architecture, as docs/develop.md draws it: imports go one way and form no circle."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sionna_cfisac"

# what stands in a line may import from the lines above it, and from its own room
FLOORS = [
    ["_version", "wording", "options", "kinds", "arguments", "radio", "tidy", "seeds"],
    ["machine", "backend"],
    ["state"],
    ["arrays", "metrics", "statistics"],
    ["feasible", "snr_gap"],
    ["sensing", "channel"],
    ["channel_values", "measures"],
    ["beamforming"],
    ["plots", "plotting", "link", "training"],
    ["scenario"],
    ["cli"],
]
ROOMS = ["file", "schema", "engines", "rules", "study", "results", "runner", "report", "catalogue"]
BEAMFORMING = [
    ["weights", "rules", "protocol", "trained_on"],
    ["pretrained"],
    ["methods"],
    ["theory"],
    ["solver", "networks"],
    ["conjugate", "rzf", "joint", "closed_form_dual"],
    ["nullspace"],
]


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path, known: set[str]) -> set[str]:
    """Modules of the package that a file names in an import, wherever it stands."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if name in known}
            # a name that is no module comes out of the module itself
            found |= modules if len(modules) == len(inner) else modules | {node.module}
    return {name for name in found if name in known}


FILES = {module_of(file): file for file in PACKAGE.rglob("*.py")}
GRAPH = {name: imports(file, set(FILES)) - {name} for name, file in FILES.items()}


def arrows(prefix: str) -> set[tuple[str, str]]:
    """Imports between what lies directly below a package, by the first name below it."""
    found = set()
    for name, targets in GRAPH.items():
        for target in targets:
            if name.startswith(f"{prefix}.") and target.startswith(f"{prefix}."):
                pair = (
                    name[len(prefix) + 1 :].split(".")[0],
                    target[len(prefix) + 1 :].split(".")[0],
                )
                if pair[0] != pair[1]:
                    found.add(pair)
    return found


@pytest.mark.parametrize(
    ("prefix", "floors"),
    [
        ("sionna_cfisac", FLOORS),
        ("sionna_cfisac.scenario", [[room] for room in ROOMS]),
        ("sionna_cfisac.beamforming", BEAMFORMING),
    ],
)
def test_imports_go_one_way(prefix: str, floors: list[list[str]]) -> None:
    height = {name: index for index, floor in enumerate(floors) for name in floor}
    below = {
        name[len(prefix) + 1 :].split(".")[0] for name in FILES if name.startswith(f"{prefix}.")
    }
    if prefix == "sionna_cfisac.beamforming":
        # a method that nothing else imports needs no place in the table
        used = {other for _, other in arrows(prefix)}
        height |= {name: len(floors) for name in below - set(height) - used}
    assert set(height) == below, "name every file in FLOORS, ROOMS or BEAMFORMING, above"
    upwards = {(one, other) for one, other in arrows(prefix) if height[other] > height[one]}
    assert upwards == set()


def test_no_circles_between_modules() -> None:
    # a package's __init__ is imported with everything in it, and names what is in it
    graph = {
        name: {target for target in targets if not name.startswith(f"{target}.")}
        for name, targets in GRAPH.items()
        if FILES[name].name != "__init__.py"
    }
    list(TopologicalSorter(graph).static_order())  # raises on a circle


def test_only_two_rooms_know_sionna() -> None:
    knowing = {
        name.split(".")[1]
        for name, file in FILES.items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
        if module and module.split(".")[0] == "sionna"
    }
    # and the declaration of a channel of links, which makes Sionna's model when it is used
    assert knowing == {"link", "channel"}


def test_what_checks_a_scenario_loads_nothing_slow() -> None:
    program = (
        "import sys; sys.argv = ['cfisac', 'check', 'scenarios/quickstart.yaml']\n"
        "from sionna_cfisac.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "slow = ('keras', 'tensorflow', 'sionna', 'scipy', 'pandas', 'matplotlib', 'h5py')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
