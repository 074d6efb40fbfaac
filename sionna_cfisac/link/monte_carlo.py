"""Error rates by simulation: every method on the same channels, bits and noise."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from rich.progress import track

from sionna_cfisac.arguments import integer, number
from sionna_cfisac.beamforming.protocol import Beamformer
from sionna_cfisac.feasible import check_feasible
from sionna_cfisac.link.beams import repeat_state
from sionna_cfisac.link.draw import LinkDraw
from sionna_cfisac.link.error_counts import ErrorCounts, StopRule
from sionna_cfisac.link.ofdm_link import CellFreeOFDMLink
from sionna_cfisac.link.rules import SLOT_BLOCK, whole_blocks
from sionna_cfisac.link.slot_blocks import draw_batch
from sionna_cfisac.state import ChannelState, Tensor
from sionna_cfisac.tidy import TIDY_COLUMNS

Observer = Callable[[LinkDraw, dict[str, tuple[Tensor, Tensor]], dict[str, ErrorCounts]], None]
"""Told after a batch: the draw, method -> (beams, noise power), method -> counts so far.

Of a method that has stopped within the batch, the counts have only the slots before that."""


class ErrorSimulation:
    """Error rates of several methods on a link, compiled once for all SNRs.

    The i-th slot of a seed has the same channels, bits and noise for every method, every SNR and
    every batch size. A method drops out at the first of 64, 128, 192, ... slots that are enough by
    the stopping rule, and what was simulated beyond does not count; what the others go on with does
    not change.

    Parameters
    ----------
    link : CellFreeOFDMLink
        The link; its own beamformer is not used
    beamformers : dict of str to callable
        Methods by name
    batch_size : int
        Slots simulated at once, rounded up to a multiple of 64; changes speed and memory, not the
        results
    xla : bool
        Whether to compile the link, apart from the design of the beams, with XLA

    Raises
    ------
    ValueError
        If there is no method, or ``batch_size`` is not a positive integer
    """

    def __init__(
        self,
        link: CellFreeOFDMLink,
        beamformers: Mapping[str, Beamformer],
        *,
        batch_size: int = 256,
        xla: bool = True,
    ) -> None:
        if not beamformers:
            raise ValueError("beamformers: expected at least one method, got none")
        self.link = link
        self.methods = tuple(beamformers)
        self.batch_size = whole_blocks(integer(batch_size, "batch_size", 1))
        self._methods = dict(beamformers)
        self._design = {name: _designer(link, method) for name, method in beamformers.items()}
        self._count = _counter(link, xla)
        self._traced = False

    def run(
        self,
        snr_db: float | None = None,
        *,
        stop: StopRule | None = None,
        seed: int = 1,
        skip: Collection[str] = (),
        observe: Observer | None = None,
    ) -> dict[str, ErrorCounts]:
        """Simulate one SNR.

        Parameters
        ----------
        snr_db : None or float
            SNR in dB; None stands for the noise power of the channel
        stop : None or StopRule
            When to stop; by default 100 block errors or 100,000 blocks
        seed : int
            Seed of all draws
        skip : collection of str
            Methods to leave out
        observe : None or callable
            Called after every batch

        Returns
        -------
        dict of str to ErrorCounts
            Counts of every method that was not left out

        Raises
        ------
        ValueError
            If a method's beams have a wrong shape, are not finite or exceed the power of an AP
        """
        if not isinstance(stop, StopRule | None):
            raise ValueError(f"stop: expected a StopRule, got {stop!r}")
        stop = stop or StopRule()
        frame = self.link.frame
        blocks = frame.num_users * frame.num_blocks
        active = [name for name in self.methods if name not in skip]
        counts = {name: ErrorCounts(blocks, blocks * frame.info_bits) for name in active}
        # a tensor, or every SNR would be compiled anew
        snr = None if snr_db is None else tf.constant(number(snr_db, "snr_db"), self.link.rdtype)
        batch = 0
        while active:
            draw = draw_batch(self.link, self.batch_size, batch, seed)
            if batch == 0:
                self._try_out(active, draw, snr)
                if not self._traced:
                    # what takes seconds once says nothing about the methods
                    for name in active:
                        start = time.perf_counter()
                        f, _ = self._design[name](draw, snr)
                        with _named(name):
                            _check(draw, f)  # waits for the beams
                        counts[name].first_seconds = time.perf_counter() - start
                    self._traced = True
            beams: dict[str, tuple[Tensor, Tensor]] = {}
            going_on = []
            for name in active:
                start = time.perf_counter()
                f, noise_power = self._design[name](draw, snr)
                with _named(name):
                    _check(draw, f)  # waits for the beams
                counts[name].batch_seconds.append(time.perf_counter() - start)
                beams[name] = f, noise_power
                errors = self._count(draw, f, noise_power).numpy()
                if not _add_until_enough(counts[name], errors, stop):
                    going_on.append(name)
            if observe is not None:
                observe(draw, beams, counts)
            active = going_on
            batch += 1
        return counts

    def _try_out(self, names: Collection[str], draw: LinkDraw, snr: Tensor | None) -> None:
        """Design one slot eagerly: a traced method neither warns nor says plainly what is wrong."""
        first = draw._replace(
            state=draw.state.cut(slice(1)),
            h=draw.h[:1],
            known=draw.known[:1],
        )
        for name in names:
            with _named(name):
                f, _ = self.link.beams(first, snr, self._methods[name])
                # streams without room for their pilots
                self.link.frame.grid(f.shape[3])


def simulate_errors(
    link: CellFreeOFDMLink,
    beamformers: Mapping[str, Beamformer],
    snr_db: Sequence[float],
    *,
    stop: StopRule | None = None,
    batch_size: int = 256,
    seed: int = 1,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Error rates of several methods over the SNR, as a table.

    Parameters
    ----------
    link, beamformers, batch_size
        As in :class:`ErrorSimulation`
    snr_db : list of float
        SNRs in dB
    stop : None or StopRule
        When to stop at a point
    seed : int
        Seed of all draws
    confidence : float
        Level of the intervals

    Returns
    -------
    DataFrame
        Columns ``snr_db`` and :data:`~sionna_cfisac.plotting.TIDY_COLUMNS`, the metrics ``bler``
        and ``ber``; n is the number of code blocks or bits. As
        :func:`~sionna_cfisac.plotting.plot_waterfall` takes it

    Raises
    ------
    ValueError
        As :class:`ErrorSimulation`
    """
    simulation = ErrorSimulation(link, beamformers, batch_size=batch_size)
    table = []
    points = [float(snr) for snr in snr_db]
    for snr in track(points, description="SNR"):
        for name, count in simulation.run(snr, stop=stop, seed=seed).items():
            slots = len(count.block_errors)
            for metric, rate, n in (
                ("bler", count.bler(confidence), slots * count.blocks),
                ("ber", count.ber(confidence), slots * count.bits),
            ):
                table.append((snr, name, metric, *rate, n, "1"))
    return pd.DataFrame(table, columns=["snr_db", *TIDY_COLUMNS])


def evaluate_beams(
    draw: LinkDraw,
    f: Tensor,
    noise_power: Tensor,
    evaluate: Callable[[ChannelState, Tensor], Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Measures of beams on the true channels, averaged over the subcarriers of a slot.

    Parameters
    ----------
    draw : LinkDraw
        Channels, of which those of the first OFDM symbol count
    f : [B, G, M, S, Nt], complex
        Beams of each group of subcarriers
    noise_power : [B, U], float
        Noise power of the UEs
    evaluate : callable
        ``(state, f) -> {name: [B * K]}``

    Returns
    -------
    dict of str to [B] arrays
        Means over the subcarriers
    """
    h = draw.h[:, 0]
    subcarriers, groups = h.shape[1], f.shape[1]
    if groups > subcarriers:
        raise ValueError(f"f: expected at most {subcarriers} groups of beams, got {groups}")
    every = tf.repeat(f, subcarriers // groups, axis=1)
    state = repeat_state(draw.state, h, noise_power)
    values = evaluate(state, tf.reshape(every, (-1, *f.shape[2:])))
    return {
        name: np.asarray(value, float).reshape(-1, subcarriers).mean(axis=1)
        for name, value in values.items()
    }


def _add_until_enough(counts: ErrorCounts, bit_errors: np.ndarray, stop: StopRule) -> bool:
    """Append block after block of slots until they are enough, and say whether they are."""
    for start in range(0, len(bit_errors), SLOT_BLOCK):
        counts.add(bit_errors[start : start + SLOT_BLOCK])
        if stop.reached(counts):
            return True
    return False


def _designer(link: CellFreeOFDMLink, method: Beamformer) -> Any:
    # a partial has no code of its own that TensorFlow could mistake for one function traced anew
    return tf.function(partial(link.beams, beamformer=method))


def _counter(link: CellFreeOFDMLink, xla: bool) -> Any:
    def count(draw: LinkDraw, f: Tensor, noise_power: Tensor) -> Tensor:
        """Bit errors [B, U, C] in every code block."""
        bits_hat, _ = link.send(draw, f, noise_power)
        return tf.reduce_sum(tf.cast(bits_hat != draw.bits, tf.int32), axis=-1)

    return tf.function(count, jit_compile=xla)


@contextmanager
def _named(method: str) -> Iterator[None]:
    """Say whose error it was."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{method}: {error}") from error


def _check(draw: LinkDraw, f: Tensor) -> None:
    """Refuse beams that no AP can send, which a traced graph cannot."""
    state = repeat_state(draw.state, draw.known, draw.state.noise_power)
    check_feasible(state, tf.reshape(f, (-1, *f.shape[2:])))
