"""How many processes share the tests, and fixtures of several rooms."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

GIBIBYTES_PER_WORKER = 4


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# before NumPy and TensorFlow are there: on matrices as small as those of the tests, several
# threads of OpenBLAS take many times as long as one; TensorFlow's own allocator keeps the most
# that any test has needed
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")
if "PYTEST_XDIST_WORKER" in os.environ:
    threads = max(1, _cores() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))

# the suite is the same every time; what is thorough finds new cases
settings.register_profile("suite", max_examples=150, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile("suite")

from sionna_cfisac import cli  # noqa: E402
from sionna_cfisac.beamforming import weights  # noqa: E402


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """What ``-n auto`` stands for: no worker for a single file, which one process runs as fast."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    named = {argument.split("::")[0] for argument in config.args}
    if len(named) == 1 and named.pop().endswith(".py"):
        return 0
    workers = _cores()
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        workers = min(workers, int(memory / GIBIBYTES_PER_WORKER))
    return workers if workers > 1 else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, which also need the most memory, while a worker holds little else.

    At the end, a worker that is left alone with one of them would keep all waiting.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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


@pytest.fixture(
    scope="session", params=[(0, 0), (1, 0), (0, 2)], ids="refine{0[0]}-polish{0[1]}".format
)
def dual_network(request: pytest.FixtureRequest) -> Any:
    """A small network of multipliers without, with one kind and with the other kind of step."""
    from reference_dual import make_dual

    refine, polish = request.param
    return make_dual(refine=refine, polish=polish)


@pytest.fixture
def eager() -> Iterator[None]:
    """A few steps take less time than tracing them."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, eager: None) -> None:
    """Neither the joint optimum nor the tracing of steps, which take long."""
    from sionna_cfisac.training import Validation

    monkeypatch.setattr(Validation, "_reference", lambda self, weight: None)


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Calls ``cfisac train`` on a tiny scenario, s.yaml in the working directory."""
    from training_helpers import TEXT

    (tmp_path / "s.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["cfisac", "train", "s.yaml", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert isinstance(stop.value.code, int)
        return stop.value.code

    return call
