"""Error rates by simulation: stopping, pairing, absent methods, tables, wrong beams."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sionna.phy.channel.tr38901 import TDL

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import ConjugateBeamformer, HeteroGNNBeamformer, RZFBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import (
    CellFreeOFDMLink,
    ErrorCounts,
    ErrorSimulation,
    LinkDraw,
    SionnaChannel,
    StopRule,
    simulate_errors,
)
from sionna_cfisac.link.monte_carlo import evaluate_beams
from sionna_cfisac.link.slot_blocks import block_seed
from sionna_cfisac.plotting import TIDY_COLUMNS, plot_waterfall
from sionna_cfisac.snr_gap import snr_at

METHODS = {"conjugate": ConjugateBeamformer(), "rzf": RZFBeamformer()}
UNCODED: dict[str, Any] = {
    "num_subcarriers": 4,
    "num_ofdm_symbols": 3,
    "pilot_symbols": [0],
    "modulation": "qpsk",
    "code_rate": None,
}
Counts = dict[str, ErrorCounts]


@pytest.fixture(scope="module")
def link() -> CellFreeOFDMLink:
    """Two UEs with one block of 16 uncoded bits in a slot."""
    return CellFreeOFDMLink(CellFreeChannel(2, 2, 4, noise_power=1.0, seed=1), **UNCODED)


@pytest.fixture(scope="module")
def simulation(link: CellFreeOFDMLink) -> ErrorSimulation:
    return ErrorSimulation(link, METHODS, batch_size=64, xla=False)


@pytest.mark.parametrize(
    "rule",
    [
        StopRule(block_errors=100),
        StopRule(block_errors=None, relative_width=0.15),
        StopRule(block_errors=None, max_blocks=500),
    ],
)
@pytest.mark.parametrize("batch_size", [64, 192])
def test_a_method_stops_with_the_first_64_slots_that_are_enough(
    link: CellFreeOFDMLink, rule: StopRule, batch_size: int
) -> None:
    simulation = ErrorSimulation(link, METHODS, batch_size=batch_size, xla=False)
    for counts in simulation.run(0.0, stop=rule).values():
        slots = len(counts.block_errors)
        enough = [
            rule.reached(ErrorCounts(2, 32, counts.block_errors[:n], counts.bit_errors[:n]))
            for n in range(64, slots + 1, 64)
        ]
        assert enough == [False] * (len(enough) - 1) + [True]
        assert slots % 64 == 0 < len(enough) - 1


def test_counts_are_those_of_the_link_block_by_block(
    link: CellFreeOFDMLink, simulation: ErrorSimulation
) -> None:
    run = simulation.run(1.0, stop=StopRule(max_blocks=256), seed=3)
    draws = [link.draw(64, seed=block_seed(3, block)) for block in range(2)]
    for name, method in METHODS.items():
        wrong = []
        for draw in draws:
            bits_hat, _ = link.send(draw, *link.beams(draw, 1.0, method))
            wrong += [*(bits_hat.numpy() != draw.bits.numpy())]
        assert run[name].bit_errors.tolist() == [int(slot.sum()) for slot in wrong]
        assert run[name].block_errors.tolist() == [
            sum(bool(slot[u, 0].any()) for u in range(2)) for slot in wrong
        ]
        assert 0 < run[name].bit_errors.sum() < 128 * 32
        assert (run[name].blocks, run[name].bits) == (2, 32)
        assert run[name].seconds > 0


def test_observers_of_larger_batches_see_counts_up_to_the_stop(link: CellFreeOFDMLink) -> None:
    told: list[tuple[int, int]] = []

    def observe(draw: LinkDraw, beams: dict[str, Any], counts: Counts) -> None:
        told.append((len(draw.bits), len(counts["rzf"].bit_errors)))

    simulation = ErrorSimulation(link, METHODS, batch_size=100, xla=False)
    assert simulation.batch_size == 128
    rule = StopRule(block_errors=None, max_blocks=300)
    counts = simulation.run(0.0, stop=rule, observe=observe)
    # 150 slots are enough: those of three blocks, the last of which is half a batch
    assert told == [(128, 128), (128, 192)]
    assert len(counts["rzf"].block_errors) == 192


def errors_of(counts: Counts) -> dict[str, tuple[list[int], list[int]]]:
    return {name: (c.block_errors.tolist(), c.bit_errors.tolist()) for name, c in counts.items()}


def test_methods_do_not_depend_on_each_other(
    link: CellFreeOFDMLink, simulation: ErrorSimulation
) -> None:
    rule = StopRule(block_errors=150, max_blocks=2000)
    together = errors_of(simulation.run(3.0, stop=rule))
    # conjugate beams have their errors earlier, and drop out
    slots = len(together["conjugate"][0])
    assert slots < len(together["rzf"][0])
    assert together["conjugate"][1] != together["rzf"][1][:slots]
    # a method twice makes the same errors, whatever runs beside it
    twice = {"again": RZFBeamformer(), "rzf": RZFBeamformer()}
    alone = errors_of(ErrorSimulation(link, twice, batch_size=64, xla=False).run(3.0, stop=rule))
    assert alone["again"] == alone["rzf"] == together["rzf"]


def test_methods_that_are_skipped_are_absent(simulation: ErrorSimulation) -> None:
    rule = StopRule(max_blocks=32)
    both = errors_of(simulation.run(0.0, stop=rule))
    assert list(both) == list(METHODS)
    assert errors_of(simulation.run(0.0, stop=rule, skip=["conjugate", "other"])) == {
        "rzf": both["rzf"]
    }
    told: list[Any] = []
    assert simulation.run(0.0, skip=[*METHODS], observe=lambda *a: told.append(a)) == {}
    assert not told


def test_observers_see_every_batch(simulation: ErrorSimulation) -> None:
    told: list[tuple[LinkDraw, dict[str, Any], dict[str, int]]] = []

    def observe(draw: LinkDraw, beams: dict[str, Any], counts: Counts) -> None:
        told.append((draw, beams, {name: len(c.bit_errors) for name, c in counts.items()}))

    rule = StopRule(block_errors=100, max_blocks=2000)
    counts = simulation.run(3.0, stop=rule, observe=observe)
    lengths = {name: len(c.bit_errors) for name, c in counts.items()}
    assert lengths["conjugate"] < lengths["rzf"]
    assert len(told) == lengths["rzf"] // 64
    for batch, (draw, beams, so_far) in enumerate(told, start=1):
        assert set(beams) == {name for name, n in lengths.items() if 64 * batch <= n}
        assert so_far == {name: min(64 * batch, n) for name, n in lengths.items()}
        for f, noise_power in beams.values():
            # all power of 1 at 3 dB
            np.testing.assert_allclose(noise_power, np.full((64, 2), 10**-0.3), rtol=1e-6)
            power = metrics.ap_power(f[:, 0]).numpy()
            np.testing.assert_allclose(power, draw.state.ap_power, rtol=1e-5)
    different = [draw.bits.numpy().tobytes() for draw, _, _ in told]
    assert len(set(different)) == len(told)


def test_draws_are_those_of_the_seed_at_every_snr(simulation: ErrorSimulation) -> None:
    drawn: dict[tuple[float, int], LinkDraw] = {}
    for snr, seed in ((0.0, 1), (9.0, 1), (0.0, 2)):

        def keep(draw: LinkDraw, *_: Any, key: tuple[float, int] = (snr, seed)) -> None:
            drawn[key] = draw

        simulation.run(snr, stop=StopRule(max_blocks=1), seed=seed, observe=keep)
    for field in ("h", "bits", "noise"):
        one, other, new = (np.asarray(getattr(draw, field)) for draw in drawn.values())
        np.testing.assert_array_equal(one, other)
        assert not np.array_equal(one, new)


def test_no_snr_stands_for_the_noise_of_the_channel(simulation: ErrorSimulation) -> None:
    rule = StopRule(max_blocks=64)
    own, given = (errors_of(simulation.run(snr, stop=rule)) for snr in (None, 0.0))
    assert own == given
    assert own != errors_of(simulation.run(1.0, stop=rule))


def test_xla_makes_the_same_errors() -> None:
    options = {**UNCODED, "num_subcarriers": 12, "code_rate": 0.5, "num_iterations": 4}
    coded = CellFreeOFDMLink(CellFreeChannel(2, 2, 4, seed=1), **options)
    compiled, plain = (
        ErrorSimulation(coded, {"rzf": RZFBeamformer()}, batch_size=100, xla=xla).run(
            -1.0, stop=StopRule(block_errors=None, max_blocks=400)
        )["rzf"]
        for xla in (True, False)
    )
    assert 40 < plain.block_errors.sum() < 360
    # sums in another order may decide a block that is on the edge
    assert np.mean(compiled.bit_errors != plain.bit_errors) < 0.01


def over(state: ChannelState) -> tf.Tensor:
    return RZFBeamformer()(state) * 1.001


def not_finite(state: ChannelState) -> tf.Tensor:
    return RZFBeamformer()(state) * np.nan


def one_ap(state: ChannelState) -> tf.Tensor:
    return RZFBeamformer()(state)[:, :1]


def real(state: ChannelState) -> tf.Tensor:
    return tf.math.real(RZFBeamformer()(state))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (over, r"^mine: f: expected at most the power 0\.5 at AP 0 of channel 0, got 0\.50"),
        (not_finite, "^mine: f: expected finite beams, got nan or inf at AP 0 of channel 0"),
        (one_ap, r"^mine: f: expected shape \[B, 2, S, 4\] with S >= 2, got \(1, 1, 2, 4\)$"),
        (real, "^mine: f: expected a complex tensor, got dtype"),
    ],
)
def test_wrong_beams_are_refused_by_name(
    link: CellFreeOFDMLink, method: Callable[..., tf.Tensor], message: str
) -> None:
    wrong = ErrorSimulation(link, {"mine": method}, batch_size=2, xla=False)
    with pytest.raises(ValueError, match=message):
        wrong.run(0.0)


def test_wrong_arguments_are_refused(link: CellFreeOFDMLink, simulation: ErrorSimulation) -> None:
    with pytest.raises(ValueError, match="beamformers: expected at least one method, got none"):
        ErrorSimulation(link, {})
    with pytest.raises(ValueError, match="batch_size: expected an integer >= 1, got 0"):
        ErrorSimulation(link, METHODS, batch_size=0)
    with pytest.raises(ValueError, match="snr_db: expected a finite number, got nan"):
        simulation.run(np.nan)


def test_blocks_of_all_seeds_differ() -> None:
    seeds = [block_seed(seed, block) for seed in range(100) for block in range(100)]
    assert len(set(seeds)) == len(seeds)
    # neighbours have nothing in common: as uniform as random numbers are
    assert stats.kstest(np.array(seeds) / 2**32, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(seeds[:-1], seeds[1:])[0, 1]) < 3.5 / np.sqrt(len(seeds))


def sum_rates(state: ChannelState, f: tf.Tensor) -> dict[str, np.ndarray]:
    return {"sum_rate": metrics.sum_rate(state, f).numpy()}


def loop_rate(h: np.ndarray, f: np.ndarray, noise_power: np.ndarray) -> float:
    """Sum rate with channels [M, U, Nt], beams [M, S, Nt] and noise powers [U]."""
    rate = 0.0
    for u in range(h.shape[1]):
        gains = [
            abs(sum(np.vdot(h[m, u], f[m, s]) for m in range(len(h)))) ** 2
            for s in range(f.shape[1])
        ]
        rate += np.log2(1 + gains[u] / (sum(gains) - gains[u] + noise_power[u]))
    return float(rate)


def selective(beams_per: str) -> CellFreeOFDMLink:
    model = TDL("A", 1e-6, 3.5e9, num_tx_ant=4)
    channel = SionnaChannel(model, CellFreeChannel(2, 2, 4, seed=1))
    options = {**UNCODED, "num_subcarriers": 24, "beams_per": beams_per}
    return CellFreeOFDMLink(channel, RZFBeamformer(), **options)


@pytest.mark.parametrize("beams_per", ["subcarrier", "resource_block", "wideband"])
def test_beams_are_evaluated_on_every_subcarrier(beams_per: str) -> None:
    tdl = selective(beams_per)
    draw = tdl.draw(3, seed=1)
    f, noise_power = tdl.beams(draw, 10.0)
    groups = {"subcarrier": 24, "resource_block": 2, "wideband": 1}[beams_per]
    assert f.shape[1] == groups
    got = evaluate_beams(draw, f, noise_power, sum_rates)
    h, beams = draw.h.numpy()[:, 0], f.numpy()
    rates = [
        [loop_rate(h[b, k], beams[b, k * groups // 24], noise_power[b].numpy()) for k in range(24)]
        for b in range(3)
    ]
    assert np.ptp(rates, axis=1).min() > 0.1
    np.testing.assert_allclose(got["sum_rate"], np.mean(rates, axis=1), rtol=1e-5)


def test_beams_of_a_flat_channel_have_one_value(link: CellFreeOFDMLink) -> None:
    draw = link.draw(5, seed=1)
    f, noise_power = link.beams(draw, 4.0, RZFBeamformer())
    got = evaluate_beams(draw, f, noise_power, sum_rates)["sum_rate"]
    h, beams = draw.h.numpy()[:, 0, 0], f.numpy()[:, 0]
    want = [loop_rate(h[b], beams[b], noise_power[b].numpy()) for b in range(5)]
    np.testing.assert_allclose(got, want, rtol=1e-5)
    with pytest.raises(ValueError, match="f: expected at most 1 groups of beams, got 2"):
        evaluate_beams(draw, tf.repeat(f, 2, axis=1), noise_power, sum_rates)


def test_table_of_error_rates(link: CellFreeOFDMLink, simulation: ErrorSimulation) -> None:
    points, rule = [0, 4.0], StopRule(block_errors=100, max_blocks=400)
    table = simulate_errors(link, METHODS, points, stop=rule, batch_size=64, seed=2, confidence=0.8)
    assert list(table.columns) == ["snr_db", *TIDY_COLUMNS]
    keys = [(p, m, e) for p in points for m in METHODS for e in ("bler", "ber")]
    assert list(table[["snr_db", "method", "metric"]].itertuples(index=False, name=None)) == keys
    assert set(table["unit"]) == {"1"}
    rows = table.set_index(["snr_db", "method", "metric"])
    for point in points:
        for name, counts in simulation.run(point, stop=rule, seed=2).items():
            size = len(counts.bit_errors)
            bler, ber = rows.loc[point, name, "bler"], rows.loc[point, name, "ber"]
            assert (bler["n"], ber["n"]) == (2 * size, 32 * size)
            assert bler["value"] == pytest.approx(counts.block_errors.sum() / (2 * size))
            assert ber["value"] == pytest.approx(counts.bit_errors.sum() / (32 * size))
            for row, rate in ((bler, counts.bler), (ber, counts.ber)):
                assert (row["ci_low"], row["ci_high"]) == rate(0.8)[1:]
    # what the table is for
    assert snr_at(table, "snr_db")["method"].tolist() == [*METHODS]
    assert plot_waterfall(table, "snr_db", "ber").axes


def test_a_number_is_no_stopping_rule() -> None:
    simulation = ErrorSimulation(CellFreeOFDMLink(CellFreeChannel(2, 2, 4)), {"a": RZFBeamformer()})
    with pytest.raises(ValueError, match="stop: expected a StopRule, got 50"):
        simulation.run(2.0, stop=50)


def test_a_network_beyond_its_range_warns_though_it_is_traced() -> None:
    network = HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=0.0)
    link = CellFreeOFDMLink(CellFreeChannel(5, 2, 8), num_subcarriers=4, code_rate=None)
    with pytest.warns(UserWarning, match="noise"):
        ErrorSimulation(link, {"gnn": network}, batch_size=4).run(-5.0, stop=StopRule(1))
