"""The shipped network of multipliers does what its card and the README say."""

import json

import numpy as np
import pytest
from test_pretrained import share_and_error, utilities

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import DualGNNBeamformer
from sionna_cfisac.beamforming.weights import PRETRAINED, pretrained_names
from sionna_cfisac.channel import CellFreeChannel, TopologyChannel

# a seed that no training, validation, scenario or benchmark uses
SEED = 2025
RAW = {"refine": 0, "polish": 0}


def shares(network, state, weight):
    utility = utilities(lambda s: network(s, weight), state, weight)
    return share_and_error(utility)[0], np.percentile(utility[0] / utility[1], 1)


def test_there_is_one_network_and_it_is_the_default():
    assert pretrained_names("DualGNNBeamformer") == ["dual"]
    one, other = DualGNNBeamformer.from_pretrained(), DualGNNBeamformer.from_pretrained("dual")
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("weight", [0.0, 2.0, 10.0])
def test_the_papers_set_up(weight):
    state = CellFreeChannel()(500, seed=SEED)
    mean, low = shares(DualGNNBeamformer.from_pretrained(), state, weight)
    assert mean > 0.9999
    assert low > 0.9995
    assert mean < 1 + 1e-5


@pytest.mark.parametrize(
    ("size", "snr"),
    [((2, 4, 8), 10), ((16, 2, 4), 0), ((3, 8, 32), 20), ((8, 5, 16), 30), ((1, 2, 64), -10)],
)
def test_other_sizes_and_noise_powers(size, snr):
    noise = 10 ** (-snr / 10)
    state = CellFreeChannel(*size, noise_power=noise, sensing_noise_power=noise)(200, seed=SEED)
    assert shares(DualGNNBeamformer.from_pretrained(), state, 2.0)[0] > 0.998
    assert shares(DualGNNBeamformer.from_pretrained(**RAW), state, 2.0)[0] > 0.99


def test_path_loss_and_shadowing():
    channel = TopologyChannel(
        5, 4, 8, area=(400.0, 400.0), path_loss_exponent=3.7, shadowing_std_db=8.0,
        noise_power=6.3e-13, sensing_noise_power=6.3e-13,
    )  # fmt: skip
    mean, _ = shares(DualGNNBeamformer.from_pretrained(), channel(200, seed=SEED), 2.0)
    assert mean > 0.995


@pytest.mark.parametrize("weight", [0.0, 2.0, 10.0])
@pytest.mark.parametrize("gain", [0.0, 1e-20, 1e-10])
def test_aps_that_hardly_anybody_hears(weight, gain):
    state = CellFreeChannel(4)(200, seed=SEED)
    # another AP, or none, in every second channel
    h = np.array(state.h)
    h[::2, 1] *= gain
    h[::4, 3] *= gain
    mean, _ = shares(DualGNNBeamformer.from_pretrained(), state._replace(h=h), weight)
    assert mean > 0.9999


def test_single_precision_costs_little_where_the_network_is_crowded():
    state = CellFreeChannel(2, 8, 8, noise_power=1e-3, dtype="float64")(200, seed=SEED)
    single, double = (
        metrics.utility(state, DualGNNBeamformer.from_pretrained(dtype=dtype)(state, 2.0), 2.0)
        for dtype in ("float32", "float64")
    )
    np.testing.assert_allclose(single, double, rtol=2e-3)


def test_powers_and_noise_that_differ():
    rng = np.random.default_rng(SEED)
    state = CellFreeChannel(5, 3, 8)(200, seed=SEED)
    state = state._replace(
        noise_power=(0.1 * rng.uniform(0.3, 3.0, (200, 3))).astype("float32"),
        ap_power=(0.2 * rng.uniform(0.3, 3.0, (200, 5))).astype("float32"),
    )
    assert shares(DualGNNBeamformer.from_pretrained(), state, 2.0)[0] > 0.995


def test_the_card_tells_its_training_and_scores():
    card = json.loads((PRETRAINED / "dual.json").read_text())
    training = card["scenario"]["training"]
    assert card["architecture"] == DualGNNBeamformer().architecture()
    # it is used with more steps than it was trained through
    assert training["beamformer"]["polish"] <= DualGNNBeamformer().polish
    assert training["beamformer"]["refine"] <= DualGNNBeamformer().refine
    assert [score["sensing_weight"] for score in card["measured"]] == [0.0, 2.0, 10.0]
