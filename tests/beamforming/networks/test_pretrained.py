"""The weights that come with the package do what their cards and the README say."""

import json

import numpy as np
import pytest

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    HeteroGNNBeamformer,
    JointBeamformer,
    WMMSEBeamformer,
)
from sionna_cfisac.beamforming.weights import PRETRAINED, pretrained_names
from sionna_cfisac.channel import CellFreeChannel

PAPER = {"paper-beta0": 0.0, "paper-beta1": 1.0, "paper-beta2": 2.0, "paper-beta5": 5.0}
PAPER["paper-beta10"] = 10.0
NUM_CHANNELS = 400


def draw(num_aps: int = 5, num_users: int = 2, noise_power: float = 0.1):
    # a seed that no training, validation or scenario uses
    channel = CellFreeChannel(num_aps, num_users, 8, noise_power=noise_power)
    return channel(NUM_CHANNELS, seed=2024)


def utilities(network, state, weight: float) -> np.ndarray:
    """Utility of every channel, and of the joint optimum."""
    beams = network(state), JointBeamformer(weight)(state)
    return np.array([metrics.utility(state, f, weight).numpy() for f in beams], float)


def share_and_error(utility: np.ndarray) -> tuple[float, float]:
    """Quotient of the means and its standard error, by the delta method."""
    ours, optimum = utility
    share = ours.mean() / optimum.mean()
    error = (ours - share * optimum).std(ddof=1) / optimum.mean() / np.sqrt(len(ours))
    return share, error


def test_all_weights_are_there():
    assert set(pretrained_names("HeteroGNNBeamformer")) == {*PAPER, "conditioned"}


@pytest.mark.parametrize("name", [*PAPER, "conditioned"])
def test_a_network_is_as_good_as_its_card_says(name):
    card = json.loads((PRETRAINED / f"{name}.json").read_text())
    state = draw()
    scores = card["measured"]
    for score in scores if len(scores) == 1 else scores[::2]:
        weight = score["sensing_weight"]
        options = {"sensing_weight": weight} if name == "conditioned" else {}
        network = HeteroGNNBeamformer.from_pretrained(name, **options)
        share, error = share_and_error(utilities(network, state, weight))
        # the card's own error is that of its number of channels
        spread = error * np.sqrt(1 + NUM_CHANNELS / score["num_channels"])
        assert abs(share - score["share"]) < 4 * spread, (weight, share, score["share"])


@pytest.mark.parametrize(("name", "weight"), PAPER.items())
def test_the_papers_networks_have_the_papers_architecture(name, weight):
    network = HeteroGNNBeamformer.from_pretrained(name)
    architecture = network.architecture()
    assert architecture["hidden_dim"] == 256
    assert architecture["num_layers"] == 4
    assert architecture["negative_slope"] == 0.1
    card = json.loads((PRETRAINED / f"{name}.json").read_text())
    assert card["scenario"]["objective"]["sensing_weight"] == weight


def test_without_sensing_the_network_comes_near_wmmse():
    state = draw()
    rates = [
        metrics.sum_rate(state, method(state)).numpy()
        for method in (HeteroGNNBeamformer.from_pretrained("paper-beta0"), WMMSEBeamformer())
    ]
    assert rates[0].mean() > 0.985 * rates[1].mean()


def test_the_network_carries_over_to_other_numbers_of_aps():
    without, with_sensing = (
        HeteroGNNBeamformer.from_pretrained(name) for name in ("paper-beta0", "paper-beta2")
    )
    sensing = []
    for num_aps in (3, 5, 10):
        state = draw(num_aps)
        rate = metrics.sum_rate(state, without(state)).numpy().mean()
        best = metrics.sum_rate(state, WMMSEBeamformer()(state)).numpy().mean()
        assert rate > 0.97 * best
        snr = metrics.sensing_snr(state, with_sensing(state)).numpy()
        sensing.append((snr / metrics.max_sensing_snr(state).numpy()).mean())
    assert np.ptp(sensing) < 0.06


def test_a_high_weight_still_beats_conjugate_beams():
    state = draw()
    f = HeteroGNNBeamformer.from_pretrained("paper-beta10")(state)
    conjugate = ConjugateBeamformer()(state)
    assert (
        metrics.sum_rate(state, f).numpy().mean()
        > metrics.sum_rate(state, conjugate).numpy().mean()
    )
    snr = metrics.sensing_snr(state, f).numpy().mean()
    assert snr > 0.88 * metrics.max_sensing_snr(state).numpy().mean()


@pytest.mark.parametrize(("noise_power", "least"), [(0.01, 0.94), (1.0, 0.99)])
def test_the_conditioned_network_at_the_ends_of_its_range(noise_power, least):
    network = HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=2.0)
    share, error = share_and_error(utilities(network, draw(noise_power=noise_power), 2.0))
    assert share - 3 * error > least


def test_what_the_readme_says_of_other_numbers_of_users():
    network = HeteroGNNBeamformer.from_pretrained("paper-beta0")
    shares = {
        users: share_and_error(utilities(network, draw(num_users=users), 0.0)) for users in (1, 3)
    }
    for users, stated in ((1, 0.923), (3, 0.458)):
        share, error = shares[users]
        assert abs(share - stated) < 5 * error
