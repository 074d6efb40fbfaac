"""Conditions that no machine, or not this one, has the memory for are refused before they start."""

from pathlib import Path

import pytest

from sionna_cfisac import machine
from sionna_cfisac.scenario import study
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.study import load_study

TEXT = "schema_version: 1\nname: x\nbeamformers: [rzf, joint]\nbatch_size: 512\n"
LINK = "schema_version: 1\nname: x\nbeamformers: [rzf]\nlink: {}\nmeasure: [bler]\nchannel: tdl\n"


@pytest.fixture
def has(monkeypatch: pytest.MonkeyPatch):
    """Says how many GB the machine has."""
    return lambda size: monkeypatch.setattr(study, "memory", lambda: int(size * 1e9))


def problem(tmp_path: Path, text: str, *options: str) -> str:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as error:
        load_study(file, options)
    (only,) = error.value.problems
    return str(only).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (TEXT, ["network.num_aps=10000", "network.num_users=100"], "/s.yaml:4: batch_size: needs"),
        (TEXT, ["batch_size=1000000", "samples=1000000"], "--set batch_size: needs"),
        (TEXT, ["batch_size=64", "network.num_users=10000"], "--set batch_size: needs"),
        (TEXT, ["network.num_users=10000"], "/s.yaml:4: batch_size: needs"),
        (LINK, ["link.num_subcarriers=100000"], "/s.yaml:4: link.slots_per_batch: needs"),
        (LINK, ["link.slots_per_batch=100000"], "--set link.slots_per_batch: needs"),
    ],
)
def test_more_than_the_machine_has_is_refused(
    has, tmp_path: Path, text: str, options: list[str], expected: str
) -> None:
    has(16)
    found = problem(tmp_path, text, *options)
    assert found.startswith(expected)
    assert "GB of memory, this machine has 16: fewer APs, antennas or UEs" in found
    # at least 256 channels are drawn at once
    assert found.endswith("or a smaller batch") == ("batch_size=64" not in options)


@pytest.mark.parametrize(
    ("text", "key"), [(TEXT, "samples"), (LINK, "link.stop.max_blocks")], ids=["flat", "link"]
)
def test_results_that_are_too_many_are_named(has, tmp_path: Path, text: str, key: str) -> None:
    has(16)
    found = problem(tmp_path, text, f"{key}=1000000000")
    assert found.startswith(f"--set {key}: needs")
    assert found.endswith("GB of memory, this machine has 16: fewer of them")


def test_only_what_is_to_be_run_must_fit(has, tmp_path: Path) -> None:
    has(16)
    file = tmp_path / "s.yaml"
    file.write_text(f"{TEXT}sweep: {{network.num_users: [2, 9000]}}\n")
    with pytest.raises(ScenarioError):
        load_study(file)
    study = load_study(file, will_run=lambda condition: condition.index == 0)
    assert len(study.conditions) == 2


def test_a_sweep_names_its_largest_condition(has, tmp_path: Path) -> None:
    has(16)
    text = f"{TEXT}sweep: {{network.num_users: [2, 9000, 8000]}}\n"
    assert "batch_size: at network.num_users = 9000: needs about" in problem(tmp_path, text)


def test_the_estimate_grows_with_everything_that_takes_memory(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    for text, keys in (
        (TEXT, {"network.num_aps": 50, "network.num_users": 50, "network.num_tx_ant": 80,
                "batch_size": 1000, "samples": 10**6}),
        (LINK, {"network.num_aps": 50, "network.num_users": 10, "network.num_tx_ant": 80,
                "link.num_subcarriers": 96, "link.slots_per_batch": 2560,
                "channel": "{type: tdl, speed: 30}", "link.stop.max_blocks": 10**6}),
        (TEXT.replace("[rzf, joint]", "[{type: dual_gnn, label: d}]"),
         {"network.num_users": 30, "beamformers.0.switch_off": "true"}),
    ):  # fmt: skip
        file.write_text(text)

        def need(*options: str) -> float:
            return sum(engine_of(load_study(file, options).scenario).memory().values())

        for key, value in keys.items():
            assert need(f"{key}={value}") > need()


def test_a_machine_that_does_not_say_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(study, "memory", lambda: None)
    file = tmp_path / "s.yaml"
    file.write_text(TEXT)
    load_study(file, ["network.num_aps=10000", "network.num_users=100"])


def test_the_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = machine.memory()
    assert whole is None or whole > 1e9
    limit, none = tmp_path / "limit", tmp_path / "none"
    limit.write_text("123456789\n")
    none.write_text("max\n")
    monkeypatch.setattr(machine, "_LIMITS", (none, limit, tmp_path / "absent"))
    assert machine.memory() == 123456789
    monkeypatch.setattr(machine, "_LIMITS", (none,))
    assert machine.memory() >= whole
