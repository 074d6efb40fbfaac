"""What the tests of training share: small networks and channels, and reading what it wrote."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from sionna_cfisac.beamforming import HeteroGNNBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.study import load_study
from sionna_cfisac.training import Draw, Score, TrainingData, Validation

SIZES = [CellFreeChannel(2, 2, 4), CellFreeChannel(3, 1, 4, 2), CellFreeChannel(1, 3, 4)]
WEIGHTS = Draw(0, 20, "log1p", 0.15)
TEXT = """\
schema_version: 1
name: tiny
description: a test
seed: 5
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
training:
  beamformer: {type: hetero_gnn, hidden_dim: 8, num_layers: 1}
  steps: 12
  batch_size: 8
  validation: {every: 4, samples: 6, test_samples: 20}
beamformers: [rzf]
fast: {training.steps: 4}
"""
Train = Callable[..., int]
"""Calls ``cfisac train`` and returns its exit code; the fixture ``train``."""


def problems_of(folder: Path, old: str, new: str) -> list[str]:
    """What is wrong with TEXT after a replacement, or with this at its end, as users see it."""
    assert old in TEXT
    (folder / "s.yaml").write_text(TEXT.replace(old, new) if old else TEXT + new)
    with pytest.raises(ScenarioError) as caught:
        load_study(folder / "s.yaml")
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def make_data(sizes: int = 1, **options: Any) -> TrainingData:
    given = {"batch_size": 8, "steps_per_epoch": 4, "seed": 3, "sensing_weight": 2.0, **options}
    return TrainingData(SIZES[:sizes], **given)


def make_network(hidden_dim: int = 8, **options: Any) -> HeteroGNNBeamformer:
    keras.utils.set_random_seed(1)
    return HeteroGNNBeamformer(4, hidden_dim=hidden_dim, num_layers=1, **options)


def batches(data: TrainingData, count: int, start: int = 0) -> Iterator[dict]:
    """The batches of steps ``start`` to ``start + count``."""
    for step in range(start, start + count):
        data.epoch, index = divmod(step, len(data))
        yield data[index][0]


class Told:
    """A validation that tells shares given beforehand."""

    def __init__(self, *shares: float | None) -> None:
        self.sensing_weights = [2.0]
        self._shares = iter(shares)

    def __call__(self, beamformer: HeteroGNNBeamformer) -> list[Score]:
        return [Score(2.0, 5.0, next(self._shares), None, 1)]


class Utility(Validation):
    """A validation that spares the time of the joint optimum."""

    def _reference(self, weight: float) -> None:
        return None


def utility(sizes: int = 1, *weights: float) -> Validation:
    return Utility(SIZES[:sizes], 60, weights or [2.0], seed=8)


def values(network: HeteroGNNBeamformer) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in network.weights]


def assert_equal(one: HeteroGNNBeamformer, other: HeteroGNNBeamformer) -> None:
    for mine, theirs in zip(values(one), values(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def log(folder: Path, without: str = "") -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key: value for key, value in row.items() if key != without} for row in rows]


def stored(file: str | Path) -> dict[str, Any]:
    """Every array and attribute of an HDF5 file, but for the time."""
    found: dict[str, Any] = {}
    with h5py.File(file) as store:
        store.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
        return {**found, **{k: v for k, v in store.attrs.items() if k != "seconds"}}


def stop_at(step: int, validated: bool = False) -> Callable[[Any], None]:
    def listen(progress: Any) -> None:
        if progress.step == step and (progress.scores is not None) == validated:
            raise KeyboardInterrupt

    return listen
