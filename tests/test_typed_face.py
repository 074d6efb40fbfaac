"""What editors and type checkers see of the public packages."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

MISSPELT = """
from sionna_cfisac.beamforming import WMMSEBeamformer
from sionna_cfisac.channel import CellFreeChannel

WMMSEBeamformer(max_iterations=3)
WMMSEBeamformer(max_iteration=3)
CellFreeChannel(num_aps=3)
CellFreeChannel(num_ap=3)
"""


def test_a_misspelt_keyword_is_a_type_error(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    file = tmp_path / "misspelt.py"
    file.write_text(MISSPELT)
    command = ["-m", "mypy", "--config-file", str(root / "pyproject.toml"), str(file)]
    done = subprocess.run(
        [sys.executable, *command], cwd=root, capture_output=True, text=True, check=False
    )
    errors = [line.split(" error: ")[1] for line in done.stdout.splitlines() if " error: " in line]
    assert len(errors) == 2, done.stdout + done.stderr
    assert errors[0].startswith('Unexpected keyword argument "max_iteration" for "WMMSEBeamformer"')
    assert errors[1].startswith('Unexpected keyword argument "num_ap" for "CellFreeChannel"')


@pytest.mark.parametrize(
    "name",
    ["", ".beamforming", ".channel", ".link", ".plotting", ".scenario", ".sensing", ".training"],
)
def test_names_can_be_discovered_and_load(name: str) -> None:
    package = importlib.import_module(f"sionna_cfisac{name}")
    assert package.__all__
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


def test_submodules_are_attributes() -> None:
    program = (
        "import sionna_cfisac as s; s.link.StopRule; s.plotting.plot_cdf; s.training.train;"
        "s.beamforming.RZFBeamformer; s.sensing.DETECTORS; s.ChannelState"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
