"""Beamformers in the place of Sionna's precoders."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.channel import GenerateOFDMChannel, RayleighBlockFading
from sionna.phy.mapping import QAMSource
from sionna.phy.mimo import StreamManagement
from sionna.phy.ofdm import ResourceGrid, ResourceGridMapper, RZFPrecoder

from sionna_cfisac import ChannelState
from sionna_cfisac.beamforming import (
    HeteroGNNBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    WMMSEBeamformer,
)
from sionna_cfisac.link import CellFreePrecoder

APS, USERS, ANTENNAS = 2, 3, 4
STREAMS = StreamManagement(np.ones([USERS, 1], int), USERS)


def grid(**options: Any) -> ResourceGrid:
    return ResourceGrid(4, 12, 30e3, num_streams_per_tx=USERS, **options)


def signals(rg: ResourceGrid, batch: int = 5) -> tuple[tf.Tensor, tf.Tensor]:
    """Resource grids and channels that differ from subcarrier to subcarrier."""
    fading = RayleighBlockFading(USERS, 1, 1, APS * ANTENNAS)
    h = GenerateOFDMChannel(fading, rg)(batch)
    h = h * tf.exp(tf.complex(0.0, tf.random.stateless_normal(h.shape, [1, 2])))
    x = ResourceGridMapper(rg)(QAMSource(4)([batch, 1, USERS, rg.num_data_symbols]))
    return x, h


class SionnasOwn:
    """Regularised zero-forcing as Sionna's function computes it, in NumPy."""

    def __init__(self, noise_power: float) -> None:
        self.noise_power = noise_power

    def __call__(self, state: ChannelState) -> tf.Tensor:
        h = np.conj(state.h.numpy().transpose(0, 2, 1, 3).reshape(-1, USERS, APS * ANTENNAS))
        gram = h @ h.conj().swapaxes(1, 2) + self.noise_power * np.eye(USERS)
        g = h.conj().swapaxes(1, 2) @ np.linalg.inv(gram)
        g = g / np.linalg.norm(g, axis=1, keepdims=True)
        # far below every AP's limit, since Sionna's has none
        g = 0.1 * g.reshape(-1, APS, ANTENNAS, USERS).transpose(0, 1, 3, 2)
        return tf.constant(g, tf.complex64)


def test_same_beams_same_signal_as_sionnas_precoder() -> None:
    rg = grid()
    x, h = signals(rg)
    # constant over the OFDM symbols, of which Sionna precodes every one
    h = tf.repeat(h[..., :1, :], 4, axis=-2)
    ours = CellFreePrecoder(SionnasOwn(0.3), rg, STREAMS, APS, return_effective_channel=True)
    sent, effective = ours(x, h)
    want, want_effective = RZFPrecoder(rg, STREAMS, return_effective_channel=True)(x, h, 0.3)
    assert sent.shape == want.shape
    assert effective.shape == want_effective.shape
    # powers are relative to the total: √U times the beams of a total power of one
    factor = 0.1 * np.sqrt(USERS)
    np.testing.assert_allclose(effective, factor * want_effective, atol=1e-5)
    np.testing.assert_allclose(sent, factor * want, atol=1e-5)


@pytest.mark.parametrize("method", [RZFBeamformer(), WMMSEBeamformer()])
def test_power_of_every_ap_is_its_limit(method: Any) -> None:
    rg = grid()
    _, h = signals(rg)
    limits = np.array([0.5, 2.0])
    precoder = CellFreePrecoder(method, rg, STREAMS, APS, ap_power=limits)
    f = precoder.beams(h).numpy()
    power = np.sum(np.abs(f) ** 2, axis=(3, 4))
    assert (power <= limits * (1 + 1e-5)).all()
    assert (power.max(axis=(0, 1)) > 0.9 * limits).all()
    equal = CellFreePrecoder(method, rg, STREAMS, APS).beams(h).numpy()
    assert np.sum(np.abs(equal) ** 2, axis=(3, 4)).max() <= USERS / APS * (1 + 1e-5)


def test_beams_are_those_of_the_beamformer() -> None:
    rg = grid()
    _, h = signals(rg)
    f = CellFreePrecoder(RZFBeamformer(), rg, STREAMS, APS, noise_power=0.2).beams(h)
    mine = np.conj(h.numpy()[:, :, 0, 0, :, 0, 7].reshape(-1, USERS, APS, ANTENNAS))
    state = ChannelState.from_arrays(
        mine.transpose(0, 2, 1, 3),
        np.ones((5, APS, 1, ANTENNAS), np.complex64),
        noise_power=0.2,
        ap_power=USERS / APS,
    )
    want = RZFBeamformer()(state)
    # the call may have its own noise
    other = CellFreePrecoder(RZFBeamformer(), rg, STREAMS, APS).beams(h, tf.constant(0.2))
    np.testing.assert_allclose(f, other, atol=1e-6)
    np.testing.assert_allclose(np.abs(f[:, 7]), np.abs(want), rtol=1e-3, atol=1e-5)


def test_estimates_shape_the_beams_and_the_truth_the_channel() -> None:
    rg = grid()
    x, h = signals(rg)
    _, other = signals(rg)
    precoder = CellFreePrecoder(RZFBeamformer(), rg, STREAMS, APS, return_effective_channel=True)
    sent, effective = precoder(x, h, other)
    np.testing.assert_allclose(sent, precoder(x, other)[0], atol=1e-6)
    # y = H x of what is sent is what the effective channel makes of the symbols
    y = np.einsum("bukanth,bknth->butah", h.numpy()[:, :, :, 0:1], sent.numpy())
    z = np.einsum("buaksth,bksth->butah", effective.numpy(), x.numpy())
    np.testing.assert_allclose(y, z, atol=1e-4)


def test_streams_that_only_sense_are_not_sent() -> None:
    rg = grid()
    _, h = signals(rg)
    f = CellFreePrecoder(NullspaceSensingBeamformer(), rg, STREAMS, APS).beams(h)
    assert f.shape == (5, 12, APS, USERS, ANTENNAS)


def test_networks_get_gradients_through_it() -> None:
    rg = grid()
    x, h = signals(rg)
    network = HeteroGNNBeamformer(ANTENNAS, hidden_dim=8, num_layers=1)
    precoder = CellFreePrecoder(network, rg, STREAMS, APS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.abs(precoder(x, h)) ** 4)
    gradients = tape.gradient(loss, network.trainable_variables)
    assert all(np.isfinite(g).all() for g in gradients)
    # nothing comes from the edges to a target that does not reflect
    assert sum(bool(np.any(g != 0)) for g in gradients) > len(gradients) / 2


def test_a_number_in_the_place_of_an_estimate_is_refused() -> None:
    # the third argument of Sionna's precoder is its regularisation
    rg = grid()
    x, h = signals(rg)
    with pytest.raises(ValueError, match=r"h: expected channels \[B, 3, 1, 1, M \* Nt, T, K\]"):
        CellFreePrecoder(RZFBeamformer(), rg, STREAMS, APS)(x, h, 0.1)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_and_xla(jit_compile: bool) -> None:
    rg = grid()
    x, h = signals(rg)
    precoder = CellFreePrecoder(RZFBeamformer(), rg, STREAMS, APS)
    compiled = tf.function(precoder.__call__, jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(x, h), precoder(x, h), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_aps": 0}, "num_aps: expected an integer >= 1"),
        ({"num_aps": 3}, "h: expected a multiple of 3 antennas, got 8"),
        ({"ap_power": [1.0]}, r"ap_power: expected shape \(2,\)"),
        ({"noise_power": 0.0}, "noise_power: expected finite numbers above 0"),
        ({"beamformer": lambda state: state.h[:, :, :2]}, "f: expected shape"),
        ({"stream_management": StreamManagement(np.ones([2, 2], int) * np.eye(2, dtype=int), 1)},
         "stream_management: expected one transmitter with a stream for each"),
        ({"resource_grid": ResourceGrid(4, 12, 30e3, num_streams_per_tx=2)},
         "resource_grid: expected one transmitter with 3 streams"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    rg = grid()
    x, h = signals(rg)
    arguments = {
        "beamformer": RZFBeamformer(),
        "resource_grid": rg,
        "stream_management": STREAMS,
        "num_aps": APS,
    } | options
    with pytest.raises(ValueError, match=message):
        CellFreePrecoder(**arguments)(x, h)
