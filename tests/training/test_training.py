"""Training: learning itself, which epoch wins, what the log tells, and the scores."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import ReferenceChannel
from training_helpers import (
    SIZES,
    WEIGHTS,
    Told,
    batches,
    log,
    make_data,
    make_network,
    stored,
    utility,
    values,
)

from sionna_cfisac.beamforming import HeteroGNNBeamformer, JointBeamformer
from sionna_cfisac.channel import CellFreeChannel
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
@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_training_is_a_step_of_adam_on_every_batch_in_its_order(
    clip_norm: float | None, tmp_path: Path
) -> None:
    validation: Any = Told(0.1, 0.2, 0.3)
    trained, plan = make_network(), TrainingPlan(3, 0.01, 2, clip_norm=clip_norm)
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
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        if clip_norm is not None:
            norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in gradients))
            assert norm > 2 * clip_norm
            gradients = [gradient * clip_norm / norm for gradient in gradients]
        optimizer.apply(gradients, weights)
    for mine, theirs, before in zip(*map(values, (trained, expected, make_network())), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
        assert np.abs(mine - before).max() > 1e-3


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("sizes", "compiled"), [(4, "auto"), (5, False)])
def test_many_sizes_are_not_compiled_one_by_one(
    sizes: int, compiled: str | bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, compile_model = [], TrainingModel.compile

    def noted(self: TrainingModel, **options: Any) -> None:
        asked.append(options["jit_compile"])
        compile_model(self, **options)

    monkeypatch.setattr(TrainingModel, "compile", noted)
    channels = [CellFreeChannel(1, 1, 4)] * sizes
    data = TrainingData(channels, batch_size=sizes, steps_per_epoch=1, seed=3, sensing_weight=2.0)
    validation: Any = Told(0.1)
    train(make_network(), data, validation, TrainingPlan(1), tmp_path)
    assert asked == [compiled]


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
    assert stored(tmp_path / "_last.weights.h5")["epoch"] == 1


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
