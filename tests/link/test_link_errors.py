"""What a link refuses, and beams for groups of subcarriers."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from link_helpers import ConstantChannel, FirstAntenna
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import BinarySource, Demapper, Mapper

from sionna_cfisac import ChannelState
from sionna_cfisac.beamforming import NullspaceSensingBeamformer, RZFBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import CellFreeOFDMLink, EchoReceiver, antenna_samples, noise_powers
from sionna_cfisac.link.beams import represent
from sionna_cfisac.link.code_blocks import segment

CHANNEL = CellFreeChannel(2, 2, 4, seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modulation": "8psk"}, "modulation: expected one of"),
        ({"code_rate": 0.1}, "code_rate: expected a finite number from 0.2 to 0.95, got 0.1"),
        ({"code_rate": 0.99}, "code_rate: expected"),
        ({"code_rate": 0.2, "num_subcarriers": 2, "num_ofdm_symbols": 3, "pilot_symbols": [0],
          "modulation": "qpsk"}, "code_rate: expected 12 to 8448 information bits"),
        ({"pilot_symbols": [14]}, "pilot_symbols.0: expected an index below num_ofdm_symbols"),
        ({"pilot_symbols": [2, 2]}, "pilot_symbols.1: 2 is already in the list"),
        ({"pilot_symbols": [-1]}, "pilot_symbols: expected an integer >= 0"),
        ({"num_ofdm_symbols": 2, "pilot_symbols": [0, 1]}, "pilot_symbols: expected to leave"),
        ({"num_subcarriers": 1}, "num_subcarriers: expected at least one for the pilots of each"),
        ({"num_subcarriers": 0}, "num_subcarriers: expected an integer >= 1"),
        ({"num_subcarriers": 20, "beams_per": "resource_block"}, "num_subcarriers: expected a mul"),
        ({"beams_per": "antenna"}, "beams_per: expected one of"),
        ({"estimation": "mmse"}, "estimation: expected one of"),
        ({"estimation": "ls", "pilot_symbols": []}, "pilot_symbols: expected some for estimation"),
        ({"interpolation": "cubic"}, "interpolation: expected one of"),
        ({"snr_definition": "ebno"}, "snr_definition: expected one of"),
        ({"num_iterations": 0}, "num_iterations: expected an integer >= 1"),
        ({"demapping": "exact"}, "demapping: expected one of"),
        ({"subcarrier_spacing": 0.0}, "subcarrier_spacing: expected a finite number above 0"),
        ({"cyclic_prefix_length": 49}, "cyclic_prefix_length: expected at most"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CellFreeOFDMLink(CHANNEL, RZFBeamformer(), **options)


def test_more_streams_than_subcarriers_are_refused() -> None:
    link = CellFreeOFDMLink(CHANNEL, NullspaceSensingBeamformer(), num_subcarriers=2)
    with pytest.raises(ValueError, match="one for the pilots of each of the 3 streams, got 2"):
        link(2, 5.0)


def test_what_is_no_channel_or_no_csi_is_refused() -> None:
    with pytest.raises(ValueError, match=r"channel: expected a channel .* got a str"):
        CellFreeOFDMLink("umi", RZFBeamformer())
    with pytest.raises(ValueError, match=r"channel: expected a channel .* got a ChannelState"):
        CellFreeOFDMLink(CHANNEL(2), RZFBeamformer())
    for wrong in ("rzf", RZFBeamformer):
        with pytest.raises(ValueError, match="beamformer: expected a callable or None"):
            CellFreeOFDMLink(CHANNEL, wrong)
    with pytest.raises(ValueError, match="pilot_symbols: expected a list of indices, got 2"):
        CellFreeOFDMLink(CHANNEL, RZFBeamformer(), pilot_symbols=2)
    link = CellFreeOFDMLink(CHANNEL, RZFBeamformer())
    for snr in ([0.0, 40.0], "5dB", float("nan")):
        with pytest.raises(ValueError, match="snr_db: expected"):
            link(2, snr)
    with pytest.raises(ValueError, match="csi: expected an ImperfectCSI or None, got float"):
        CellFreeOFDMLink(CHANNEL, RZFBeamformer(), csi=0.1)


def test_a_link_without_beamformer_is_refused() -> None:
    with pytest.raises(ValueError, match="beamformer: expected one here or in the constructor"):
        CellFreeOFDMLink(CHANNEL)(2, 5.0)


class TooMuch(RZFBeamformer):
    def __call__(self, state: ChannelState) -> tf.Tensor:
        return 1.1 * super().__call__(state)


def test_beams_over_the_limit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"f: expected at most the power 0\.5 at AP"):
        CellFreeOFDMLink(CHANNEL, TooMuch())(2, 5.0)


def test_draws_and_beams_of_another_link_are_refused() -> None:
    link = CellFreeOFDMLink(CHANNEL, RZFBeamformer())
    for other in (
        CellFreeOFDMLink(CHANNEL, num_subcarriers=12),
        CellFreeOFDMLink(CellFreeChannel(3, 2, 4), RZFBeamformer()),
        CellFreeOFDMLink(CHANNEL, modulation="64qam"),
    ):
        draw = other.draw(2)
        with pytest.raises(ValueError, match=r"draw\.\w+: expected shape .* another link's draw"):
            link.beams(draw, 5.0)
        with pytest.raises(ValueError, match=r"draw\.\w+: expected shape .* another link's draw"):
            link.send(draw, draw.known, draw.state.noise_power)
    draw = link.draw(2)
    with pytest.raises(ValueError, match="draw: expected a LinkDraw, got a ChannelState"):
        link.beams(draw.state)
    f, noise_power = link.beams(draw, 5.0)
    with pytest.raises(ValueError, match=r"f: expected shape \[B, 1, 2, S, 4\], got"):
        link.send(draw, f[:, 0], noise_power)


def test_samples_of_a_wrong_shape_are_refused() -> None:
    f = tf.ones([3, 2, 2, 4, 8])
    for beams, x, message in (
        (
            f[:, 0],
            tf.ones([3, 4, 14, 12]),
            r"f: expected shape \[B, G, M, S, Nt\], got",
        ),
        (f, tf.ones([3, 4, 12]), r"x: expected shape \[B, S, T, K\], got \(3, 4, 12\)"),
        (f, tf.ones([3, 5, 14, 12]), "x: expected 4 streams and a multiple of 2 subcarriers"),
        (f, tf.ones([3, 4, 14, 13]), "x: expected 4 streams and a multiple of 2 subcarriers"),
    ):
        with pytest.raises(ValueError, match=message):
            antenna_samples(beams, x)
    state = CHANNEL(3)
    with pytest.raises(ValueError, match=r"x: expected shape \[B, M, Nt, T, K\], got"):
        EchoReceiver()(tf.ones([3, 2, 4, 9], tf.complex64), state)


def test_beams_of_a_wrong_shape_are_refused() -> None:
    link = CellFreeOFDMLink(CHANNEL, lambda state: state.h[:, :1])
    with pytest.raises(ValueError, match="f: expected shape"):
        link(2, 5.0)


@pytest.mark.parametrize("modulation", ["qpsk", "16qam", "64qam", "256qam"])
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.95])
def test_every_modulation_and_rate_gets_through(modulation: str, rate: float) -> None:
    link = CellFreeOFDMLink(
        CellFreeChannel(2, 1, 4, seed=1),
        RZFBeamformer(),
        modulation=modulation,
        code_rate=rate,
        num_iterations=8,
    )
    bits, bits_hat = link(2, 45.0, seed=1)
    np.testing.assert_array_equal(bits, bits_hat)
    frame = link.frame
    assert frame.num_blocks * frame.coded_bits == frame.num_data_symbols * frame.bits_per_symbol
    assert frame.info_bits / frame.coded_bits == pytest.approx(rate, abs=1 / frame.coded_bits)


def test_long_slots_are_cut_into_blocks() -> None:
    assert segment(576, 4, 0.5) == (1, 2304, 1152)
    blocks, coded, info = segment(132 * 12, 8, 0.9)
    assert blocks * coded == 132 * 12 * 8
    assert info == round(coded * 0.9) <= 8448
    assert segment(576, 2, None) == (1, 1152, 1152)


def test_coded_awgn_is_what_a_plain_chain_of_sionna_gives() -> None:
    snr_db, slots = 6.2, 1500
    link = CellFreeOFDMLink(
        ConstantChannel(1, 1, 2), FirstAntenna(), num_subcarriers=12, num_iterations=10
    )
    bits, bits_hat = link(slots, snr_db, seed=1)
    got = np.any(bits.numpy() != bits_hat.numpy(), axis=-1).mean()
    encoder = LDPC5GEncoder(288, 576, num_bits_per_symbol=4)
    decoder = LDPC5GDecoder(encoder, num_iter=10)
    noise = 10 ** (-snr_db / 10)
    sent = BinarySource()([slots, 288])
    x = Mapper("qam", 4)(encoder(sent)).numpy()
    rng = np.random.default_rng(1)
    y = x + np.sqrt(noise / 2) * (rng.normal(size=x.shape) + 1j * rng.normal(size=x.shape))
    llr = Demapper("app", "qam", 4)(tf.constant(y, tf.complex64), noise)
    want = np.any(decoder(llr).numpy() != sent.numpy(), axis=-1).mean()
    assert 0.05 < want < 0.95
    error = np.sqrt((got * (1 - got) + want * (1 - want)) / slots)
    assert abs(got - want) < 3 * error


def test_noise_follows_the_definition_of_the_snr() -> None:
    channel = CellFreeChannel(3, 2, 4, ap_power=[0.1, 0.2, 0.6], seed=1, dtype="float64")
    state = channel(5)
    h = state.h[:, None, None]
    snr = 10**0.7
    np.testing.assert_allclose(noise_powers(state, h, 7.0), np.full((5, 2), 0.9 / snr))
    np.testing.assert_allclose(noise_powers(state, h, 7.0, "ap"), np.full((5, 2), 0.3 / snr))
    received = np.zeros((5, 2))
    for b in range(5):
        for u in range(2):
            for m, power in enumerate([0.1, 0.2, 0.6]):
                received[b, u] += power * np.mean(np.abs(state.h[b, m, u]) ** 2)
    np.testing.assert_allclose(noise_powers(state, h, 7.0, "receive"), received / snr)
    assert noise_powers(state, h, None) is state.noise_power


def test_groups_are_represented_by_their_principal_component() -> None:
    rng = np.random.default_rng(2)
    h = rng.normal(size=(3, 24, 2, 2, 4)) + 1j * rng.normal(size=(3, 24, 2, 2, 4))
    got = represent(tf.constant(h), 12).numpy()
    assert got.shape == (3, 2, 2, 2, 4)
    for b, g, u in np.ndindex(3, 2, 2):
        rows = h[b, 12 * g : 12 * g + 12, :, u].reshape(12, 8)
        values, vectors = np.linalg.eigh(rows.T @ rows.conj() / 12)
        want = vectors[:, -1] * np.sqrt(values[-1])
        mine = got[b, g, :, u].ravel()
        assert np.abs(np.vdot(want, mine)) == pytest.approx(values[-1], rel=1e-6)
        assert np.linalg.norm(mine) ** 2 == pytest.approx(values[-1], rel=1e-6)
        # with the phase of the first subcarrier
        inner = np.vdot(mine, rows[0])
        assert inner.real > 0
        assert abs(inner.imag) < 1e-9


def test_groups_with_turning_phases_do_not_cancel() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=(1, 1, 2, 2, 4)) + 1j * rng.normal(size=(1, 1, 2, 2, 4))
    h = one * np.exp(2j * np.pi * np.arange(12) / 12)[:, None, None, None]
    assert np.abs(h.mean(axis=1)).max() < 1e-12
    np.testing.assert_allclose(represent(tf.constant(h), 12), one, atol=1e-9)
