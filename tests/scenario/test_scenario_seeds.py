"""Same seed, same channels: whatever the batch size, the number of samples or the other keys."""

from typing import Any

import numpy as np
import pytest
from keras import ops

from sionna_cfisac.beamforming import RZFBeamformer
from sionna_cfisac.metrics import sum_rate
from sionna_cfisac.scenario.engines.channels import draw_batches
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.engines.seeds import BLOCK, condition_seed
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.state import ChannelState


def scenario(**changes: Any) -> ScenarioSpec:
    values: dict[str, Any] = {
        "schema_version": 1,
        "name": "seeds",
        "network": {"num_aps": 2, "num_users": 2, "num_tx_ant": 4},
        "beamformers": ["conjugate", "rzf", "nullspace_sensing"],
        "measure": ["sum_rate", "min_rate", "sensing_snr_db", "utility"],
        "samples": 300,
    }
    return ScenarioSpec.model_validate({**values, **changes})


def drawn(spec: ScenarioSpec) -> ChannelState:
    batches = [state for _, state, _ in draw_batches(spec)]
    return ChannelState(
        *(
            np.concatenate([ops.convert_to_numpy(x) for x in part])
            for part in zip(*batches, strict=True)
        )
    )


@pytest.mark.parametrize("told", [False, True])
def test_beams_come_from_the_estimate_and_count_on_the_true_channel(told: bool) -> None:
    csi = {"error_variance": 0.3, "allow_for_error": told}
    spec = scenario(csi=csi, beamformers=["rzf"], samples=BLOCK)
    ((_, state, known),) = draw_batches(spec)
    for one, other in zip(state, drawn(scenario(samples=BLOCK)), strict=True):
        np.testing.assert_array_equal(one, other)
    # all APs together send a power of 1 over the unknown part
    noise = np.asarray(state.noise_power) + (0.3 if told else 0.0)
    np.testing.assert_allclose(known.noise_power, noise, rtol=1e-6)
    expected = sum_rate(state, RZFBeamformer()(known._replace(noise_power=noise)))
    got = engine_of(spec).run().values["rzf"]["sum_rate"]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, BLOCK, 299, 1000])
def test_channels_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    for one, other in zip(drawn(scenario()), drawn(scenario(batch_size=batch_size)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fewer_samples_are_the_first_of_more() -> None:
    for few, many in zip(drawn(scenario(samples=20)), drawn(scenario()), strict=True):
        np.testing.assert_array_equal(few, many[:20])


def test_no_two_channels_are_equal() -> None:
    h = drawn(scenario(samples=2 * BLOCK + 3)).h
    assert len(np.unique(h[:, 0, 0, 0])) == 2 * BLOCK + 3


def test_values_do_not_depend_on_the_batch_size() -> None:
    whole, parts = engine_of(scenario()).run(), engine_of(scenario(batch_size=77)).run()
    for method, metrics in whole.values.items():
        for metric, values in metrics.items():
            np.testing.assert_allclose(parts.values[method][metric], values, rtol=1e-9)


@pytest.mark.slow
def test_optima_do_not_depend_on_who_else_is_in_the_batch() -> None:
    changes = {"beamformers": ["wmmse", "joint"], "measure": ["utility", "upper_bound"]}
    whole = engine_of(scenario(**changes, samples=60)).run()
    parts = engine_of(scenario(**changes, samples=60, batch_size=17)).run()
    for method in ("wmmse", "joint", "upper_bound"):
        one, other = whole.values[method]["utility"], parts.values[method]["utility"]
        np.testing.assert_allclose(other, one, rtol=1e-9)


def test_precision_changes_the_arithmetic_not_the_channels() -> None:
    single, double = drawn(scenario(precision="single")), drawn(scenario())
    assert single.h.dtype == np.complex64
    np.testing.assert_array_equal(single.h, double.h.astype(np.complex64))


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_power": 1.0},
        {"objective": {"sensing_weight": 5}},
        {"network": {"num_aps": 2, "num_users": 2, "num_tx_ant": 4, "total_power": 9}},
        {"beamformers": ["rzf"]},
        {"name": "other", "samples": 5, "batch_size": 3, "precision": "single"},
        {"channel": {"type": "rayleigh", "angle_range": None}},
        {"sensing": {"gain": "exponential"}},
    ],
)
def test_what_shapes_no_draw_leaves_the_channels(changes: dict[str, Any]) -> None:
    assert condition_seed(scenario(**changes)) == condition_seed(scenario())


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"network": {"num_aps": 3, "num_users": 2, "num_tx_ant": 4}},
        {"channel": {"type": "rayleigh", "angle_range": [0.0, 1.0]}},
        {"channel": {"type": "topology"}},
        {"sensing": {"gain": "unit"}},
    ],
)
def test_what_shapes_a_draw_gives_other_channels(changes: dict[str, Any]) -> None:
    assert condition_seed(scenario(**changes)) != condition_seed(scenario())


def test_the_seed_of_a_condition_stays_that_of_earlier_versions() -> None:
    assert condition_seed(scenario())[:16] == "784c7587f0684346"
