"""Networks say when they are used outside of what they were trained on."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import gamma

from sionna_cfisac.beamforming import DualGNNBeamformer, HeteroGNNBeamformer, JointBeamformer
from sionna_cfisac.beamforming.weights import PRETRAINED
from sionna_cfisac.channel import CellFreeChannel, TopologyChannel
from sionna_cfisac.state import ChannelState

PAPER = [f"paper-beta{weight}" for weight in (0, 1, 2, 5, 10)]


def said(network, state, *calls) -> list[str]:
    """Every warning of some calls, by default of one, each named by its quantity."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        for call in calls or (network,):
            call(state)
    own = [w for w in record if "is made for" in str(w.message)]
    assert {w.filename for w in own} <= {__file__}
    return [str(w.message) for w in own]


def card(name: str) -> dict:
    return json.loads((PRETRAINED / f"{name}.json").read_text())


def draw(num_aps=5, num_users=2, num_tx_ant=8, size=16, scale=1.0, **options) -> ChannelState:
    state = CellFreeChannel(num_aps, num_users, num_tx_ant, **options)(size, seed=3)
    return state._replace(h=np.asarray(state.h) * np.float32(np.sqrt(scale)))


@pytest.mark.parametrize("name", [*PAPER, "conditioned"])
def test_the_cards_of_the_package_say_what_the_mathematics_says(name: str) -> None:
    known = card(name)["trained_on"]
    assert [known[key] for key in ("num_aps", "num_users", "num_tx_ant")] == [
        [5, 5],
        [2, 2],
        [8, 8],
    ]
    weight = float(name.removeprefix("paper-beta")) if name in PAPER else None
    assert known["sensing_weight"] == ([0, 20] if weight is None else [weight, weight])
    assert known["noise_power"] == ([0.01, 1] if weight is None else [0.1, 0.1])
    # the mean of 80 independent exponential variables
    gain = gamma(80, scale=1 / 80)
    np.testing.assert_allclose(known["channel_gain"], gain.ppf([0.01, 0.99]), rtol=0.06)
    noise = 0.1 if weight is not None else 10 ** np.random.default_rng(1).uniform(-2, 0, 10**5)
    snr = gain.rvs(10**5, random_state=2) / noise
    np.testing.assert_allclose(known["snr"], np.percentile(snr, [1, 99]), rtol=0.12)


def test_the_card_of_the_network_of_multipliers_covers_its_sizes_and_no_scale() -> None:
    about = card("dual")
    known, sizes = about["trained_on"], about["scenario"]["training"]["sizes"]
    for key in ("num_aps", "num_users", "num_tx_ant"):
        values = [size[key] for size in sizes]
        assert known[key] == [min(values), max(values)]
    assert known["sensing_weight"] == [0, 20]
    assert set(known) == {"num_aps", "num_users", "num_tx_ant", "sensing_weight", "snr"}
    # noise of 0.001 to 10 on Rayleigh channels is well within, further down on maps
    low, high = 10 * np.log10(known["snr"])
    assert low < -20
    assert 29 < high < 32


def test_path_loss_is_warned_of_once() -> None:
    network = HeteroGNNBeamformer.from_pretrained("paper-beta0")
    state = draw(4, 3, scale=1e-10, noise_power=1e-11)
    first = said(network, state, network, network, lambda s: network(s, sensing_weight=None))
    assert [message.split(": ")[0] for message in first] == ["state", "state", "h", "noise_power"]
    assert "'paper-beta0' is made for num_aps 5, got 4;" in first[0]
    assert "made for num_users 2, got 3;" in first[1]
    gain = card("paper-beta0")["trained_on"]["channel_gain"]
    assert f"a mean |h|^2 of {gain[0]} to {gain[1]}, got " in first[2]
    assert "made for noise powers of 0.1, got 1e-11;" in first[3]
    for message in first:
        assert "use DualGNNBeamformer, JointBeamformer or WMMSEBeamformer, or train" in message
    # of one more thing it warns still
    louder = state._replace(ap_power=100 * np.asarray(state.ap_power))
    assert said(network, louder) == []
    # and another network knows nothing of it
    assert len(said(HeteroGNNBeamformer.from_pretrained("paper-beta0"), state)) == 4


@pytest.mark.parametrize("size", [1, 2, 64])
def test_its_own_channels_are_not_warned_of(size: int) -> None:
    for name, options in (("paper-beta2", {}), ("conditioned", {"sensing_weight": 20.0})):
        network = HeteroGNNBeamformer.from_pretrained(name, **options)
        for noise in (0.1,) if name in PAPER else (0.01, 0.1, 1.0):
            assert said(network, draw(size=size, noise_power=noise)) == []
    dual = DualGNNBeamformer.from_pretrained(sensing_weight=20.0)
    assert said(dual, draw(16, 8, 4, size=size)) == []
    assert said(dual, draw(size=size, noise_power=0.001)) == []


def test_what_the_network_of_multipliers_normalises_away_is_not_warned_of() -> None:
    dual = DualGNNBeamformer.from_pretrained(sensing_weight=0.0)
    assert said(dual, draw(4, 3, scale=1e-10, noise_power=1e-11)) == []
    street = TopologyChannel(num_aps=5, num_users=4, num_tx_ant=8, total_power=1.0)
    assert said(dual, street(32, seed=1)) == []
    found = said(dual, draw(scale=1e-10, noise_power=1e-15))
    assert len(found) == 1
    assert found[0].startswith("noise_power: 'dual' is made for an SNR")
    assert "got 49.9" in found[0] or "got 50" in found[0]
    assert "use JointBeamformer or WMMSEBeamformer, or" in found[0]


def test_weights_and_power_outside_are_warned_of() -> None:
    dual = DualGNNBeamformer.from_pretrained()
    (found,) = said(dual, draw(), lambda s: dual(s, 50.0), lambda s: dual(s, 100.0))
    assert found.startswith(
        "sensing_weight: 'dual' is made for a sensing weight of 0 to 20, got 50"
    )
    state = draw()
    network = HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=0.0)
    (found,) = said(network, state._replace(ap_power=100 * np.asarray(state.ap_power)))
    # neither the noise nor the channels have changed
    assert found.startswith("noise_power: 'conditioned' is made for an SNR")


def test_a_graph_knows_sizes_alone_and_has_no_way_to_the_host() -> None:
    network = HeteroGNNBeamformer.from_pretrained("paper-beta0")
    run = tf.function(lambda s: network(s), autograph=False)
    state = ChannelState(*map(tf.constant, draw(4, 2, scale=1e-10, noise_power=1e-11)))
    (found,) = said(network, state, run)
    assert "num_aps 5, got 4" in found
    operations = {op.type for op in run.get_concrete_function(state).graph.get_operations()}
    assert not operations & {"PyFunc", "EagerPyFunc", "PrintV2", "Assert"}


def test_a_start_of_the_optimiser_is_no_use_of_the_network() -> None:
    joint = JointBeamformer(50.0, start="network", max_iterations=1)
    assert said(joint, draw(size=2)) == []


@pytest.mark.parametrize(
    "section",
    [None, [], {"num_aps": 5, "channel_gain": [1], "snr": ["a", "b"], "num_users": [3, 2]}],
)
def test_what_a_card_does_not_say_is_not_warned_of(tmp_path: Path, section: object) -> None:
    for suffix in (".weights.h5", ".json"):
        shutil.copy(PRETRAINED / f"paper-beta0{suffix}", tmp_path / f"old{suffix}")
    about = card("paper-beta0")
    del about["trained_on"]
    if section is not None:
        about["trained_on"] = section
    (tmp_path / "old.json").write_text(json.dumps(about))
    network = HeteroGNNBeamformer.load(tmp_path / "old")
    assert said(network, draw(4, 3, scale=1e-10, noise_power=1e-11)) == []


def test_it_can_be_told_to_say_nothing() -> None:
    network = HeteroGNNBeamformer.from_pretrained("paper-beta0")
    network.mute(["num_aps"])
    (found,) = said(network, draw(4, 3))
    assert "num_users" in found
    network = HeteroGNNBeamformer.from_pretrained("paper-beta0")
    network.mute()
    assert said(network, draw(4, 3, scale=1e-10)) == []
