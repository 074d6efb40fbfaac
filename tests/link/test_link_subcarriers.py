"""Every subcarrier on its own: SINR, measured errors, power, and the whole link compiled."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy.channel.tr38901 import TDL

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    HeteroGNNBeamformer,
    JointBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    WMMSEBeamformer,
)
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import CellFreeOFDMLink, SionnaChannel, antenna_samples

METHODS = [
    ConjugateBeamformer(),
    RZFBeamformer(),
    NullspaceSensingBeamformer(),
    WMMSEBeamformer(),
    JointBeamformer(2.0),
    HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=2.0),
]


@pytest.mark.parametrize("beams_per", ["subcarrier", "resource_block", "wideband"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_sinr_after_the_equaliser_is_the_metric_on_every_subcarrier(
    method: Any, beams_per: str
) -> None:
    channel = SionnaChannel(
        TDL("A", 300e-9, 3.5e9, num_tx_ant=8, precision="double"),
        CellFreeChannel(5, 4, 8, seed=1, dtype="float64"),
    )
    link = CellFreeOFDMLink(
        channel,
        method,
        code_rate=None,
        num_subcarriers=24,
        beams_per=beams_per,
        precision="double",
    )
    draw = link.draw(2, seed=5)
    f, noise = link.beams(draw, 8.0)
    _, signals = link.send(draw, f, noise)
    # data symbols run through the subcarriers of the 12 OFDM symbols without pilots
    got = tf.reshape(signals.sinr, (2, 4, 12, 24))
    for k in range(24):
        state = draw.state._replace(h=draw.h[:, 0, k], noise_power=noise)
        expected = metrics.sinr(state, f[:, k * f.shape[1] // 24])
        np.testing.assert_allclose(
            got[..., k], np.broadcast_to(expected[..., None], (2, 4, 12)), rtol=1e-4
        )


def test_measured_power_of_constant_symbols_is_the_limit() -> None:
    # one QPSK stream has the same power in every sample: nothing fluctuates
    limits = [0.1, 0.4, 0.7]
    channel = CellFreeChannel(3, 1, 4, ap_power=limits, seed=1)
    link = CellFreeOFDMLink(channel, RZFBeamformer(), modulation="qpsk", num_subcarriers=12)
    draw = link.draw(16, seed=2)
    f, noise = link.beams(draw, 5.0)
    _, signals = link.send(draw, f, noise)
    x = antenna_samples(f, signals.x).numpy()
    power = np.mean(np.sum(np.abs(x) ** 2, axis=2), axis=(2, 3))
    assert (power <= np.array(limits) * (1 + 1e-5)).all()
    np.testing.assert_allclose(power.max(axis=0), limits, rtol=1e-5)


@pytest.mark.parametrize("method", [RZFBeamformer(), NullspaceSensingBeamformer()])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_whole_link_compiles(method: Any, jit_compile: bool) -> None:
    link = CellFreeOFDMLink(
        CellFreeChannel(3, 2, 8, seed=1), method, num_subcarriers=12, num_iterations=5
    )
    eager = link(16, 20.0, seed=3)
    bits, bits_hat = tf.function(link, jit_compile=jit_compile)(16, tf.constant(20.0), seed=3)
    if not jit_compile:
        # XLA draws other channels, since Keras' generator does
        np.testing.assert_array_equal(bits, eager[0])
    for sent, got in (eager, (bits, bits_hat)):
        assert sent.shape == got.shape == (16, 2, 1, 288)
        np.testing.assert_array_equal(sent, got)


def test_double_precision_compiles_and_gives_the_same() -> None:
    link = CellFreeOFDMLink(
        CellFreeChannel(3, 2, 8, seed=1), num_subcarriers=12, precision="double", estimation="ls"
    )
    draw = link.draw(8, seed=3)
    f, noise = link.beams(draw, 2.0, RZFBeamformer())
    _, eager = link.send(draw, f, noise)
    for jit_compile in (False, True):
        _, signals = tf.function(link.send, jit_compile=jit_compile)(draw, f, noise)
        np.testing.assert_allclose(signals.sinr, eager.sinr, rtol=1e-6)
        np.testing.assert_allclose(signals.y, eager.y, atol=1e-10)
        np.testing.assert_allclose(signals.llr, eager.llr, rtol=1e-5, atol=1e-6)
