"""Wrong input: every kind of mistake, its line, all at once, and nothing written."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sionna_cfisac import cli
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.study import load_study

GOOD = """\
schema_version: 1
name: good
network: {num_aps: 3, num_users: 2, num_tx_ant: 4}
noise_power: 0.1
beamformers: [conjugate, rzf]
measure: [sum_rate]
samples: 4
"""


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., list[str]]:
    def collect(content: str | bytes, *overrides: str) -> list[str]:
        file = tmp_path / "s.yaml"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(ScenarioError) as caught:
            load_study(file, overrides)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return collect


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "noise_power",
            "noise_powr",
            "s.yaml:4: noise_powr: unknown key; did you mean 'noise_power'?",
        ),
        (
            "noise_power: 0.1",
            "num_aps: 3",
            "s.yaml:4: num_aps: unknown key; did you mean 'network.num_aps'?",
        ),
        (
            "num_aps: 3",
            "num_ap: 3",
            "s.yaml:3: network.num_ap: unknown key; did you mean 'num_aps'?",
        ),
        (
            "num_users: 2",
            "num_users: 0",
            "s.yaml:3: network.num_users: expected a number of at least 1, got 0",
        ),
        (
            "num_users: 2",
            "num_users: '2'",
            "s.yaml:3: network.num_users: expected an integer, got '2'",
        ),
        (
            "num_users: 2",
            "num_users: true",
            "s.yaml:3: network.num_users: expected an integer, got true",
        ),
        (
            "num_users: 2",
            "total_power: -1",
            "s.yaml:3: network.total_power: expected a number of at least 0, got -1",
        ),
        (
            "noise_power: 0.1",
            "noise_power: -0.1",
            "s.yaml:4: noise_power: expected a number above 0, got -0.1",
        ),
        (
            "noise_power: 0.1",
            "noise_power: .nan",
            "s.yaml:4: noise_power: expected a finite number, got .nan",
        ),
        (
            "noise_power: 0.1",
            "noise_power: .inf",
            "s.yaml:4: noise_power: expected a finite number, got .inf",
        ),
        (
            "noise_power: 0.1",
            "noise_power: 10 dB",
            "s.yaml:4: noise_power: expected a number, got '10 dB'",
        ),
        (
            "noise_power: 0.1",
            "noise_power: [0.1, 0]",
            "s.yaml:4: noise_power.1: expected a number above 0, got 0",
        ),
        (
            "noise_power: 0.1",
            "noise_power: [0.1, 0.1, 0.1]",
            "s.yaml:4: noise_power: expected 2 entries (network.num_users), got 3",
        ),
        ("rzf]", "rfz]", "s.yaml:5: beamformers.1: unknown beamformer 'rfz'; did you mean 'rzf'?"),
        (
            "rzf]",
            "{type: rfz}]",
            "s.yaml:5: beamformers.1.type: unknown beamformer 'rfz'; did you mean 'rzf'?",
        ),
        (
            "rzf]",
            "{type: rzf, regularisation: 1}]",
            "s.yaml:5: beamformers.1.regularisation: unknown key; did you mean 'regularization'?",
        ),
        ("[sum_rate]", "[sumrate]", "did you mean 'sum_rate'?"),
        ("[sum_rate]", "[sum_rate, sum_rate]", "s.yaml:6: measure.1: 'sum_rate' is already in"),
        ("[sum_rate]", "[]", "s.yaml:6: measure: expected at least 1 entry, got 0"),
        ("measure: [sum_rate]", "channel: {type: raleigh}", "did you mean 'rayleigh'?"),
        (
            "measure: [sum_rate]",
            "sensing: {gain: radar}",
            "s.yaml:6: sensing.gain: radar needs pos",
        ),
        ("measure: [sum_rate]", "reference: rzff", "did you mean 'rzf'?"),
        (
            "measure: [sum_rate]",
            "name: other",
            "name: expected every key once, got it again after line 2",
        ),
        ("schema_version: 1", "schema_version: 2", "s.yaml:1: schema_version: expected 1, got 2"),
        ("name: good", "name: 2020.5", "s.yaml:2: name: expected text, got 2020.5"),
        ("schema_version: 1\n", "", "s.yaml:1: schema_version: this key is required"),
        ("name: good", "name: ../up", "s.yaml:2: name: expected letters"),
    ],
)
def test_a_mistake_is_reported_at_its_line(
    problems: Callable[..., list[str]], old: str, new: str, expected: str
) -> None:
    found = problems(GOOD.replace(old, new, 1))
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            "sweep: {objective.sensing_wait: [0, 1]}",
            "s.yaml:8: sweep.objective.sensing_wait: unknown key; did you mean 'sensing_weight'?",
        ),
        ("sweep: {noise_power: 0.1}", "s.yaml:8: sweep.noise_power: expected a list, got 0.1"),
        (
            "sweep: {noise_power: []}",
            "s.yaml:8: sweep.noise_power: expected at least 1 entry, got 0",
        ),
        (
            "sweep: {seed: [1, 2, 1]}",
            "s.yaml:8: sweep.seed.2: 1 is already in the list, at index 0",
        ),
        ("sweep: {name: [a, b]}", "s.yaml:8: sweep.name: this key cannot be swept"),
        (
            "sweep:\n  noise_power:\n    - 1\n    - -1",
            "s.yaml:11: sweep.noise_power.1: expected a number above 0, got -1",
        ),
        (
            "sweep: {network.num_users: [1, none]}",
            "s.yaml:8: sweep.network.num_users.1: expected an integer, got 'none'",
        ),
        ("sweep: {beamformers.2.label: [a]}", "s.yaml:8: sweep.beamformers.2.label: "),
        ("sweep: {channel: [], channel.type: [rayleigh]}", "overlaps with sweep.channel"),
        ("fast: {sampels: 3}", "s.yaml:8: sampels: unknown key; did you mean 'samples'?"),
    ],
)
def test_mistakes_in_sweep_and_fast(
    problems: Callable[..., list[str]], extra: str, expected: str
) -> None:
    assert any(expected in line for line in problems(GOOD + extra + "\n"))


def test_a_sweep_that_breaks_something_else_names_the_value_and_the_victim(
    problems: Callable[..., list[str]],
) -> None:
    text = GOOD.replace("[conjugate, rzf]", "[rzf, nullspace_sensing]")
    found = problems(text + "sweep: {network.num_tx_ant: [8, 2]}\n")
    assert found == [
        "s.yaml:8: sweep.network.num_tx_ant.1: beamformers.1: nullspace_sensing needs more "
        "antennas per AP than UEs, got network.num_tx_ant 2 and network.num_users 2"
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "s.yaml:1: the file is empty"),
        (b"# only a comment\n", "s.yaml:1: the file is empty"),
        (b"- a\n- b\n", "s.yaml:1: expected a mapping (key: value), got a list"),
        (b"schema_version: 1\nname: \xff\xfe\n", "s.yaml:2: expected UTF-8 text, got byte 0xff"),
        (
            b"schema_version: 1\nname: a\x00b\n",
            "s.yaml:2: expected text, got the control character",
        ),
        (b"schema_version: 1\nnetwork: {num_aps: 3,\n", "s.yaml:3: not valid YAML"),
        (b"a: 1\n b: 2\n", "s.yaml:2: not valid YAML"),
        (b"1: 2\n", "s.yaml:1: expected a key in letters, got 1"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_scenario(
    problems: Callable[..., list[str]], content: bytes, expected: str
) -> None:
    assert expected in problems(content)[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"gone\.yaml: cannot be read: No such file"):
        load_study(tmp_path / "gone.yaml")


def test_any_cut_through_a_scenario_is_an_error_or_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "cut.yaml"
    whole = (Path(__file__).parents[2] / "scenarios" / "tradeoff.yaml").read_bytes()
    for length in range(0, len(whole), 37):
        file.write_bytes(whole[:length])
        # the last cuts only take the closing comment or the section that --fast uses
        with contextlib.suppress(ScenarioError):
            load_study(file)


def test_all_mistakes_at_once_exit_code_2_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GOOD.replace("num_aps: 3", "num_aps: three").replace("rzf]", "rfz]")
    text = text.replace("noise_power: 0.1", "noise_power: [1, 1, 1]").replace("samples", "sampels")
    (tmp_path / "s.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cfisac", "run", "s.yaml", "--set", "seed=x"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    starts = [
        "s.yaml:3: network.num_aps: ",
        "s.yaml:4: noise_power: expected 2 entries",
        "s.yaml:5: beamformers.1: ",
        "s.yaml:7: sampels: ",
        "--set seed: expected an integer, got 'x'",
        "5 errors",
    ]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_two_methods_of_one_name_need_a_label(problems: Callable[..., list[str]]) -> None:
    text = GOOD.replace("rzf]", "{type: conjugate, power_split: equal}]")
    assert "tell them apart with a label" in problems(text)[0]


def test_joint_and_bound_handle_one_target(problems: Callable[..., list[str]]) -> None:
    text = GOOD.replace("num_aps: 3", "num_targets: 2").replace("rzf]", "wmmse, joint]")
    found = problems(text.replace("[sum_rate]", "[upper_bound]"))
    assert found == [
        "s.yaml:5: beamformers.2: joint handles one target, got network.num_targets 2",
        "s.yaml:6: measure.0: upper_bound handles one target, got network.num_targets 2",
    ]


def test_without_a_weight_on_sensing_the_targets_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    text = GOOD.replace("num_aps: 3", "num_targets: 2").replace("rzf]", "wmmse, joint]")
    file.write_text(text + "objective: {sensing_weight: 0}\n")
    load_study(file)


def test_total_and_ap_power_exclude_each_other(problems: Callable[..., list[str]]) -> None:
    text = GOOD.replace("num_aps: 3", "num_aps: 3, total_power: 1, ap_power: [1, 1, 1]")
    assert "expected either total_power or ap_power, got both" in problems(text)[0]
