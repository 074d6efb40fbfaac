"""Training: the loss, the batches, learning itself, and going on after an interruption."""

import csv
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import ReferenceChannel
from scipy.stats import kstest

from sionna_cfisac.beamforming import HeteroGNNBeamformer, JointBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.state import ChannelState
from sionna_cfisac.training import (
    Draw,
    Score,
    TrainingData,
    TrainingError,
    TrainingModel,
    TrainingPlan,
    Validation,
    train,
)

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")

SIZES = [CellFreeChannel(2, 2, 4), CellFreeChannel(3, 1, 4, 2), CellFreeChannel(1, 3, 4)]
WEIGHTS = Draw(0, 20, "log1p", 0.15)


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


def same(one: dict, other: dict) -> bool:
    return all(
        np.array_equal(one[size][key], other[size][key]) for size in one for key in one[size]
    )


def reference_loss(batch: dict, beams: list) -> float:
    """The loss, channel by channel in NumPy."""
    values = []
    for fields, f in zip(batch.values(), beams, strict=True):
        state = ChannelState(*(fields[key] for key in ChannelState._fields))
        for index, weight in enumerate(fields["sensing_weight"]):
            utility = ReferenceChannel(state, index).utility(np.asarray(f)[index], float(weight))
            values.append(utility / (1 + float(weight)))
    return -float(np.mean(values))


def test_loss_is_the_negative_mean_utility_over_one_plus_weight() -> None:
    data = make_data(3, sensing_weight=WEIGHTS, noise_power=Draw(0.01, 1))
    model = TrainingModel(make_network(conditioned=True))
    (batch,) = data[0]
    assert len({weight for fields in batch.values() for weight in fields["sensing_weight"]}) > 5
    beams = model(batch)
    loss = float(model.compute_loss(batch, None, beams))
    assert loss == pytest.approx(reference_loss(batch, beams), rel=1e-5)


def test_gradient_of_the_loss_is_that_of_finite_differences() -> None:
    layer = CellFreeChannel(2, 2, 4, dtype="float64")
    weights = Draw(0.5, 4, "log1p")
    data = TrainingData([layer], batch_size=4, steps_per_epoch=1, seed=1, sensing_weight=weights)
    model = TrainingModel(make_network(dtype="float64", conditioned=True))
    (batch,) = data[0]
    (weight,) = (w for w in model.trainable_variables if w.path.endswith("hidden_0/ap_from_edges"))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, None, model(batch))
    gradient = np.asarray(tape.gradient(loss, weight.value))
    values = np.asarray(weight)

    def loss_at(change: np.ndarray) -> float:
        weight.assign(values + change)
        return reference_loss(batch, model(batch))

    assert np.abs(gradient).max() > 1e-3
    for index in [(0, 0), (3, 5), (7, 2), (15, 7)]:
        change = np.zeros_like(values)
        change[index] = 1e-5
        slope = (loss_at(change) - loss_at(-change)) / 2e-5
        assert gradient[index] == pytest.approx(slope, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("num_samples", [None, 50])
def test_a_batch_depends_on_seed_and_step_alone(num_samples: int | None) -> None:
    options = {"num_samples": num_samples, "sensing_weight": WEIGHTS}
    whole = list(batches(make_data(2, **options), 9))
    keras.utils.set_random_seed(99)
    other = make_data(2, steps_per_epoch=3, **options)
    for step in (7, 0, 7, 4):
        (again,) = batches(other, 1, step)
        assert same(again, whole[step])
    assert not same(next(batches(make_data(2, seed=4, **options), 1)), whole[0])


def test_fresh_channels_and_weights_in_every_step() -> None:
    data = make_data(2, sensing_weight=Draw(0, 20, "log1p"), noise_power=Draw(0.01, 1))
    drawn = list(batches(data, 12))
    for key in ("h", "a", "sensing_gain", "sensing_weight", "noise_power", "sensing_noise_power"):
        numbers = np.concatenate(
            [np.asarray(f[key]).reshape(len(f[key]), -1)[:, -1] for b in drawn for f in b.values()]
        )
        assert len(np.unique(numbers)) == len(numbers) == 12 * 8


@pytest.mark.parametrize(
    ("sizes", "num_samples", "batch_size", "per_pass"),
    [(1, 20, 8, 2), (1, 16, 8, 2), (1, 8, 8, 1), (2, 32, 8, 4), (2, 10, 3, 2), (3, 22, 8, 2)],
)
def test_a_pass_takes_every_channel_of_the_fixed_set_once_at_most(
    sizes: int, num_samples: int, batch_size: int, per_pass: int
) -> None:
    data = make_data(sizes, num_samples=num_samples, batch_size=batch_size)
    passes = []
    for number in range(30):
        drawn = list(batches(data, per_pass, number * per_pass))
        # a channel is known by its first coefficient
        names = [[complex(h) for f in b.values() for h in f["h"][:, 0, 0, 0]] for b in drawn]
        assert [len(batch) for batch in names] == [batch_size] * per_pass
        passes.append([name for batch in names for name in batch])
    for one in passes:
        assert len(set(one)) == per_pass * batch_size
    assert len({name for one in passes for name in one}) == num_samples
    # with few channels an order may come twice
    assert len({tuple(one) for one in passes}) > len(passes) / 2


def test_sizes_share_a_batch_evenly() -> None:
    (batch,) = make_data(3)[0]
    assert [fields["h"].shape for fields in batch.values()] == [
        (3, 2, 2, 4),
        (3, 3, 1, 4),
        (2, 1, 3, 4),
    ]
    assert [fields["a"].shape[2] for fields in batch.values()] == [1, 2, 1]
    beams = TrainingModel(make_network())(batch)
    assert [tuple(f.shape) for f in beams] == [(3, 2, 3, 4), (3, 3, 3, 4), (2, 1, 4, 4)]


def test_drawn_weights_fill_their_range() -> None:
    (batch,) = make_data(batch_size=4000, sensing_weight=WEIGHTS)[0]
    drawn = batch["0"]["sensing_weight"]
    assert drawn.dtype == np.float32
    assert 0 == drawn.min() < drawn.max() <= 20
    share = np.mean(drawn == 0)
    assert abs(share - 0.15) < 4 * np.sqrt(0.15 * 0.85 / 4000)
    assert kstest(np.log1p(drawn[drawn > 0]) / np.log(21), "uniform").pvalue > 1e-3


def test_drawn_noise_is_one_number_for_the_ues_and_another_for_the_receivers() -> None:
    (batch,) = make_data(batch_size=2000, noise_power=Draw(0.01, 1))[0]
    noise = {key: batch["0"][key] for key in ("noise_power", "sensing_noise_power")}
    for values in noise.values():
        assert values.shape == (2000, 2)
        assert values.dtype == np.float32
        assert np.array_equal(values[:, 0], values[:, 1])
        assert 0.01 <= values.min() < values.max() <= 1
        assert kstest(np.log10(values[:, 0]) / 2 + 1, "uniform").pvalue > 1e-3
    logs = [np.log(values[:, 0]) for values in noise.values()]
    assert abs(np.corrcoef(logs)[0, 1]) < 4 / np.sqrt(2000)


def test_without_a_range_noise_and_weight_are_those_given() -> None:
    (batch,) = make_data(sensing_weight=0.5)[0]
    assert np.all(batch["0"]["sensing_weight"] == 0.5)
    assert np.all(batch["0"]["noise_power"] == np.float32(0.1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Draw(0, 1), "low: expected a finite number above 0, got 0"),
        (lambda: Draw(-1, 1, "log1p"), "low: expected a finite number >= 0, got -1"),
        (lambda: Draw(2, 1), "high: expected a finite number >= 2, got 1"),
        (lambda: Draw(1, 2, "linear"), "scale: expected one of"),
        (lambda: Draw(1, 2, low_share=1.5), "low_share: expected a finite number from 0 to 1"),
        (lambda: make_data(3, batch_size=2), "at least one channel of each of the 3 sizes, got 2"),
        (lambda: make_data(num_samples=7), "expected at least batch_size = 8, got 7"),
    ],
)
def test_wrong_arguments(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


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


@pytest.fixture
def eager() -> Iterator[None]:
    """A few steps take less time than tracing them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def log(folder: Path, without: str = "") -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key: value for key, value in row.items() if key != without} for row in rows]


def stored(file: Path) -> dict[str, Any]:
    """Every array and attribute of an HDF5 file, but for the time."""
    found: dict[str, Any] = {}
    with h5py.File(file) as store:
        store.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
        return {**found, **{k: v for k, v in store.attrs.items() if k != "seconds"}}


@pytest.mark.parametrize(
    ("network", "sizes", "weight"),
    [({}, 1, 2.0), ({"aggregation": "sum"}, 2, 2.0), ({"conditioned": True}, 2, WEIGHTS)],
)
def test_training_raises_the_utility(
    network: dict[str, Any], sizes: int, weight: float | Draw, tmp_path: Path
) -> None:
    noise = Draw(0.03, 0.3) if "conditioned" in network else None
    beamformer = make_network(16, **network)
    data = make_data(
        sizes, batch_size=16, steps_per_epoch=40, sensing_weight=weight, noise_power=noise
    )
    validation = utility(sizes, *([0.0, 2.0, 10.0] if "conditioned" in network else [2.0]))
    before = [score.utility for score in validation(beamformer)]
    train(beamformer, data, validation, TrainingPlan(2, 0.02, 10), tmp_path)
    after = validation(beamformer)
    for old, score in zip(before, after, strict=True):
        assert score.utility > 1.1 * old
        assert score.share is None
        assert score.num_channels == 60
    # the beamformer has the weights of the best row
    key = f"utility_beta{after[0].sensing_weight:g}"
    assert any(float(row[key]) == pytest.approx(after[0].utility) for row in log(tmp_path))


@pytest.mark.usefixtures("eager")
def test_the_best_epoch_wins_and_the_log_tells(tmp_path: Path) -> None:
    beamformer, told, seen = make_network(), [], []

    def listen(progress: Any) -> None:
        told.append((progress.step, progress.scores is not None))
        if progress.scores is not None:
            seen.append(values(beamformer))

    plan = TrainingPlan(4, 0.01, 3)
    validation: Any = Told(0.5, 0.8, 0.8, 0.7)
    train(beamformer, make_data(), validation, plan, tmp_path, on_progress=listen)
    for mine, theirs in zip(values(beamformer), seen[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(seen[0][0], seen[1][0])
    validated = [(step, True) for step in (4, 8, 12, 16)]
    assert told == sorted([*((step, False) for step in range(1, 17)), *validated])
    rows = log(tmp_path)
    assert [(row["epoch"], row["step"], row["share_beta2"]) for row in rows] == [
        ("0", "4", "0.5"),
        ("1", "8", "0.8"),
        ("2", "12", "0.8"),
        ("3", "16", "0.7"),
    ]
    # linear up to step 3, then half a cosine down to zero at step 16
    cosine = [0.005 * (1 + np.cos(np.pi * (step - 3) / 13)) for step in (4, 8, 12, 16)]
    rates = [float(row["learning_rate"]) for row in rows]
    np.testing.assert_allclose(rates, cosine, rtol=1e-5, atol=1e-9)
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)


@pytest.mark.usefixtures("eager")
def test_training_is_a_step_of_adam_on_every_batch_in_its_order(tmp_path: Path) -> None:
    validation: Any = Told(0.1, 0.2, 0.3)
    trained, plan = make_network(), TrainingPlan(3, 0.01, 2)
    train(trained, make_data(steps_per_epoch=2), validation, plan, tmp_path)
    expected = make_network()
    model, optimizer = TrainingModel(expected), keras.optimizers.Adam()
    # epochs count from 1, so the first step of two in an epoch is number 2
    for step, batch in enumerate(batches(make_data(steps_per_epoch=2), 6, start=2)):
        rate = 0.005 * step if step <= 2 else 0.005 * (1 + np.cos(np.pi * (step - 2) / 4))
        optimizer.learning_rate = rate
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, None, model(batch))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
    for mine, theirs, before in zip(*map(values, (trained, expected, make_network())), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
        assert np.abs(mine - before).max() > 1e-3


@pytest.mark.usefixtures("eager")
def test_where_a_share_is_not_known_the_objective_decides(tmp_path: Path) -> None:
    class Mixed:
        sensing_weights = (0.0, 3.0)

        def __call__(self, beamformer: HeteroGNNBeamformer) -> list[Score]:
            seen.append(values(beamformer))
            # objectives 8 + 4/4, 4 + 16/4, 9 + 8/4
            one, other = [(8.0, 4.0), (4.0, 16.0), (9.0, 8.0)][len(seen) - 1]
            return [Score(0.0, one, 0.9, 0.8, 1), Score(3.0, other, None, None, 1)]

    seen: list[list[np.ndarray]] = []
    beamformer, validation, plan = make_network(), Mixed(), TrainingPlan(3, 0.01, 0)
    train(beamformer, make_data(steps_per_epoch=1), validation, plan, tmp_path)  # type: ignore
    np.testing.assert_array_equal(values(beamformer)[0], seen[2][0])


def stop_at(step: int, validated: bool = False) -> Callable[[Any], None]:
    def listen(progress: Any) -> None:
        if progress.step == step and (progress.scores is not None) == validated:
            raise KeyboardInterrupt

    return listen


@pytest.mark.usefixtures("eager")
def test_resuming_gives_the_same_bits_wherever_it_was_interrupted(tmp_path: Path) -> None:
    options = {
        "sizes": 2,
        "num_samples": 20,
        "sensing_weight": WEIGHTS,
        "noise_power": Draw(0.01, 1),
    }
    plan, validation = TrainingPlan(4, 0.01, 5), utility(2, 1.0, 4.0)
    whole = make_network(conditioned=True)
    train(whole, make_data(**options), validation, plan, tmp_path / "whole")
    folder = tmp_path / "part"
    # before the first checkpoint, in the middle, and right after a checkpoint
    for number, listen in enumerate([stop_at(2), stop_at(10), stop_at(12, True)]):
        network, data = make_network(conditioned=True), make_data(**options)
        with pytest.raises(KeyboardInterrupt):
            train(network, data, validation, plan, folder, resume=number > 0, on_progress=listen)
    part = make_network(conditioned=True)
    steps: list[int] = []
    seconds = train(
        part,
        make_data(**options),
        validation,
        plan,
        folder,
        resume=True,
        on_progress=lambda progress: steps.append(progress.step),
    )
    assert steps[0] == 13
    assert_equal(part, whole)
    assert log(folder, "seconds") == log(tmp_path / "whole", "seconds")
    assert [row["epoch"] for row in log(folder)] == ["0", "1", "2", "3"]
    for name in ("last.weights.h5", "best.weights.h5"):
        one, other = stored(folder / name), stored(tmp_path / "whole" / name)
        assert one.keys() == other.keys()
        assert any(key.startswith("optimizer") for key in one)
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)
    # a finished training does not go on
    again = make_network(conditioned=True)
    files = {file: file.read_bytes() for file in folder.glob("*.h5")}
    assert train(again, make_data(**options), validation, plan, folder, resume=True) == seconds
    assert_equal(again, whole)
    assert {file: file.read_bytes() for file in folder.glob("*.h5")} == files
    assert log(folder, "seconds") == log(tmp_path / "whole", "seconds")


@pytest.mark.usefixtures("eager")
def test_an_end_between_the_two_checkpoints_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[train.__module__]
    plan = TrainingPlan(3, 0.01, 0)
    whole = make_network()
    train(whole, make_data(), utility(), plan, tmp_path / "whole")
    save, saved = module._save, []

    def stop_before_last(model: Any, file: Path, state: dict[str, float]) -> None:
        saved.append(file.name)
        if saved.count("last.weights.h5") == 2 and file.name == "last.weights.h5":
            raise KeyboardInterrupt
        save(model, file, state)

    monkeypatch.setattr(module, "_save", stop_before_last)
    network, data = make_network(), make_data()
    with pytest.raises(KeyboardInterrupt):
        train(network, data, utility(), plan, tmp_path / "part")
    monkeypatch.undo()
    part = make_network()
    train(part, make_data(), utility(), plan, tmp_path / "part", resume=True)
    assert_equal(part, whole)
    assert log(tmp_path / "part", "seconds") == log(tmp_path / "whole", "seconds")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    tf.config.run_functions_eagerly(True)
    network, data, plan = make_network(), make_data(steps_per_epoch=1), TrainingPlan(3, 0.01, 0)
    validation: Any = Told(0.5, 0.4)
    with pytest.raises(KeyboardInterrupt):
        train(network, data, validation, plan, folder, on_progress=stop_at(2, True))
    tf.config.run_functions_eagerly(False)
    return folder


@pytest.fixture
def interrupted(checkpoints: Path, tmp_path: Path, eager: None) -> Path:
    """A copy of the folder of an interrupted training."""
    return Path(shutil.copytree(checkpoints, tmp_path / "interrupted"))


@pytest.mark.usefixtures("eager")
def test_the_best_epoch_survives_an_interruption(interrupted: Path) -> None:
    network, data, plan = make_network(), make_data(steps_per_epoch=1), TrainingPlan(3, 0.01, 0)
    validation: Any = Told(0.45)
    train(network, data, validation, plan, interrupted, resume=True)
    assert stored(interrupted / "best.weights.h5")["epoch"] == 1
    assert stored(interrupted / "last.weights.h5")["epoch"] == 3


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("best.weights.h5", None),
        ("best.weights.h5", b"x"),
        ("last.weights.h5", b""),
        ("last.weights.h5", "other"),
    ],
)
def test_checkpoints_that_are_missing_damaged_or_of_another_network(
    interrupted: Path, name: str, content: bytes | str | None
) -> None:
    hidden_dim = 8
    if content is None:
        (interrupted / name).unlink()
    elif isinstance(content, bytes):
        (interrupted / name).write_bytes(content)
    else:
        hidden_dim, name = 4, "best.weights.h5"
    network, data = make_network(hidden_dim), make_data(steps_per_epoch=1)
    validation: Any = Told(0.5)
    with pytest.raises(TrainingError, match=f"{name}: expected a checkpoint of this training"):
        train(network, data, validation, TrainingPlan(3), interrupted, resume=True)


@pytest.mark.usefixtures("eager")
def test_a_training_that_runs_off_stops(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="objective gives nan at step 2; try a lower learning"):
        train(make_network(), make_data(), utility(), TrainingPlan(20, 1e30, 0), tmp_path)
    assert not list(tmp_path.glob("*.h5"))


@pytest.mark.usefixtures("eager")
def test_a_validation_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    validation: Any = Told(0.5, float("nan"))
    with pytest.raises(TrainingError, match="validation gives nan at step 8"):
        train(make_network(), make_data(), validation, TrainingPlan(3), tmp_path)
    assert stored(tmp_path / "last.weights.h5")["epoch"] == 1


def test_scores_are_shares_of_the_joint_optimum() -> None:
    network = make_network(conditioned=True)
    validation = Validation(SIZES[:1], 11, [0.0, 3.0], seed=4)
    scores = validation(network)
    assert scores == validation(network)
    assert [score.sensing_weight for score in scores] == [0.0, 3.0]
    (state,) = validation._states
    for score in scores:
        weight = score.sensing_weight
        pair = network(state, sensing_weight=weight), JointBeamformer(weight)(state)
        mine, optimum = (
            np.array([ReferenceChannel(state, i).utility(f[i], weight) for i in range(11)])
            for f in map(np.asarray, pair)
        )
        assert score.num_channels == 11
        assert score.utility == pytest.approx(mine.mean(), rel=1e-5)
        assert score.share == pytest.approx(mine.mean() / optimum.mean(), rel=1e-5)
        assert score.share_percentile_1 == pytest.approx(np.percentile(mine / optimum, 1), rel=1e-5)


def test_with_several_targets_the_share_is_known_without_weight_only() -> None:
    validation = Validation([SIZES[1]], 3, [0.0, 1.0], seed=4)
    scores = validation(make_network())
    assert [score.share is None for score in scores] == [False, True]
    assert all(score.utility > 0 for score in scores)


def test_many_validation_channels_are_all_different_and_shared_by_the_sizes() -> None:
    layer = CellFreeChannel(1, 1, 1)
    validation = Validation([layer, layer], 2105, [0.0], seed=1)
    assert [len(state.h) for state in validation._states] == [500, 500, 53, 500, 500, 52]
    h = np.concatenate([np.asarray(state.h).ravel() for state in validation._states])
    assert len(h) == len(np.unique(h)) == 2105
