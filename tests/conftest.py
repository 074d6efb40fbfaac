"""Fixtures of several test files."""

import shutil
from pathlib import Path

import pytest

from sionna_cfisac.beamforming import weights


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # only the tests that need it wait for Keras
    from sionna_cfisac.beamforming import HeteroGNNBeamformer

    folder = tmp_path_factory.mktemp("weights")
    small = {"hidden_dim": 8, "num_layers": 1}
    for weight in (0, 2, 10):
        about = {"description": f"For weight {weight}", "measured": [{"share": 0.9876}]}
        HeteroGNNBeamformer(8, **small).save(folder / f"paper-beta{weight}", about)
    conditioned = HeteroGNNBeamformer(8, **small, conditioned=True)
    scores = [{"share": 0.95}, {"share": 0.99}, {"share": None}]
    conditioned.save(folder / "conditioned", {"description": "For all", "measured": scores})
    HeteroGNNBeamformer(4, **small).save(folder / "four")
    return folder


@pytest.fixture
def weights_folder(small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Untrained networks in place of the package's; the working directory is the one above."""
    shutil.copytree(small_weights, tmp_path / "weights")
    monkeypatch.setattr(weights, "PRETRAINED", tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "weights"
