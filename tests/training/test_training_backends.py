"""Training where TensorFlow is not: one scenario file, with TensorFlow and with JAX."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import without_tensorflow
from without_tensorflow import WITHOUT_TENSORFLOW

from sionna_cfisac.beamforming import HeteroGNNBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.scenario.engines.training import make_network
from sionna_cfisac.scenario.study import load_study
from sionna_cfisac.training import Draw, Score, TrainingData, TrainingPlan, train

pytest.importorskip("jax")

STEPS_PER_EPOCH, NUM_EPOCHS = 3, 3
TEXT = """\
schema_version: 1
name: tiny
network: {num_aps: 2, num_users: 2, num_tx_ant: 4}
training:
  beamformer: {type: hetero_gnn, hidden_dim: 8, num_layers: 1, conditioned: true}
  initial_weights: FOLDER/initial.weights.h5
  steps: 4
  batch_size: 8
  sensing_weight: {low: 0, high: 20, low_share: 0.2}
  noise_power: {low: 0.01, high: 1}
  validation: {every: 2, samples: 6, test_samples: 6, sensing_weights: [0, 2]}
beamformers: [rzf]
"""

SCRIPT = (
    WITHOUT_TENSORFLOW
    + """
from pathlib import Path

from test_training_backends import train_on_stored_batches

train_on_stored_batches(Path("."), "jax")

from sionna_cfisac import cli

sys.argv = ["cfisac", "train", "s.yaml"]
try:
    cli.main()
except SystemExit as stop:
    assert stop.code == 0, stop.code
assert not {"tensorflow", "sionna"} & {name.split(".")[0] for name in sys.modules}
"""
)


class StoredBatches(keras.utils.PyDataset):
    """Batches from a file, in the place of those that a backend would draw."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.epoch, self.steps_per_epoch, self.num_sizes = 0, STEPS_PER_EPOCH, 1
        with np.load(file) as stored:
            self._stored = dict(stored)

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[dict]:
        prefix = f"{(self.epoch - 1) * self.steps_per_epoch + index if self.epoch else index}/"
        batch: dict[str, dict[str, np.ndarray]] = {}
        for name, value in self._stored.items():
            if name.startswith(prefix):
                _, size, key = name.split("/")
                batch.setdefault(size, {})[key] = value
        return (batch,)


class EverBetter:
    """A validation that takes the last epoch for the best."""

    sensing_weights = (1.0,)
    calls = 0

    def __call__(self, beamformer: HeteroGNNBeamformer) -> list[Score]:
        self.calls += 1
        return [Score(1.0, float(self.calls), None, None, 1)]


def train_on_stored_batches(folder: Path, name: str) -> None:
    """Train the scenario's network on stored batches; leaves weights and objectives."""
    network = make_network(load_study(folder / "s.yaml").scenario)
    data: Any = StoredBatches(folder / "batches.npz")
    validation: Any = EverBetter()
    told: list[float] = []
    train(
        network,
        data,
        validation,
        TrainingPlan(NUM_EPOCHS, 3e-3, 2),
        folder / name,
        on_progress=lambda progress: told.append(progress.objective),
    )
    network.save(folder / name / "trained", {"objectives": told})


def test_the_same_scenario_with_tensorflow_and_without(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TEXT.replace("FOLDER", str(tmp_path)))
    keras.utils.set_random_seed(1)
    network = HeteroGNNBeamformer(4, hidden_dim=8, num_layers=1, conditioned=True)
    network.save(tmp_path / "initial")
    keras.utils.set_random_seed(1)
    data = TrainingData(
        [CellFreeChannel(2, 2, 4)],
        batch_size=32,
        steps_per_epoch=STEPS_PER_EPOCH * NUM_EPOCHS,
        seed=7,
        sensing_weight=Draw(0, 20, "log1p", 0.2),
        noise_power=Draw(0.01, 1),
    )
    arrays = {
        f"{step}/{size}/{key}": value
        for step in range(len(data))
        for size, fields in data[step][0].items()
        for key, value in fields.items()
    }
    np.savez(tmp_path / "batches.npz", **arrays)
    train_on_stored_batches(tmp_path, "tensorflow")
    paths = [
        str(Path(__file__).parent),
        str(Path(without_tensorflow.__file__).parent),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join(paths),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr

    # on the same batches both end with the same weights
    both = [HeteroGNNBeamformer.load(tmp_path / name / "trained") for name in ("tensorflow", "jax")]
    start = make_network(load_study(tmp_path / "s.yaml").scenario)
    moved = 0.0
    for ours, theirs, before in zip(*(network.weights for network in (*both, start)), strict=True):
        ours, theirs, before = (np.asarray(weight) for weight in (ours, theirs, before))
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
        moved = max(moved, float(np.abs(ours - before).max()))
    assert moved > 5e-3
    cards = [json.loads((tmp_path / n / "trained.json").read_text()) for n in ("tensorflow", "jax")]
    np.testing.assert_allclose(*(card["objectives"] for card in cards), rtol=1e-5)

    # cfisac train works, says what it cannot know, and what it was
    lines = done.stdout.splitlines()
    assert lines[0].startswith("step 2/4: β=0 utility ")
    assert "no share of the optimum: Keras runs on jax" in done.stdout
    assert lines[-1] == "trained/tiny/tiny.weights.h5"
    card = json.loads((tmp_path / "trained" / "tiny" / "tiny.json").read_text())
    assert card["training"]["backend"] == "jax"
    assert card["versions"]["jax"][0].isdecimal()
    assert [score["share"] for score in card["measured"]] == [None, None]

    # its weights give here what they gave there
    network = HeteroGNNBeamformer.load(tmp_path / "trained" / "tiny" / "tiny")
    beams = np.asarray(network.beams(CellFreeChannel(2, 2, 4)(4, seed=1), 2.0))
    assert beams.shape == (4, 2, 3, 4)
    assert np.isfinite(beams).all()
