"""--set, --fast and what a loaded scenario says."""

from pathlib import Path

import pytest

from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.study import load_study, study_of

TEXT = """\
schema_version: 1
name: options
noise_power: 1e-3
beamformers: [rzf, wmmse]
sweep: {objective.sensing_weight: [0, 1], network.num_aps: [2, 4, 6]}
samples: 2000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "options.yaml"
    path.write_text(TEXT)
    return path


def test_numbers_in_scientific_notation_are_numbers(file: Path) -> None:
    assert load_study(file).scenario.noise_power == 1e-3
    assert load_study(file, ["noise_power=20e6"]).scenario.noise_power == 20e6


def test_the_grid_runs_in_the_order_of_the_file(file: Path) -> None:
    grid = [tuple(c.columns.values()) for c in load_study(file).conditions]
    assert grid == [(0, 2), (0, 4), (0, 6), (1, 2), (1, 4), (1, 6)]
    last = load_study(file).conditions[-1].scenario
    assert (last.objective.sensing_weight, last.network.num_aps) == (1.0, 6)


def test_set_reaches_sections_sweeps_and_list_entries(file: Path) -> None:
    options = [
        "network.num_users=3",
        "sweep.objective.sensing_weight=[5]",
        "sweep.network.num_aps=[3]",
        "beamformers.1.max_iterations=7",
        "seed=1",
        "seed=2",
    ]
    study = load_study(file, options)
    assert study.scenario.network.num_users == 3
    assert [c.columns for c in study.conditions] == [
        {"objective.sensing_weight": 5, "network.num_aps": 3}
    ]
    assert study.scenario.beamformers[1].max_iterations == 7
    assert study.scenario.seed == 2
    assert load_study(file, ["sweep={}"]).conditions[0].columns == {}


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("samples", "--set: expected key=value, got 'samples'"),
        ("=3", "--set: expected key=value, got '=3'"),
        ("samples=[1", "--set samples: not valid YAML"),
        ("samples=many", "--set samples: expected an integer, got 'many'"),
        ("sample=3", "--set sample: unknown key; did you mean 'samples'?"),
        ("samples.x=3", "--set samples.x: 'samples' is 2000 and has no parts"),
        ("beamformers.7=rzf", "--set beamformers.7: expected an index from 0 to 1"),
        ("network={num_aps: 0}", "--set network: network.num_aps: expected a number of at least 1"),
    ],
)
def test_a_wrong_option_is_reported_as_such(file: Path, option: str, expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_study(file, [option])
    assert [str(p)[: len(expected)] for p in caught.value.problems] == [expected]


def test_fast_limits_the_samples(file: Path) -> None:
    assert load_study(file, fast=True).scenario.samples == 50
    assert load_study(file, ["samples=9"], fast=True).scenario.samples == 9


def test_fast_applies_its_section(file: Path) -> None:
    file.write_text(TEXT + "fast: {samples: 3, sweep.network.num_aps: [2]}\n")
    assert len(load_study(file).conditions) == 6
    quick = load_study(file, fast=True)
    assert (len(quick.conditions), quick.scenario.samples) == (2, 3)
    assert load_study(file, ["fast.samples=4"], fast=True).scenario.samples == 4


def test_the_resolved_scenario_is_a_scenario(file: Path) -> None:
    study = load_study(file, ["network.ap_power=0.3"])
    again = study_of(study.resolved, "run.json")
    assert again.resolved == study.resolved
    assert [c.columns for c in again.conditions] == [c.columns for c in study.conditions]
