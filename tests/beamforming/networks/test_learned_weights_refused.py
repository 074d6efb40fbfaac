"""Weights that cannot be saved, and files of weights and cards that are refused."""

import json
import os

import numpy as np
import pytest
from reference_gnn import make_network

from sionna_cfisac.beamforming import HeteroGNNBeamformer


@pytest.fixture(scope="module")
def network():
    return make_network(conditioned=True, sensing_weight=2.0, dtype="float32")


@pytest.fixture
def saved(network, tmp_path):
    return network.save(tmp_path / "net")


def change_card(file, **changes):
    """Overwrite entries of the card of a file; None removes them."""
    card_file = file.with_name("net.json")
    card = json.loads(card_file.read_text("utf-8")) | changes
    kept = {key: value for key, value in card.items() if value is not None}
    card_file.write_text(json.dumps(kept), "utf-8")


def unfit_for_half():
    network = make_network(dtype="float32")
    network.weights[0].assign(np.full(network.weights[0].shape, 1e5))
    return network, {"half": True}


def not_finite():
    network = make_network(dtype="float32")
    network.weights[0].assign(np.full(network.weights[0].shape, np.nan))
    return network, {}


FAILURES = {
    "card": (
        lambda: (make_network(), {"card": {"x": object()}}),
        TypeError,
        "not JSON serializable",
    ),
    "half": (unfit_for_half, ValueError, r"hidden_0/\w+: expected finite .*float16, got 100000"),
    "nan": (not_finite, ValueError, r"hidden_0/\w+: expected finite weights of float32, got nan"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_nothing_is_left_where_saving_fails(name, tmp_path):
    make, error, message = FAILURES[name]
    network, options = make()
    with pytest.raises(error, match=message):
        network.save(tmp_path / "net", **options)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", FAILURES)
def test_what_was_there_survives_where_saving_fails(name, network, saved):
    make, error, _ = FAILURES[name]
    unfit, options = make()
    with pytest.raises(error):
        unfit.save(saved, **options)
    loaded = HeteroGNNBeamformer.load(saved)
    np.testing.assert_array_equal(loaded.weights[0], network.weights[0])
    assert sorted(os.listdir(saved.parent)) == ["net.json", "net.weights.h5"]


def flip_a_byte(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_byte,
        lambda file: file.write_bytes(file.read_bytes()[:-100]),
        lambda file: file.write_bytes(b""),
    ],
)
def test_damaged_weights_are_refused(saved, damage):
    damage(saved)
    message = r"net\.weights\.h5: expected the weights that net\.json describes, got .*damaged"
    with pytest.raises(ValueError, match=message):
        HeteroGNNBeamformer.load(saved)


@pytest.mark.parametrize("name", ["net.json", "net.weights.h5"])
def test_a_missing_file_is_named(saved, name):
    (saved.parent / name).unlink()
    with pytest.raises(FileNotFoundError, match=name.replace(".", r"\.")):
        HeteroGNNBeamformer.load(saved)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b'"net"', b'{"format": "another"}', b"\xff\xfe\x00"]
)
def test_what_is_not_a_card_is_refused(saved, content):
    (saved.parent / "net.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"net\.json: expected the card of some weights"):
        HeteroGNNBeamformer.load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "OtherBeamformer"}, "expected weights of HeteroGNN.*, got OtherBeamformer"),
        ({"type": None}, "the card lacks type"),
        ({"architecture": None, "sha256": None}, "the card lacks architecture, sha256"),
        ({"architecture": [1]}, r"architecture: expected a table, got \[1\]"),
        ({"architecture": {"num_heads": 2}}, "HeteroGNNBeamformer has no argument num_heads"),
        ({"format_version": 2}, "expected format_version 1, got 2"),
    ],
)
def test_a_wrong_card_is_refused(saved, changes, message):
    change_card(saved, **changes)
    with pytest.raises(ValueError, match=rf"net\.json: {message}"):
        HeteroGNNBeamformer.load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_dim": 8}, r"\w+/\w+: expected shape \(\d+, 8\), got \(\d+, 6\)"),
        ({"num_layers": 3}, r"hidden_2/\w+: expected shape .*, got None"),
        ({"conditioned": False}, r"context/bias_0: expected shape None, got \(64,\)"),
    ],
)
def test_an_architecture_that_the_weights_do_not_fit_is_refused(network, saved, changes, message):
    change_card(saved, architecture=network.architecture() | changes)
    with pytest.raises(ValueError, match=rf"net\.weights\.h5: .*do not fit .*: {message}"):
        HeteroGNNBeamformer.load(saved)


def test_an_option_that_the_weights_fix_is_refused(saved):
    with pytest.raises(ValueError, match=r"^hidden_dim: expected none, .*to 6, got 8"):
        HeteroGNNBeamformer.load(saved, hidden_dim=8)


def test_an_option_that_does_not_exist_is_refused(saved):
    with pytest.raises(TypeError, match="colour"):
        HeteroGNNBeamformer.load(saved, colour="red")


def test_a_sensing_weight_needs_a_conditioned_network(tmp_path):
    file = make_network().save(tmp_path / "net")
    with pytest.raises(ValueError, match=r"^sensing_weight: expected none, .*got 2\.0"):
        HeteroGNNBeamformer.load(file, sensing_weight=2.0)
