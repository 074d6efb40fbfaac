"""A kind is one class and one declaration: as the package's own, as a plug-in, in a file."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sionna_cfisac import beamforming, channel, cli
from sionna_cfisac.beamforming.methods import METHODS, Method, Purpose
from sionna_cfisac.channel.kinds import CHANNELS, ChannelKind
from sionna_cfisac.kinds import OptionKinds, imported
from sionna_cfisac.measures import MEASURES
from sionna_cfisac.plots import style
from sionna_cfisac.scenario.catalogue import catalogue
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.engines.ingredients import ingredients
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.schema.json_schema import json_schema
from sionna_cfisac.scenario.schema.resolved import part, resolved
from sionna_cfisac.scenario.study import load_study

TOYS = '''
from keras import ops
from pydantic import Field

from sionna_cfisac.beamforming.methods import Method
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.channel.kinds import ChannelKind
from sionna_cfisac.kinds import Conflict, Look
from sionna_cfisac.measures import Measure


class TiltedBeamformer:
    """Conjugate beams, all antennas but the first weakened."""

    def __init__(self, taper=1.0):
        self.taper = taper

    def __call__(self, state):
        taper = [1.0] + [self.taper] * (state.num_tx_ant - 1)
        f = state.h * ops.cast(ops.convert_to_tensor(taper), state.h.dtype)
        norm = ops.sqrt(ops.sum(ops.square(ops.abs(f)), axis=(-2, -1), keepdims=True))
        return f / ops.cast(norm, f.dtype) * ops.cast(
            ops.sqrt(state.ap_power)[..., None, None], f.dtype
        )


class Tilted(Method):
    """Conjugate beams with a taper."""

    name = "tilted"
    home = TiltedBeamformer
    title = "Tilted"
    look = Look("#123456", "h", ":")

    taper: float = Field(1.0, ge=0, description="Amplitude of all antennas but the first")

    def conflicts(self, network, sensing_weight):
        """A taper without a second antenna."""
        if network.num_tx_ant == 1 and self.taper != 1.0:
            yield Conflict(("taper",), "has no effect with num_tx_ant 1", (("network",),))


class StrongChannel(CellFreeChannel):
    """Rayleigh fading of more power."""

    def __init__(self, *sizes, power=2.0, **others):
        super().__init__(*sizes, **others)
        self.power = power

    def draw(self, batch_size, seeds):
        state = super().draw(batch_size, seeds)
        return state._replace(h=state.h * ops.cast(self.power**0.5, state.h.dtype))


class Strong(ChannelKind):
    """Rayleigh fading, stronger."""

    name = "strong"
    home = StrongChannel

    power: float = Field(2.0, gt=0, description="Mean of |h|^2")


def mean_gain(state, f):
    """Mean |h|^2 of a channel, [B]."""
    return ops.mean(ops.square(ops.abs(state.h)), axis=(1, 2, 3))


MeanGain = Measure("mean_gain", "linear", "Mean channel gain", mean_gain, "Mean gain")
'''
SCENARIO = """
schema_version: 1
name: toys
network: {{num_aps: 2, num_users: 2, num_tx_ant: 4}}
channel: {{type: {0}, power: 9.0}}
beamformers: [conjugate, {{type: {1}, taper: 0.5}}, {{type: {1}, taper: 1.0, label: flat}}]
measure: [sum_rate, {2}]
samples: 200
figures: []
"""
ENTRIES = """[sionna_cfisac.beamformers]
tilted = toys:Tilted
[sionna_cfisac.channels]
strong = toys:Strong
[sionna_cfisac.measures]
mean_gain = toys:MeanGain
"""


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kinds in (METHODS, CHANNELS, MEASURES):
        monkeypatch.setattr(kinds, "_loaded", {})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "site" / "toys-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site" / "toys.py").write_text(TOYS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "toys", raising=False)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cfisac", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert isinstance(stop.value.code, int)
    return stop.value.code


def check_results(table: pd.DataFrame) -> None:
    values = table.set_index(["method", "metric"])["value"]
    # E|h|² = 9: within five standard errors over 200 channels of 16 coefficients
    assert abs(values["conjugate", "mean_gain"] - 9.0) < 5 * 9.0 / np.sqrt(200 * 16)
    assert values["tilted", "sum_rate"] < values["conjugate", "sum_rate"]
    assert values["flat", "sum_rate"] == pytest.approx(values["conjugate", "sum_rate"], rel=1e-9)


def test_plug_ins_deliver_declarations(plug_in: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("s.yaml").write_text(SCENARIO.format("strong", "tilted", "mean_gain"))
    assert run(monkeypatch, "run", "s.yaml") == 0
    table = pd.read_csv("results/toys/results.csv")
    check_results(table)
    assert set(table.loc[table["metric"] == "mean_gain", "unit"]) == {"linear"}
    listed = catalogue(Path())
    for heading, name in (
        ("beamformers", "tilted"),
        ("channels", "strong"),
        ("measures", "mean_gain"),
    ):
        assert listed[heading][name] == "(plug-in of toys)"
    # looks, labels and the names that editors complete
    assert style.styles(["tilted"])["tilted"].color == "#123456"
    assert style.method_label("tilted") == "Tilted"
    assert style.metric_label("mean_gain", "linear") == "Mean gain (linear)"
    properties = json_schema()["properties"]
    assert "tilted" in properties["beamformers"]["items"]["anyOf"][0]["enum"]
    assert "strong" in properties["channel"]["anyOf"][0]["enum"]


def test_files_beside_the_scenario_deliver_declarations(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "my_toys.py").write_text(TOYS)
    names = ("./my_toys.py:Strong", "./my_toys.py:Tilted", "./my_toys.py:MeanGain")
    (folder / "s.yaml").write_text(SCENARIO.format(*names))
    assert run(monkeypatch, "check", "study/s.yaml") == 0
    # whoever checks somebody else's file is told that its code runs
    assert "running the code of study/my_toys.py" in capsys.readouterr().err
    assert run(monkeypatch, "run", "study/s.yaml") == 0
    check_results(pd.read_csv("results/toys/results.csv"))
    # the code is an ingredient: where it changes, the stored numbers are others
    (folder / "my_toys.py").write_text(TOYS.replace("ops.mean(", "2.0 * ops.mean("))
    capsys.readouterr()
    assert run(monkeypatch, "run", "study/s.yaml", "--resume") == 0
    assert "or other code; this condition is computed again" in capsys.readouterr().out
    values = pd.read_csv("results/toys/results.csv").set_index(["method", "metric"])["value"]
    assert abs(values["conjugate", "mean_gain"] - 18.0) < 5 * 18.0 / np.sqrt(200 * 16)
    # drawing does not take the code
    (folder / "my_toys.py").unlink()
    assert run(monkeypatch, "plot", "results/toys") == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("taper: 0.5", "taper: -1"), "beamformers.1.taper: expected a number of at least 0"),
        (("taper: 0.5", "tapper: 1"), "beamformers.1.tapper: unknown key; did you mean 'taper'?"),
        (("num_tx_ant: 4", "num_tx_ant: 1"), "taper: has no effect with network.num_tx_ant 1"),
        (("power: 9.0", "power: 0"), "channel.power: expected a number above 0, got 0"),
        (("my_toys.py:Strong", "my_toys.py:Weak"), "channel.type: study/my_toys.py has no 'Weak'"),
        (("my_toys.py:Strong", "toys.py:Strong"), "study/toys.py: cannot be read: No such file"),
        (("py:Strong", "py:Tilted"), "expected a ChannelKind, got the Method 'Tilted'"),
        (("py:MeanGain", "py:mean_gain"), "measure.1: ./my_toys.py:mean_gain: expected a Measure"),
        (("py:MeanGain", "py:Tilted"), "measure.1: ./my_toys.py:Tilted: expected a Measure"),
    ],
)
def test_they_are_checked_as_the_package_s_own(
    change: tuple[str, str], expected: str, tmp_path: Path
) -> None:
    (tmp_path / "study").mkdir()
    Path("study/my_toys.py").write_text(TOYS)
    names = ("./my_toys.py:Strong", "./my_toys.py:Tilted", "./my_toys.py:MeanGain")
    Path("study/s.yaml").write_text(SCENARIO.format(*names).replace(*change))
    with pytest.raises(ScenarioError) as caught:
        load_study("study/s.yaml")
    assert expected in str(caught.value)
    assert "study/s.yaml:" in str(caught.value)


def test_a_file_that_breaks_says_so(tmp_path: Path) -> None:
    Path("my_toys.py").write_text("1 / 0\n")
    Path("s.yaml").write_text(SCENARIO.format("rayleigh", "./my_toys.py:Tilted", "sum_rate"))
    with pytest.raises(
        ScenarioError, match=r"my_toys\.py:\d+ cannot be imported: ZeroDivisionError"
    ):
        load_study("s.yaml")


def test_a_kind_of_the_package_s_own_takes_no_more() -> None:
    space: dict[str, Any] = {"__name__": "toys"}
    exec(TOYS, space)
    own = OptionKinds("beamformer", "x.y", Method, [*METHODS.own.values(), space["Tilted"]])
    try:
        made = own.find("tilted").model_validate({"type": "tilted", "taper": 0.25})
        assert made.make(Purpose(1.0)).taper == 0.25  # type: ignore[attr-defined]
        assert made.shown_name == "tilted"
    finally:
        Method.kinds = METHODS
    kind = space["Strong"].model_validate({"type": "strong", "power": 3.0})
    assert kind.make({"num_aps": 2}).power == 3.0


@pytest.mark.parametrize(("kinds", "room"), [(METHODS, beamforming), (CHANNELS, channel)])
def test_what_is_declared_is_what_the_room_shows(kinds: OptionKinds[Any], room: Any) -> None:
    for kind in kinds.own.values():
        target = kind.implementation()
        assert getattr(room, target.__name__) is target
        # and its type is known to editors
        stub = Path(room.__file__).with_suffix(".pyi").read_text()
        assert f"import {target.__name__} as {target.__name__}\n" in stub


def test_every_own_kind_says_what_it_is() -> None:
    for kinds in (METHODS, CHANNELS):
        for name, kind in kinds.own.items():
            assert kind.name == name
            assert kind.__doc__
            assert all(
                field.description for key, field in kind.model_fields.items() if key != "type"
            )
    assert len({kind.title for kind in METHODS.own.values()}) == len(METHODS.own)
    assert len({kind.look for kind in METHODS.own.values()}) == len(METHODS.own)
    for measure in MEASURES.own.values():
        assert measure.description
        assert measure.title
        assert measure.home is None or callable(imported(measure.home))
    assert issubclass(CHANNELS.own["rayleigh"], ChannelKind)


BARE = """
import os


class Share:
    def __init__(self, share, *, weight=1.0, where=os.getcwd, sensing_weight=0.0):
        self.share, self.weight, self.sensing_weight = share, weight, sensing_weight

    def __call__(self, state):
        from keras import ops

        norm = ops.sqrt(ops.sum(ops.square(ops.abs(state.h)), axis=(-2, -1), keepdims=True))
        limit = ops.sqrt(self.share * state.ap_power)[..., None, None]
        return state.h / ops.cast(norm, state.h.dtype) * ops.cast(limit, state.h.dtype)


def renamed(state, label="x"):
    return state.h
"""
SHARES = """
schema_version: 1
name: shares
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
beamformers: [conjugate, {type: ./my_toys.py:Share, share: 0.5, weight: null}]
measure: [ap_power_max]
samples: 5
figures: []
"""


def test_the_options_of_a_bare_class_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my_toys.py").write_text(BARE)
    Path("s.yaml").write_text(SHARES)
    scenario = load_study("s.yaml").scenario
    made: Any = scenario.beamformers[1].make(Purpose(3.0))
    assert (made.share, made.weight, made.sensing_weight) == (0.5, None, 3.0)
    # what was given is recorded; the rest is its own, and may be nothing that a file can hold
    assert resolved(scenario)["beamformers"][1] == {
        "type": "./my_toys.py:Share",
        "share": 0.5,
        "weight": None,
    }
    assert run(monkeypatch, "run", "s.yaml") == 0
    Path("s.yaml").write_text(SHARES.replace("share: 0.5", "share: 0.25"))
    capsys.readouterr()
    assert run(monkeypatch, "run", "s.yaml", "--resume") == 2
    assert "which differs in beamformers.1.share;" in capsys.readouterr().err
    assert run(monkeypatch, "run", "s.yaml", "--force") == 0
    values = pd.read_csv("results/shares/results.csv").set_index("method")["value"]
    assert values["Share"] == pytest.approx(0.125, rel=1e-9)
    # a required option is still there when the figures are drawn again
    assert run(monkeypatch, "plot", "results/shares") == 0


def test_an_option_inside_another_method_and_in_a_link_counts() -> None:
    Path("my_toys.py").write_text(BARE)
    entry = "{type: nullspace_sensing, communication: {type: ./my_toys.py:Share, share: 0.5}}"
    text = SHARES.replace("{type: ./my_toys.py:Share, share: 0.5, weight: null}", entry)
    Path("s.yaml").write_text(text + "sweep: {beamformers.1.communication.share: [0.5, 0.25]}\n")
    # what stored conditions are told apart by, and compiled links
    one, other = (part(c.scenario, ["design"]) for c in load_study("s.yaml").conditions)
    assert one != other


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{type: ./my_toys.py:Share}", "beamformers.1.share: this key is required"),
        ("{type: ./my_toys.py:Share, shar: 1}", "shar: unknown key; did you mean 'share'?"),
        ("./my_toys.py:renamed", "expected arguments that can be options, got 'label'"),
    ],
)
def test_wrong_options_of_a_bare_class(entry: str, expected: str) -> None:
    Path("my_toys.py").write_text(BARE)
    old = "{type: ./my_toys.py:Share, share: 0.5, weight: null}"
    Path("s.yaml").write_text(SHARES.replace(old, entry))
    with pytest.raises(ScenarioError) as caught:
        load_study("s.yaml")
    assert expected in str(caught.value)


def test_showing_results_runs_nobody_s_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my_toys.py").write_text(TOYS)
    names = ("./my_toys.py:Strong", "./my_toys.py:Tilted", "./my_toys.py:MeanGain")
    text = SCENARIO.format(*names).replace("measure: [", "reference: tilted\nmeasure: [utility, ")
    Path("s.yaml").write_text(text.replace("figures: []", "figures: [cdf]"))
    assert run(monkeypatch, "run", "s.yaml") == 0
    # another process, and somebody else's file in its place
    for kinds in (METHODS, CHANNELS, MEASURES):
        monkeypatch.setattr(kinds, "_loaded", {})
    Path("my_toys.py").write_text("open('trap', 'w')\n")
    capsys.readouterr()
    assert run(monkeypatch, "plot", "results/toys") == 0
    assert "cdf-mean_gain.png" in capsys.readouterr().out
    assert not Path("trap").exists()
    # what was noted is enough for names and looks
    assert style.styles(["tilted"])["tilted"].color == "#123456"
    assert style.metric_label("mean_gain", "linear") == "Mean gain (linear)"


def test_the_checksum_is_that_of_the_code_that_ran() -> None:
    Path("my_toys.py").write_text(TOYS)
    text = SCENARIO.format("rayleigh", "./my_toys.py:Tilted", "utility")
    Path("s.yaml").write_text(text.replace(", power: 9.0", ""))
    scenario = load_study("s.yaml").scenario
    before = ingredients(scenario)
    assert set(before) == {"beamformers.1", "beamformers.2"}
    # edited while a long run goes on with what it has loaded
    Path("my_toys.py").write_text(TOYS + "# edited")
    assert ingredients(scenario) == before
    assert ingredients(load_study("s.yaml").scenario) != before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "tilted"', 'name = "rzf"', "its name 'rzf' is one of the package's own"),
        ('Measure("mean_gain"', 'Measure("utility"', "its name 'utility' is one of the package"),
        ('Measure("mean_gain"', 'Measure("utility_share"', "its name 'utility_share' is one of"),
        ("    home = TiltedBeamformer\n", "", "home: expected a class, a function or 'package"),
        ("home = TiltedBeamformer", "home = 'nowhere:X'", "home 'nowhere:X' cannot be imported"),
        ("\nclass StrongChannel", "raise SystemExit(3)\nclass StrongChannel",
         "cannot be imported: SystemExit: 3"),
    ],
)  # fmt: skip
def test_wrong_declarations_are_refused_when_they_are_checked(
    old: str, new: str, expected: str
) -> None:
    assert old in TOYS
    Path("my_toys.py").write_text(TOYS.replace(old, new, 1))
    names = ("./my_toys.py:Strong", "./my_toys.py:Tilted", "./my_toys.py:MeanGain")
    Path("s.yaml").write_text(SCENARIO.format(*names))
    with pytest.raises(ScenarioError) as caught:
        load_study("s.yaml")
    assert expected in str(caught.value)


def test_a_type_that_is_no_name_is_refused() -> None:
    Path("s.yaml").write_text("schema_version: 1\nname: x\nbeamformers: [{type: [rzf]}]\n")
    with pytest.raises(ScenarioError, match=r"beamformers\.0\.type: unknown beamformer"):
        load_study("s.yaml")


def test_a_network_in_a_file_is_declared_as_the_package_s_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sionna_cfisac.scenario.results.folder import TrainingFolder

    network = (
        "from pydantic import Field\n"
        "from sionna_cfisac.beamforming.methods import Architecture\n"
        "class Net:\n    def __init__(self, width):\n        pass\n"
        'class MyNet(Architecture):\n    """A network."""\n'
        "    name = 'my_net'\n    home = Net\n"
        "    width: int = Field(4, description='Width')\n"
    )
    Path("net.py").write_text(network)
    text = (
        "schema_version: 1\nname: x\ntraining:\n"
        "  beamformer: {type: './net.py:MyNet', width: 9}\n  steps: 10\n"
    )
    Path("s.yaml").write_text(text)
    scenario = load_study("s.yaml").scenario
    assert resolved(scenario)["training"]["beamformer"] == {"type": "./net.py:MyNet", "width": 9}
    TrainingFolder(Path("out"), scenario).prepare()
    TrainingFolder(Path("out"), load_study("s.yaml").scenario).prepare(resume=True)
    # other code is another training
    Path("net.py").write_text(network + "# edited")
    with pytest.raises(ScenarioError, match=r"differs in code\.training\.beamformer;"):
        TrainingFolder(Path("out"), load_study("s.yaml").scenario).prepare(resume=True)
    Path("s.yaml").write_text(text + "  initial_weights: dual\n")
    with pytest.raises(ScenarioError, match="expected weights of Net, got DualGNNBeamformer"):
        load_study("s.yaml")


def test_a_channel_that_knows_one_kind_of_gain_takes_no_other() -> None:
    Path("plain.py").write_text(
        "from sionna_cfisac.channel import ChannelLayer\nclass Plain(ChannelLayer):\n    pass\n"
    )
    kind: Any = CHANNELS.find("./plain.py:Plain").model_validate("./plain.py:Plain")
    assert kind.make({"num_aps": 3, "sensing_gain": "exponential"}).num_aps == 3
    with pytest.raises(ValueError, match="sensing_gain: expected exponential on channel"):
        kind.make({"num_aps": 3, "sensing_gain": "unit"})


def test_what_the_documentation_shows_works() -> None:
    text = (Path(__file__).parents[1] / "docs/develop.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    declaration, layer, channel, measure = blocks[:4]
    functions = (
        "from keras import ops\nfrom sionna_cfisac.channel import CellFreeChannel\n"
        "class StrongChannel(CellFreeChannel):\n"
        "    def __init__(self, *args, power=2.0, **options):\n"
        "        super().__init__(*args, **options)\n"
        "def mean_gain(state, f):\n    return ops.mean(ops.abs(state.h) ** 2, axis=(1, 2, 3))\n"
    )
    code = "\n".join([layer, functions, declaration, channel, measure])
    # in a file, classes stand where strings are that say where they are
    code = re.sub(r'"sionna_cfisac\.[\w.]+:(\w+)"', r"\1", code)
    Path("documented.py").write_text(code)
    Path("s.yaml").write_text(
        "schema_version: 1\nname: x\nnetwork: {num_aps: 2, num_tx_ant: 3}\n"
        "channel: {type: ./documented.py:Strong, power: 3}\n"
        "beamformers: [{type: ./documented.py:Tilted, taper: 0.5}]\n"
        "measure: [./documented.py:mean_gain]\nsamples: 20\n"
    )
    result = engine_of(load_study("s.yaml").scenario).run()
    assert result.values["tilted"]["mean_gain"].shape == (20,)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("taper: float", "tapr: float", "option 'tapr': expected an argument of TiltedBeamformer; "
         "did you mean 'taper'?"),
        ('"h", ":"', '"h", "dotty"', "look: expected a line style of -, --, -., :, solid, dashed,"),
        ('"#123456"', "12", "look: expected a colour like #0072B2 or its name, got 12"),
    ],
)  # fmt: skip
def test_a_declaration_that_would_fail_later_is_refused(old: str, new: str, message: str) -> None:
    assert old in TOYS
    Path("my_toys.py").write_text(TOYS.replace(old, new))
    Path("s.yaml").write_text(
        "schema_version: 1\nname: x\nbeamformers: [./my_toys.py:Tilted]\nmeasure: [sum_rate]\n"
    )
    with pytest.raises(ScenarioError, match=re.escape(message)):
        load_study("s.yaml")


def test_a_file_that_fails_is_run_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.py").write_text("import sys\nprint('ran', file=sys.stderr)\n1 / 0\n")
    Path("s.yaml").write_text(
        "schema_version: 1\nname: x\nbeamformers: ['./bad.py:X', './bad.py:Y']\n"
    )
    with pytest.raises(ScenarioError, match=r"bad\.py:3 cannot be imported: ZeroDivisionError"):
        load_study("s.yaml")
    assert capsys.readouterr().err.count("ran\n") == 1
