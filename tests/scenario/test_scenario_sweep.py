"""Forms of a sweep beside the list: ranges, keys that change together, sections."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.results.table import Row, to_csv
from sionna_cfisac.scenario.schema.keys import may_be_fast, may_be_swept
from sionna_cfisac.scenario.study import Study, load_study, study_of
from sionna_cfisac.statistics import Estimate

TREE = {"schema_version": 1, "name": "x", "beamformers": ["rzf"]}


def study(sweep: dict[str, Any]) -> Study:
    return study_of({**TREE, "sweep": sweep}, "s.yaml")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"start": 0.1, "stop": 10, "num": 9, "scale": "log"}, list(np.geomspace(0.1, 10, 9))),
        ({"start": 1, "stop": 2, "num": 5}, [1, 1.25, 1.5, 1.75, 2]),
        ({"start": 2, "stop": 1, "num": 3}, [2, 1.5, 1]),
    ],
)
def test_a_range_is_numpy_s(values: dict[str, Any], expected: list[float]) -> None:
    found = study({"noise_power": values}).values("noise_power")
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    assert found[0] == values["start"]
    assert found[-1] == values["stop"]


def test_a_range_of_sizes_has_integers() -> None:
    found = study({"network.num_aps": {"start": 2, "stop": 16, "num": 4, "scale": "log"}})
    assert found.values("network.num_aps") == [2, 4, 8, 16]
    assert [c.scenario.network.num_aps for c in found.conditions] == [2, 4, 8, 16]


def test_keys_joined_by_commas_change_together() -> None:
    sweep = {"network.num_aps, network.num_tx_ant": [[2, 20], [5, 8]], "noise_power": [0.1, 1]}
    found = study(sweep)
    assert found.columns == ["network.num_aps", "network.num_tx_ant", "noise_power"]
    sizes = [
        (c.scenario.network.num_aps, c.scenario.network.num_tx_ant, c.scenario.noise_power)
        for c in found.conditions
    ]
    assert sizes == [(2, 20, 0.1), (2, 20, 1), (5, 8, 0.1), (5, 8, 1)]
    rows = [Row(c.columns, "rzf", "utility", Estimate(1, 0, 2, 3)) for c in found.conditions]
    header, first, *_ = to_csv(found.columns, rows).decode().splitlines()
    assert header.startswith("network.num_aps,network.num_tx_ant,noise_power,method")
    assert first.startswith("2,20,0.1,rzf,utility")


def test_sections_give_a_column_a_key() -> None:
    found = study({"network": [{"num_aps": 2}, {"num_aps": 3, "num_users": 4}]})
    assert found.columns == ["network.num_aps", "network.num_users"]
    # what an entry leaves to the default is written out
    assert [tuple(c.columns.values()) for c in found.conditions] == [(2, 2), (3, 4)]
    kinds = study({"channel": ["rayleigh", {"type": "topology", "path_loss_exponent": 4}]})
    assert kinds.columns == ["channel.type", "channel.path_loss_exponent"]
    assert [tuple(c.columns.values()) for c in kinds.conditions] == [
        ("rayleigh", None),
        ("topology", 4),
    ]


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ({"noise_power": {"start": 0, "stop": 1, "num": 3, "scale": "log"}},
         "sweep.noise_power: expected start and stop above 0 for scale: log, got 0 and 1"),
        ({"noise_power": {"start": 1, "stop": 1, "num": 3}},
         "sweep.noise_power: expected start and stop to differ, got 1 for both"),
        ({"noise_power": {"start": 1, "stop": 2, "num": 1}},
         "sweep.noise_power.num: expected a number of at least 2, got 1"),
        ({"noise_power": {"start": 1, "end": 2, "num": 3}},
         "sweep.noise_power.stop: this key is required"),
        ({"noise_power, seed": [[1, 2], [3]]},
         "sweep.noise_power, seed.1: expected a list of 2 values, one for each key, got [3]"),
        ({"noise_power, noise_power": [[1, 2]]},
         "sweep.noise_power, noise_power: expected different keys, joined by commas"),
        ({"network, network.num_aps": [[{"num_users": 3}, 4]]},
         "sweep.network, network.num_aps: expected different keys, joined by commas"),
        ({"channel": ["rayleigh", {"type": "rayleigh"}]},
         "sweep.channel.1: {type: 'rayleigh'} is already in the list, at index 0"),
        ({"noise_power, seed": [[1, 2]], "seed": [1]},
         "sweep.seed: overlaps with sweep.noise_power, seed"),
        ({"noise_power, seed": [[1, 2], [-1, 3]]},
         "sweep.noise_power, seed.1: expected a number above 0, got -1; "
             "powers are linear: -1 dBm are 0.0007943 W, -1 dB 0.7943"),
        ({"training.steps": [1, 2]}, "sweep.training.steps: this key cannot be swept"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_sweep(sweep: dict[str, Any], expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        study(sweep)
    assert f"s.yaml: {expected}" in [str(problem) for problem in caught.value.problems]


def test_which_keys_may_be_swept_follows_from_the_schema() -> None:
    swept = ["noise_power", "network", "network.num_aps", "channel.type", "link.snr_db", "seed"]
    swept += ["beamformers.0.tolerance", "csi.correlation", "detection.num_symbols", "precision"]
    fixed = ["schema_version", "name", "description", "beamformers", "beamformers.0", "measure"]
    fixed += ["beamformers.0.label", "reference", "sweep", "figures", "fast", "fast.samples"]
    fixed += ["training", "training.steps", "training.sizes.0.channel.type"]
    assert [key for key in swept if not may_be_swept(key)] == []
    assert [key for key in fixed if may_be_swept(key)] == []
    assert not any(may_be_fast(key) for key in ("schema_version", "name", "fast", "fast.samples"))
    assert all(may_be_fast(key) for key in ("samples", "sweep.noise_power", "description"))


def test_a_file_that_only_trains_needs_no_beamformers(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("schema_version: 1\nname: x\n")
    with pytest.raises(ScenarioError, match="beamformers: this key is required"):
        load_study(file)
    file.write_text("schema_version: 1\nname: x\ntraining: {beamformer: dual_gnn, steps: 10}\n")
    assert load_study(file).scenario.training is not None
