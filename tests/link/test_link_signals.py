"""The samples on air: power, the channel, pilots, sensing streams, precision and compilation."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sionna.phy import config
from sionna.phy.channel import ApplyOFDMChannel
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
from sionna_cfisac.channel import CellFreeChannel, ImperfectCSI
from sionna_cfisac.link import CellFreeOFDMLink, SionnaChannel, antenna_samples, to_sionna

SIZES = (3, 2, 8)
# where nobody looks at the decoded bits, most of the time would be spent on decoding them
UNDECODED = {"num_iterations": 1}


def tdl_channel(**options: Any) -> SionnaChannel:
    return SionnaChannel(
        TDL("A", 300e-9, 3.5e9, num_tx_ant=SIZES[2], max_speed=options.pop("speed", 0.0)),
        CellFreeChannel(*SIZES, seed=1),
        **options,
    )


@pytest.mark.parametrize("beams_per", ["subcarrier", "resource_block", "wideband"])
@pytest.mark.parametrize("method", [RZFBeamformer(), NullspaceSensingBeamformer()])
def test_received_signal_is_that_of_sionnas_channel(method: Any, beams_per: str) -> None:
    channel = tdl_channel(time_varying=True, speed=30.0)
    link = CellFreeOFDMLink(channel, method, beams_per=beams_per, **UNDECODED)
    draw = link.draw(3, seed=1)
    f, noise = link.beams(draw, 10.0)
    _, signals = link.send(draw, f, noise)
    x = antenna_samples(f, signals.x)
    y = ApplyOFDMChannel()(x, to_sionna(draw.h))
    y += tf.cast(tf.sqrt(noise), tf.complex64)[:, :, None, None, None] * draw.noise[:, :, None]
    np.testing.assert_allclose(signals.y, y[:, :, 0], atol=2e-5)
    # and of a loop over everything
    want, h, groups = np.zeros(y.shape, complex), draw.h.numpy(), f.shape[1]
    for k in range(48):
        beams = f.numpy()[:, k * groups // 48]
        for m in range(SIZES[0]):
            sent = np.einsum("bsn,bst->bnt", beams[:, m], signals.x.numpy()[..., k])
            want[:, :, 0, :, k] += np.einsum("btun,bnt->but", h[:, :, k, m].conj(), sent)
    noise_part = np.sqrt(noise.numpy())[:, :, None, None] * draw.noise.numpy()
    np.testing.assert_allclose(signals.y, want[:, :, 0] + noise_part, atol=2e-5)


@pytest.mark.parametrize(
    "method",
    [ConjugateBeamformer(), RZFBeamformer(), NullspaceSensingBeamformer(), WMMSEBeamformer()],
)
@pytest.mark.parametrize("num_users", [2, 3])
def test_power_of_every_ap_is_its_limit(method: Any, num_users: int) -> None:
    # 3 streams do not divide 20 subcarriers: their pilots are boosted unequally
    channel = CellFreeChannel(3, num_users, 8, ap_power=[0.1, 0.4, 0.7], seed=1)
    link = CellFreeOFDMLink(channel, method, num_subcarriers=20, **UNDECODED)
    draw = link.draw(400, seed=2)
    f, _ = link.beams(draw, 10.0)
    _, signals = link.send(draw, f, draw.state.noise_power)
    # expected over the data symbols, which are independent and have unit energy
    energy = np.mean(np.abs(signals.x.numpy()) ** 2, axis=(2, 3))
    pilots = np.mean(np.abs(signals.x.numpy()[:, :, [2, 11]]) ** 2, axis=(2, 3))
    np.testing.assert_allclose(pilots, 1.0, rtol=1e-6)
    assert np.abs(energy - 1.0).max() < 0.2
    expected = metrics.ap_power(f[:, 0]).numpy()
    assert (expected <= np.array([0.1, 0.4, 0.7]) * (1 + 1e-5)).all()
    # and measured on the samples
    x = antenna_samples(f, signals.x).numpy()
    power = np.mean(np.sum(np.abs(x) ** 2, axis=2), axis=(2, 3))
    error = (power - expected).std(axis=0, ddof=1) / np.sqrt(len(power))
    assert (np.abs((power - expected).mean(axis=0)) < 3.5 * error).all()


def test_pilot_symbols_have_the_power_of_data_symbols() -> None:
    # on them no streams overlap, so that nothing fluctuates
    link = CellFreeOFDMLink(CellFreeChannel(*SIZES, seed=1), WMMSEBeamformer(), **UNDECODED)
    draw = link.draw(8, seed=2)
    f, noise = link.beams(draw, 5.0)
    _, signals = link.send(draw, f, noise)
    x = antenna_samples(f, signals.x).numpy()[..., [2, 11], :]
    power = np.mean(np.sum(np.abs(x) ** 2, axis=2), axis=-1)
    np.testing.assert_allclose(power, np.full(power.shape, 1 / 3), rtol=1e-5)


def test_least_squares_error_is_the_noise_at_the_pilots() -> None:
    channel = CellFreeChannel(*SIZES, seed=1)
    link = CellFreeOFDMLink(
        channel, RZFBeamformer(), estimation="ls", interpolation="nn", **UNDECODED
    )
    draw = link.draw(500, seed=3)
    f, noise = link.beams(draw, 5.0)
    _, signals = link.send(draw, f, noise)
    estimate, variance = link._receiver._estimator(2)(signals.y[:, :, None], noise[:, :, None])
    error = np.abs(estimate[:, :, 0, 0] - tf.transpose(signals.z, (0, 3, 4, 1, 2))) ** 2
    # pilots of one of two streams have twice the power; a subcarrier shares its neighbour's
    ratio = error.mean(axis=(1, 2, 3, 4)) / (noise.numpy()[:, 0] / 2)
    assert abs(ratio.mean() - 1.0) < 3 * ratio.std(ddof=1) / np.sqrt(len(ratio))
    np.testing.assert_allclose(variance[0, 0, 0, 0, 0], noise[0, 0] / 2, rtol=1e-5)


@pytest.mark.parametrize("method", [RZFBeamformer(), NullspaceSensingBeamformer()])
def test_estimation_from_pilots_becomes_perfect_without_noise(method: Any) -> None:
    channel = CellFreeChannel(*SIZES, seed=1)
    sinr = []
    for estimation in ("perfect", "ls"):
        link = CellFreeOFDMLink(channel, method, estimation=estimation, **UNDECODED)
        draw = link.draw(4, seed=3)
        f, _ = link.beams(draw, 10.0)
        # what interferes stays, the noise of reception goes
        quiet = draw._replace(noise=tf.zeros_like(draw.noise))
        _, signals = link.send(quiet, f, tf.fill((4, 2), 1e-9))
        sinr.append(signals.sinr.numpy())
    if isinstance(method, NullspaceSensingBeamformer):
        np.testing.assert_allclose(sinr[1], sinr[0], rtol=1e-2)
    assert (sinr[1] > 1e3).all() or isinstance(method, NullspaceSensingBeamformer)


@pytest.mark.parametrize("estimation", ["perfect", "ls"])
def test_eager_graph_and_xla_agree(estimation: str) -> None:
    link = CellFreeOFDMLink(
        CellFreeChannel(*SIZES, seed=1), estimation=estimation, num_subcarriers=12
    )
    draw = link.draw(16, seed=3)
    f, noise = link.beams(draw, 0.0, NullspaceSensingBeamformer())
    eager = link.send(draw, f, noise)
    for xla in (False, True):
        bits_hat, signals = tf.function(link.send, jit_compile=xla)(draw, f, noise)
        np.testing.assert_allclose(signals.sinr, eager[1].sinr, rtol=1e-3)
        np.testing.assert_allclose(signals.y, eager[1].y, atol=1e-5)
        # rounding may turn a bit of a block that is not decoded
        assert np.mean(bits_hat.numpy() != eager[0].numpy()) < 1e-2


def test_call_works_in_a_graph_and_follows_sionnas_seed() -> None:
    link = CellFreeOFDMLink(tdl_channel(), RZFBeamformer(), num_subcarriers=12)
    call = tf.function(lambda snr: link(8, snr))
    config.seed = 5
    first = [call(tf.constant(2.0)) for _ in range(2)]
    config.seed = 5
    again = call(tf.constant(2.0))
    assert (first[0][0].numpy() == again[0].numpy()).all()
    assert (first[0][0].numpy() != first[1][0].numpy()).any()


def test_precisions_agree() -> None:
    results = []
    for precision in ("single", "double"):
        channel = CellFreeChannel(*SIZES, seed=1)
        link = CellFreeOFDMLink(
            channel, NullspaceSensingBeamformer(), precision=precision, estimation="ls"
        )
        bits, bits_hat, signals = link(8, 6.0, seed=3, return_signals=True)
        assert signals.sinr.dtype == bits.dtype == bits_hat.dtype == link.rdtype
        assert signals.y.dtype == signals.f.dtype == link.cdtype
        results.append((bits.numpy(), signals))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    # the noise is drawn in each precision by its own
    np.testing.assert_allclose(results[0][1].f, results[1][1].f, atol=1e-5)
    np.testing.assert_allclose(results[0][1].z, results[1][1].z, atol=1e-5)


def test_same_seed_same_draw_whatever_the_method() -> None:
    link = CellFreeOFDMLink(CellFreeChannel(*SIZES), csi=ImperfectCSI(error_variance=0.1))
    one, two, other = link.draw(4, seed=8), link.draw(4, seed=8), link.draw(4, seed=9)
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(two), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.bits.numpy() != other.bits.numpy()).any()
    assert not np.allclose(one.noise, other.noise)


def test_beams_come_from_the_estimate_and_perform_on_the_truth() -> None:
    csi = ImperfectCSI(error_variance=0.3)
    link = CellFreeOFDMLink(CellFreeChannel(*SIZES), RZFBeamformer(), csi=csi, **UNDECODED)
    draw = link.draw(16, seed=8)
    f, noise = link.beams(draw, 10.0)
    _, signals = link.send(draw, f, noise)
    known = draw.state._replace(h=draw.known[:, 0], noise_power=noise)
    truth = known._replace(h=draw.h[:, 0, 0])
    own = RZFBeamformer()(known)
    np.testing.assert_allclose(np.abs(f[:, 0]), np.abs(own), atol=1e-6)
    np.testing.assert_allclose(signals.sinr[..., 0], metrics.sinr(truth, own), rtol=1e-3)
    believed, got = metrics.sum_rate(known, own), metrics.sum_rate(truth, own)
    assert np.mean(believed) > np.mean(got) + 0.5


@pytest.mark.parametrize("beams_per", ["subcarrier", "resource_block", "wideband"])
def test_errors_of_groups_are_uncorrelated_with_the_estimates(beams_per: str) -> None:
    def known(csi: ImperfectCSI | None) -> np.ndarray:
        model = TDL("A", 1e-6, 3.5e9, num_tx_ant=2)
        channel = SionnaChannel(model, CellFreeChannel(2, 2, 2))
        link = CellFreeOFDMLink(channel, csi=csi, beams_per=beams_per, num_subcarriers=96)
        return link.draw(500, seed=4).known.numpy()

    truth, estimate = known(None), known(ImperfectCSI(error_variance=0.3))
    product = np.mean(((truth - estimate) * estimate.conj()).real, axis=(1, 2, 3, 4))
    assert abs(product.mean()) < 4 * product.std() / np.sqrt(500) + 0.01
    power = np.mean(np.abs(truth) ** 2)
    assert np.mean(np.abs(truth - estimate) ** 2) == pytest.approx(0.3 * power, rel=0.1)


@pytest.mark.parametrize("method", [JointBeamformer(2.0), WMMSEBeamformer()])
def test_stream_phases_make_the_wanted_gain_real(method: Any) -> None:
    link = CellFreeOFDMLink(tdl_channel(), method, beams_per="subcarrier", **UNDECODED)
    draw = link.draw(2, seed=8)
    f, noise = link.beams(draw, 10.0)
    _, signals = link.send(draw, f, noise)
    wanted = tf.linalg.diag_part(signals.z[..., :2]).numpy()
    assert (wanted.real > 0).all()
    np.testing.assert_allclose(wanted.imag, 0, atol=1e-5)


def test_weights_of_a_network_are_exposed() -> None:
    network = HeteroGNNBeamformer(8, hidden_dim=8, num_layers=1)
    link = CellFreeOFDMLink(CellFreeChannel(*SIZES), network)
    link(2, 5.0)
    assert len(link.trainable_variables) == len(network.trainable_variables) > 0
    assert CellFreeOFDMLink(CellFreeChannel(*SIZES), RZFBeamformer()).trainable_variables == []
