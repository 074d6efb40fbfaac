"""Training: the batches and the loss on them."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import ReferenceChannel
from scipy.stats import kstest
from training_helpers import WEIGHTS, batches, make_data, make_network

from sionna_cfisac.beamforming import DualGNNBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.state import ChannelState
from sionna_cfisac.training import Draw, TrainingData, TrainingModel


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
    assert loss == pytest.approx(reference_loss(batch, [f for (f,) in beams]), rel=1e-5)


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
        return reference_loss(batch, [f for (f,) in model(batch)])

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
    assert [tuple(f.shape) for (f,) in beams] == [(3, 2, 3, 4), (3, 3, 3, 4), (2, 1, 4, 4)]


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
        (lambda: Draw(2, 1), "high: expected low <= high, got 2 and 1"),
        (lambda: Draw(1, 2, "linear"), "scale: expected one of"),
        (lambda: Draw(1, 2, low_share=1.5), "low_share: expected a finite number from 0 to 1"),
        (lambda: make_data(3, batch_size=2), "at least one channel of each of the 3 sizes, got 2"),
        (lambda: make_data(num_samples=7), "num_samples: expected at least batch_size 8, got 7"),
    ],
)
def test_wrong_arguments(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_log_utility_counts_relative_gains_and_every_candidate() -> None:
    layers = [CellFreeChannel(2, 2, 4), CellFreeChannel(3, 1, 2)]
    data = TrainingData(layers, batch_size=4, steps_per_epoch=1, seed=1, sensing_weight=WEIGHTS)
    network = DualGNNBeamformer(hidden_dim=4, num_layers=1, polish=1)
    model = TrainingModel(network, loss="log_utility")
    (batch,) = data[0]
    values = []
    for fields in batch.values():
        state = ChannelState(**{name: fields[name] for name in ChannelState._fields})
        for f in network.candidates(state, fields["sensing_weight"]):
            for index, weight in enumerate(fields["sensing_weight"]):
                one = ReferenceChannel(state, index)
                values.append(np.log(one.utility(np.asarray(f)[index], float(weight))))
    assert len(values) == 2 * data.batch_size
    loss = float(model.compute_loss(batch, None, model(batch)))
    assert loss == pytest.approx(-np.mean(values), rel=1e-5)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^loss: expected one of .*got 'rate'"):
        TrainingModel(make_network(), loss="rate")


def test_noise_is_scaled_from_the_layers_own() -> None:
    layers = [CellFreeChannel(2, 2, 4, noise_power=[0.1, 0.3]), CellFreeChannel(2, 1, 4)]
    options = {"batch_size": 6, "steps_per_epoch": 1, "seed": 1, "sensing_weight": 1.0}
    scaled = TrainingData(layers, noise_scale=Draw(0.01, 100), **options)[0][0]
    plain = TrainingData(layers, **options)[0][0]
    for name, fields in scaled.items():
        for key in ("noise_power", "sensing_noise_power"):
            factor = fields[key] / plain[name][key]
            np.testing.assert_allclose(factor, factor[:, :1] * np.ones_like(factor), rtol=1e-5)
            assert len(np.unique(np.round(factor[:, 0], 6))) == len(factor)
            assert ((factor > 0.0099) & (factor < 100.1)).all()
        np.testing.assert_array_equal(fields["h"], plain[name]["h"])
    with pytest.raises(ValueError, match=r"^noise_scale: expected either .*got both"):
        TrainingData(layers, noise_scale=Draw(1, 2), noise_power=Draw(1, 2), **options)
