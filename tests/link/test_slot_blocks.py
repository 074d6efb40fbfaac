"""Slots of a simulation follow from the seed and their index, whatever the batch size."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sionna.phy.channel.tr38901 import TDL

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import NullspaceSensingBeamformer, RZFBeamformer
from sionna_cfisac.channel import CellFreeChannel, ImperfectCSI, TopologyChannel
from sionna_cfisac.link import (
    CellFreeOFDMLink,
    ErrorSimulation,
    ImpulseResponsePool,
    LinkDraw,
    SionnaChannel,
    StopRule,
    UrbanChannel,
)
from sionna_cfisac.link.rules import whole_blocks
from sionna_cfisac.link.slot_blocks import draw_batch

SMALL: dict[str, Any] = {
    "num_subcarriers": 4,
    "num_ofdm_symbols": 4,
    "pilot_symbols": [0],
    "modulation": "qpsk",
    "code_rate": None,
}


def pool() -> ImpulseResponsePool:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(9, 1, 2, 4, 3, 1)) + 1j * rng.normal(size=(9, 1, 2, 4, 3, 1))
    return ImpulseResponsePool(a, rng.uniform(0, 1e-6, size=(9, 2, 3)), num_users=2)


CHANNELS: dict[str, Any] = {
    "rayleigh": lambda: CellFreeChannel(2, 2, 4),
    "topology": lambda: TopologyChannel(2, 2, 4, shadowing_std_db=8.0),
    "tdl": lambda: SionnaChannel(TDL("A", 1e-6, 3.5e9, num_tx_ant=4), CellFreeChannel(2, 2, 4)),
    "umi": lambda: UrbanChannel("umi", TopologyChannel(2, 2, 4), indoor_probability=0.5),
    "pool": lambda: SionnaChannel(pool(), CellFreeChannel(2, 2, 4)),
}


def make_link(channel: str, **options: Any) -> CellFreeOFDMLink:
    csi = ImperfectCSI(error_variance=0.2)
    return CellFreeOFDMLink(CHANNELS[channel](), csi=csi, **{**SMALL, **options})


def slots(batches: list[LinkDraw]) -> list[np.ndarray]:
    """Everything that is drawn for each slot, of batches one behind the other."""
    fields = ("h", "known", "bits", "noise")
    drawn = [np.concatenate([getattr(draw, f).numpy() for draw in batches]) for f in fields]
    targets = [np.concatenate([draw.state[i].numpy() for draw in batches]) for i in range(1, 4)]
    return [*drawn, *targets]


@pytest.mark.parametrize("channel", CHANNELS)
def test_slots_are_the_same_in_every_batch(channel: str) -> None:
    link = make_link(channel)
    small = slots([draw_batch(link, 64, batch, seed=5) for batch in range(2)])
    large = slots([draw_batch(link, 128, 0, seed=5)])
    for one, other in zip(small, large, strict=True):
        np.testing.assert_array_equal(one, other)
    h, known, bits, noise, *_ = large
    for drawn in (known - h[:, 0], bits, noise):
        assert len({slot.tobytes() for slot in drawn}) == 128
    # a pool of 9 receivers has 72 pairs
    assert len({slot.tobytes() for slot in h}) == 128 or channel == "pool"


def test_symbols_that_only_sense_are_the_same_in_every_batch() -> None:
    link = make_link("rayleigh")

    def symbols(draw: LinkDraw) -> np.ndarray:
        f, noise_power = link.beams(draw, 3.0, NullspaceSensingBeamformer())
        return link.send(draw, f, noise_power)[1].x[:, 2:].numpy()

    small = np.concatenate([symbols(draw_batch(link, 64, batch, seed=5)) for batch in range(3)])
    large = symbols(draw_batch(link, 192, 0, seed=5))
    assert large.shape == (192, 1, 4, 4)
    np.testing.assert_array_equal(small, large)
    assert len({slot.tobytes() for slot in large}) == 192


def test_whole_blocks() -> None:
    assert [whole_blocks(n) for n in (1, 16, 64, 65, 100, 256)] == [64, 64, 64, 128, 128, 256]


@pytest.mark.parametrize("channel", ["rayleigh", "tdl"])
def test_counts_do_not_depend_on_the_batch_size(channel: str) -> None:
    link = make_link(channel)
    methods = {"rzf": RZFBeamformer(), "nullspace": NullspaceSensingBeamformer()}
    simulations = [
        ErrorSimulation(link, methods, batch_size=size, xla=False) for size in (16, 64, 100, 256)
    ]
    for rule in (StopRule(block_errors=150), StopRule(block_errors=None, max_blocks=400)):
        counts = [simulation.run(2.0, stop=rule, seed=3) for simulation in simulations]
        for name in methods:
            first = counts[0][name]
            assert first.bit_errors.sum() > 0
            for other in counts[1:]:
                np.testing.assert_array_equal(first.bit_errors, other[name].bit_errors)
                np.testing.assert_array_equal(first.block_errors, other[name].block_errors)


def test_error_rate_is_that_of_the_closed_form() -> None:
    link = CellFreeOFDMLink(CellFreeChannel(2, 2, 4), **SMALL)
    expected: list[np.ndarray] = []

    def observe(draw: LinkDraw, beams: dict[str, Any], _: Any) -> None:
        f, noise_power = beams["rzf"]
        state = draw.state._replace(h=draw.h[:, 0, 0], noise_power=noise_power)
        expected.append(metrics.sinr(state, f[:, 0]).numpy())

    simulation = ErrorSimulation(link, {"rzf": RZFBeamformer()}, batch_size=512, xla=False)
    rule = StopRule(block_errors=None, max_blocks=4096)
    counts = simulation.run(-2.0, stop=rule, observe=observe)["rzf"]
    # QPSK: Q(sqrt(SINR)) a bit; interference is nearly none with RZF, and taken as Gaussian
    rate = stats.norm.sf(np.sqrt(np.concatenate(expected))).mean(axis=1)
    got = counts.bit_errors / counts.bits
    error = np.std(got - rate, ddof=1) / np.sqrt(len(got))
    assert len(got) == len(rate) == 2048
    assert rate.mean() > 20 * error
    assert abs(np.mean(got - rate)) < 3 * error


def test_slots_of_a_seed_are_uncorrelated() -> None:
    draw = draw_batch(make_link("rayleigh"), 1024, 0, seed=1)
    # [blocks, slot in the block, values]
    h = tf.reshape(draw.h, (16, 64, -1)).numpy()
    between = np.einsum("isv,jsv->ij", h, h.conj()) / (64 * h.shape[2])
    off = between[~np.eye(16, dtype=bool)]
    assert np.abs(off).max() < 4.5 / np.sqrt(64 * h.shape[2])
    np.testing.assert_allclose(np.diag(between).real, 1.0, atol=0.15)
