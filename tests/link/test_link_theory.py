"""Uncoded error rates against closed forms, and the equaliser against the SINR formula."""

import numpy as np
import pytest
import tensorflow as tf
from link_helpers import ConstantChannel, FirstAntenna, bit_error_rate
from scipy import integrate, stats

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
from sionna_cfisac.link import CellFreeOFDMLink

GRID = {"num_subcarriers": 24, "num_ofdm_symbols": 14, "pilot_symbols": ()}


def awgn_ber(modulation: str, snr: float) -> float:
    """Gray mapping; Proakis, Digital Communications."""
    q = stats.norm.sf
    if modulation == "qpsk":
        return float(q(np.sqrt(snr)))
    a = np.sqrt(snr / 5)
    return float(0.75 * q(a) + 0.5 * q(3 * a) - 0.25 * q(5 * a))


@pytest.mark.parametrize(("modulation", "snr_db"), [("qpsk", 4.0), ("16qam", 11.0)])
def test_uncoded_awgn_is_the_closed_form(modulation: str, snr_db: float) -> None:
    channel = ConstantChannel(1, 1, 2, seed=1)
    link = CellFreeOFDMLink(channel, FirstAntenna(), modulation=modulation, code_rate=None, **GRID)
    ber, error = bit_error_rate(*link(1500, snr_db, seed=3))
    assert abs(ber - awgn_ber(modulation, 10 ** (snr_db / 10))) < 3 * error


@pytest.mark.parametrize("branches", [1, 2, 8])
@pytest.mark.parametrize("modulation", ["qpsk", "16qam"])
def test_uncoded_rayleigh_is_maximum_ratio_combining(modulation: str, branches: int) -> None:
    snr_db = {1: 12.0, 2: 6.0, 8: -2.0}[branches]
    if modulation == "16qam":
        snr_db += 5.0
    link = CellFreeOFDMLink(
        CellFreeChannel(1, 1, branches, seed=1),
        ConjugateBeamformer(),
        modulation=modulation,
        code_rate=None,
        **(GRID | {"num_subcarriers": 4}),
    )
    ber, error = bit_error_rate(*link(20_000, snr_db, seed=4))
    snr = 10 ** (snr_db / 10)
    # the gain of maximum-ratio transmission from N antennas is the sum of N exponentials
    expected = integrate.quad(
        lambda g: awgn_ber(modulation, snr * g) * stats.gamma.pdf(g, branches), 0, np.inf
    )[0]
    if modulation == "qpsk":
        mu = np.sqrt(snr / 2 / (1 + snr / 2))
        terms = [
            stats.nbinom.pmf(k, branches, (1 - mu) / 2) for k in range(branches)
        ]  # Proakis, (14.4-15)
        assert np.sum(terms) == pytest.approx(expected, rel=1e-6)
    assert abs(ber - expected) < 3 * error


def test_several_aps_add_up_coherently() -> None:
    # M = 3 APs of equal power and one antenna: the amplitudes add, SNR = (Σ_m |h_m|)² P_m / σ²
    link = CellFreeOFDMLink(
        CellFreeChannel(3, 1, 1, seed=1), ConjugateBeamformer(), code_rate=None, **GRID
    )
    draw = link.draw(64, seed=2)
    f, noise = link.beams(draw, 3.0)
    _, signals = link.send(draw, f, noise)
    gain = np.abs(draw.h.numpy()).sum(axis=3)[:, 0, 0, 0, 0] ** 2 / 3
    np.testing.assert_allclose(signals.sinr.numpy()[:, 0, 0], gain * 10**0.3, rtol=1e-5)


METHODS = {
    "conjugate": ConjugateBeamformer,
    "rzf": RZFBeamformer,
    "nullspace_sensing": NullspaceSensingBeamformer,
    "wmmse": WMMSEBeamformer,
    "joint": lambda: JointBeamformer(2.0),
    "hetero_gnn": lambda: HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=2.0),
}


@pytest.mark.parametrize("num_users", [1, 2, 4])
@pytest.mark.parametrize("num_aps", [1, 2, 5])
@pytest.mark.parametrize("method", METHODS)
def test_sinr_after_the_equaliser_is_the_metric(method: str, num_aps: int, num_users: int) -> None:
    channel = CellFreeChannel(num_aps, num_users, 8, seed=1, dtype="float64")
    link = CellFreeOFDMLink(channel, METHODS[method](), code_rate=None, precision="double")
    draw = link.draw(4, seed=5)
    f, noise = link.beams(draw, 8.0)
    _, signals = link.send(draw, f, noise)
    if method == "nullspace_sensing":
        assert f.shape[3] == num_users + 1
    state = draw.state._replace(h=draw.h[:, 0, 0], noise_power=noise)
    expected = metrics.sinr(state, f[:, 0])
    np.testing.assert_allclose(
        signals.sinr, np.broadcast_to(expected[..., None], signals.sinr.shape), rtol=1e-4
    )


def test_symbol_errors_have_the_variance_that_the_sinr_says() -> None:
    channel = CellFreeChannel(3, 2, 4, seed=1)
    link = CellFreeOFDMLink(channel, NullspaceSensingBeamformer(), code_rate=None)
    draw = link.draw(300, seed=6)
    f, noise = link.beams(draw, 3.0)
    _, signals = link.send(draw, f, noise)
    sent = link.frame.mapper(tf.reshape(draw.bits, (300, 2, -1)))
    # one value for each slot and UE; those of different slots are independent
    ratio = np.mean(np.abs(signals.x_hat - sent) ** 2 * signals.sinr.numpy(), axis=(1, 2))
    error = ratio.std(ddof=1) / np.sqrt(len(ratio))
    assert abs(ratio.mean() - 1.0) < 3 * error
