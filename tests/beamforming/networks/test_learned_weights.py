"""Files of weights and their cards: what they hold, what comes back, what is refused."""

import hashlib
import json
import os

import h5py
import keras
import numpy as np
import pytest
from reference_gnn import make_network, make_state

from sionna_cfisac.beamforming import HeteroGNNBeamformer, weights
from sionna_cfisac.beamforming.networks import learned
from sionna_cfisac.beamforming.networks.learned import LearnedBeamformer
from sionna_cfisac.beamforming.weights import pretrained_names, read_card

SIZE = {"hidden_dim": 6, "num_layers": 2}


@pytest.fixture(scope="module")
def state():
    return make_state()


@pytest.fixture(scope="module")
def network():
    return make_network(conditioned=True, sensing_weight=2.0, dtype="float32")


@pytest.fixture
def saved(network, tmp_path):
    return network.save(tmp_path / "net")


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A folder in place of the package's own weights, which may be any."""
    folder = tmp_path / "package"
    folder.mkdir()
    for module in (learned, weights):
        monkeypatch.setattr(module, "PRETRAINED", folder)
    return folder


def names_in(file):
    names = []
    with h5py.File(file) as store:
        store.visititems(lambda n, x: names.append(n) if isinstance(x, h5py.Dataset) else None)
    return names


def values(network):
    return [np.asarray(weight) for weight in network.weights]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("conditioned", [True, False])
def test_a_network_comes_back_as_it_was(dtype, conditioned, state, tmp_path):
    options = {"dtype": dtype, "sensing_weight": 2.0 if conditioned else None}
    network = make_network(conditioned=conditioned, aggregation="sum", **options)
    network.save(tmp_path / "net")
    loaded = HeteroGNNBeamformer.load(tmp_path / "net", **options)
    assert loaded.architecture() == network.architecture()
    np.testing.assert_array_equal(loaded(state), network(state))


def test_half_precision_rounds_each_weight(network, tmp_path):
    file = network.save(tmp_path / "net", half=True)
    assert file.stat().st_size < network.save(tmp_path / "full").stat().st_size
    loaded = HeteroGNNBeamformer.load(file)
    for got, exact in zip(values(loaded), values(network), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, exact.astype(np.float16))


def test_weights_can_be_loaded_in_another_precision(network, saved, state):
    loaded = HeteroGNNBeamformer.load(saved, dtype="float64", sensing_weight=2.0)
    assert {weight.dtype for weight in loaded.weights} == {"float64"}
    np.testing.assert_allclose(loaded(state), network(state), atol=1e-5)


def test_the_card_says_what_the_weights_are(network, tmp_path):
    told = {"trained_on": "the paper's channels", "epochs": 3}
    file = network.save(tmp_path / "net", told)
    text = (tmp_path / "net.json").read_text("utf-8")
    assert text.endswith("}\n")
    assert json.loads(text) == {
        **told,
        "format": "sionna_cfisac weights",
        "format_version": 1,
        "type": "HeteroGNNBeamformer",
        "architecture": {
            "num_tx_ant": 4,
            "hidden_dim": 6,
            "num_layers": 2,
            "aggregation": "mean",
            "negative_slope": 0.2,
            "sensing_gain_on_edge": True,
            "conditioned": True,
        },
        "num_parameters": sum(value.size for value in values(network)),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    assert read_card(file) == json.loads(text)


def test_a_card_cannot_change_what_loading_relies_on(network, tmp_path):
    file = network.save(tmp_path / "net", {"type": "Other", "sha256": "0", "architecture": {}})
    assert HeteroGNNBeamformer.load(file).architecture() == network.architecture()


@pytest.mark.parametrize("name", ["net", "net.weights.h5", "folder/v1.2", "folder/v1.2.weights.h5"])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_the_suffix_may_be_left_out(network, tmp_path, name, kind):
    file = network.save(kind(tmp_path / name))
    stem = name.removesuffix(".weights.h5")
    assert file == tmp_path / f"{stem}.weights.h5"
    assert (tmp_path / f"{stem}.json").exists()
    for path in (tmp_path / stem, file):
        assert HeteroGNNBeamformer.load(kind(path)).architecture() == network.architecture()


def test_saving_again_replaces(network, saved):
    other = make_network(seed=1, dtype="float32")
    other.save(saved)
    loaded = HeteroGNNBeamformer.load(saved)
    np.testing.assert_array_equal(loaded.weights[0], other.weights[0])
    assert sorted(os.listdir(saved.parent)) == ["net.json", "net.weights.h5"]


def test_weights_of_the_package(network, package, state):
    network.save(package / "small")
    loaded = HeteroGNNBeamformer.from_pretrained("small", sensing_weight=2.0)
    np.testing.assert_array_equal(loaded(state), network(state))


class OtherBeamformer(LearnedBeamformer):
    """The least that a learned beamformer of one's own needs."""

    def __init__(self, scale=1.0):
        super().__init__(name="other")
        self.scale = self.add_weight(shape=(), name="scale")
        self.start = scale

    def call(self, state):
        return self.scale * state.h

    def architecture(self):
        return {"scale": self.start}


def test_names_of_the_package_by_class(network, package):
    assert pretrained_names() == []
    network.save(package / "b.1")
    OtherBeamformer().save(package / "a")
    assert pretrained_names() == ["a", "b.1"]
    assert pretrained_names("HeteroGNNBeamformer") == ["b.1"]
    assert OtherBeamformer.from_pretrained("a").start == 1.0


@pytest.mark.parametrize("name", ["large", "a", "", None, "../package/small"])
def test_an_unknown_name_is_refused_with_those_that_are_known(network, package, name):
    network.save(package / "small")
    OtherBeamformer().save(package / "a")
    with pytest.raises(ValueError, match=r"^name: expected one of \['small'\], got "):
        HeteroGNNBeamformer.from_pretrained(name)


def test_cards_of_the_package_are_good():
    for name in pretrained_names():
        card = read_card(weights.PRETRAINED / name)
        file = weights.PRETRAINED / f"{name}.weights.h5"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == card["sha256"], name


class InConstructor(keras.layers.Layer):
    def __init__(self):
        super().__init__(name="outer")
        self.inner = HeteroGNNBeamformer(4, conditioned=True, **SIZE)


class InBuild(keras.layers.Layer):
    def build(self, input_shape):
        self.inner = HeteroGNNBeamformer(4, conditioned=True, name="mine", **SIZE)

    def call(self, x):
        return x


def in_build():
    layer = InBuild(name="outer")
    layer(np.ones((1, 1)))
    return layer.inner


@pytest.mark.parametrize(
    "make",
    [
        lambda: HeteroGNNBeamformer(4, conditioned=True, **SIZE),
        lambda: HeteroGNNBeamformer(4, conditioned=True, name="another", **SIZE),
        lambda: InConstructor().inner,
        in_build,
    ],
)
def test_names_in_the_file_do_not_depend_on_where_the_network_was_made(make, saved, tmp_path):
    names = names_in(make().save(tmp_path / "other"))
    assert names == names_in(saved)
    # names that files already written hold
    assert {"hidden_0/ap_from_edges", "hidden_1/ue_from_vertex", "output/target_edge_bias"} < set(
        names
    )
    assert "context/matrix_1" in names


def test_a_conditioned_network_starts_from_one_that_is_not(state):
    plain = make_network()
    network = HeteroGNNBeamformer(4, conditioned=True, negative_slope=0.2, dtype="float64", **SIZE)
    network.start_from(plain)
    np.testing.assert_allclose(network(state, 3.0), plain(state), atol=1e-13)


@pytest.mark.parametrize("options", [{"hidden_dim": 8}, {"num_layers": 3}, {"conditioned": True}])
def test_a_network_of_another_architecture_is_no_start(options):
    network = make_network()
    before = values(network)
    with pytest.raises(ValueError, match=r"^other: expected the architecture .*got \{"):
        network.start_from(make_network(seed=1, **options))
    for got, expected in zip(values(network), before, strict=True):
        np.testing.assert_array_equal(got, expected)


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
