"""The room's face: names that load on first use, their types, and imports that go one way."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import keras
import method_table
import pytest

from sionna_cfisac import beamforming
from sionna_cfisac.beamforming import DualGNNBeamformer, HeteroGNNBeamformer
from sionna_cfisac.beamforming.methods import METHODS

ROOM = Path(beamforming.__file__).parent
# what each part of the room may import from the others; rules are light, and anyone's
BELOW = {
    "protocol": set(),
    "weights": set(),
    "theory": set(),
    "solver": {"theory", "protocol", "rules"},
    "trained_on": {"weights"},
    "networks": {"theory", "weights", "rules", "trained_on"},
}
SMALL = {
    HeteroGNNBeamformer: {"hidden_dim": 2, "num_layers": 1},
    DualGNNBeamformer: {"hidden_dim": 2, "num_layers": 1},
}


def test_the_stub_has_the_names_that_load():
    stub = {}
    for node in ast.parse((ROOM / "__init__.pyi").read_text()).body:
        assert isinstance(node, ast.ImportFrom)
        assert node.level == 1
        for name in node.names:
            assert name.asname == name.name
            stub[name.name] = node.module
    assert stub == {name: home for home, names in beamforming._HOMES.items() for name in names}


def test_every_name_loads_and_is_shown():
    assert dir(beamforming) == sorted(beamforming.__all__)
    for name in beamforming.__all__:
        assert getattr(beamforming, name).__name__ == name


def test_an_unknown_name_is_refused_with_the_module():
    with pytest.raises(AttributeError, match=r"sionna_cfisac\.beamforming .*RZFBeamformers"):
        beamforming.RZFBeamformers  # noqa: B018
    with pytest.raises(ImportError, match=r"sionna_cfisac\.beamforming"):
        from sionna_cfisac.beamforming import RZFBeamformers  # noqa: F401


def test_the_room_and_the_cards_of_weights_are_light():
    code = (
        "import sys, sionna_cfisac.beamforming, sionna_cfisac.beamforming.theory, "
        "sionna_cfisac.beamforming.solver, sionna_cfisac.beamforming.networks, "
        "sionna_cfisac.beamforming.weights; "
        "print(*{'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("part", BELOW)
def test_imports_go_one_way(part):
    folder = ROOM / part
    files = [ROOM / f"{part}.py"] if not folder.is_dir() else sorted(folder.glob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                path = node.module.split(".")
                if path[:2] == ["sionna_cfisac", "beamforming"]:
                    assert {*path[2:3]} <= {part, *BELOW[part]}, f"{file.name}: {node.module}"
                    assert len(path) > 2, f"{file.name}: imports the whole room"


@pytest.mark.parametrize("network", SMALL)
def test_what_loads_a_network_has_the_arguments_of_its_constructor(network):
    constructor = inspect.signature(network).parameters
    architecture = set(network(**SMALL[network]).architecture())
    expected = {
        name: parameter.default
        for name, parameter in constructor.items()
        if name not in architecture
    }
    for method, own in ((network.load, {"path"}), (network.from_pretrained, {"name"})):
        found = {
            name: parameter.default
            for name, parameter in inspect.signature(method).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD and name not in own
        }
        # a pretrained network is found by the name, so its layer has none of its own
        assert found == {name: expected[name] for name in expected if name not in own}


@pytest.mark.parametrize("network", SMALL)
def test_saved_layers_are_known_by_a_name_without_the_module(network):
    name = keras.saving.get_registered_name(network)
    assert name == f"sionna_cfisac>{network.__name__}"
    stored = keras.saving.serialize_keras_object(network(**SMALL[network]))
    # as a file holds it that was written before the modules moved
    stored["module"] = f"sionna_cfisac.beamforming.{network.__module__.split('.')[-1]}"
    assert type(keras.saving.deserialize_keras_object(stored)) is network


USE = """
from sionna_cfisac import ChannelState
from sionna_cfisac.beamforming import (
    DualGNNBeamformer, HeteroGNNBeamformer, WMMSEBeamformer, upper_bound
)
state: ChannelState
WMMSEBeamformer(max_iterations=3)
HeteroGNNBeamformer.load("net", sensing_weight=2.0, dtype="float64")
DualGNNBeamformer.from_pretrained(polish=1, sensing_weight=2.0)
WMMSEBeamformer(max_iteration=3)  # wrong
upper_bound(state, weight=2.0)  # wrong
HeteroGNNBeamformer.load("net", hidden_dim=8)  # wrong
DualGNNBeamformer.from_pretrained(polis=1)  # wrong
"""


@pytest.mark.slow
def test_a_wrong_argument_is_an_error_of_types(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    file, project = tmp_path / "use.py", ROOM.parents[1]
    file.write_text(USE)
    monkeypatch.setenv("MYPYPATH", str(project))
    options = ["--config-file", str(project / "pyproject.toml"), "--cache-dir", str(tmp_path / "c")]
    report, errors, _ = api.run([*options, str(file)])
    assert errors == ""
    found = [int(x) for x in re.findall(r"use\.py:(\d+): error", report)]
    wrong = [i for i, line in enumerate(USE.splitlines(), 1) if "# wrong" in line]
    assert sorted(set(found)) == wrong, report


def test_every_method_is_in_the_table_of_properties():
    made = {type(method.make()) for method in method_table.METHODS.values()}
    assert {kind.implementation() for kind in METHODS.own.values()} <= made
