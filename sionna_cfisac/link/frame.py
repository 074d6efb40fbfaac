"""The resource grid of a link, its pilots, constellation and code."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import Demapper, Mapper
from sionna.phy.mimo import StreamManagement
from sionna.phy.ofdm import PilotPattern, ResourceGrid

from sionna_cfisac.arguments import integer, number, one_of, raise_first
from sionna_cfisac.link.code_blocks import segment
from sionna_cfisac.link.rules import pilot_conflicts, prefix_conflicts, room_conflicts
from sionna_cfisac.radio import CODE_RATES, MODULATIONS

_PILOT_SEED = 0


class Frame:
    r"""One slot of a link: K subcarriers, some OFDM symbols with pilots, constellation and code.

    Every stream has the same resource elements for its data. The bits of a UE in a slot are cut
    into the fewest 5G LDPC code blocks of equal length that have at most 8,448 information bits.

    The APs transmit jointly, so to Sionna there is one transmitter with the streams of all of
    them. Streams beyond those of the UEs, which sense, have pilots too: the UEs must know how
    strongly they interfere.

    Parameters
    ----------
    num_users : int
        Number U of UEs
    num_subcarriers : int
        Number K of subcarriers, all of them in use
    num_ofdm_symbols : int
        Number of OFDM symbols
    subcarrier_spacing : float
        In Hz
    cyclic_prefix_length : int
        In samples; only counts where the channel changes from symbol to symbol
    pilot_symbols : list of int
        Indices of the OFDM symbols that carry pilots instead of data; none for no pilots. On them
        subcarrier k belongs to stream k mod S alone, with so much more power there that the stream
        has its mean power in the symbol. An AP then radiates its mean power over the slot exactly
        where beams are the same on all subcarriers, and within some percent where they differ
    modulation : "qpsk" | "16qam" | "64qam" | "256qam"
        Constellation
    code_rate : None or float
        Rate of the 5G LDPC code, 1/5 to 0.95; None sends uncoded bits
    num_iterations : int
        Iterations of the decoder
    demapping : "app" | "maxlog"
        Method of the demapper
    precision : "single" | "double"
        Precision of the signals

    Raises
    ------
    ValueError
        If an argument is out of range, or bits, pilots and subcarriers do not fit each other,
        naming the argument, what was expected and what was got
    """

    def __init__(
        self,
        num_users: int,
        *,
        num_subcarriers: int = 48,
        num_ofdm_symbols: int = 14,
        subcarrier_spacing: float = 30e3,
        cyclic_prefix_length: int = 0,
        pilot_symbols: Sequence[int] = (2, 11),
        modulation: str = "16qam",
        code_rate: float | None = 0.5,
        num_iterations: int = 20,
        demapping: str = "app",
        precision: str = "single",
    ) -> None:
        self.num_users = integer(num_users, "num_users", 1)
        self.num_subcarriers = integer(num_subcarriers, "num_subcarriers", 1)
        self.num_ofdm_symbols = integer(num_ofdm_symbols, "num_ofdm_symbols", 1)
        self.subcarrier_spacing = number(subcarrier_spacing, "subcarrier_spacing", 0.0, above=True)
        self.cyclic_prefix_length = integer(cyclic_prefix_length, "cyclic_prefix_length", 0)
        raise_first(prefix_conflicts(cyclic_prefix_length, num_subcarriers))
        self.pilot_symbols = _pilot_symbols(pilot_symbols, self.num_ofdm_symbols)
        self.modulation = one_of(modulation, "modulation", tuple(MODULATIONS))
        self.code_rate = None if code_rate is None else number(code_rate, "code_rate", *CODE_RATES)
        self.precision = one_of(precision, "precision", ("single", "double"))
        integer(num_iterations, "num_iterations", 1)
        one_of(demapping, "demapping", ("app", "maxlog"))
        self.num_data_symbols = num_subcarriers * (num_ofdm_symbols - len(self.pilot_symbols))
        self.bits_per_symbol = MODULATIONS[modulation]
        self.num_blocks, self.coded_bits, self.info_bits = segment(
            self.num_data_symbols, self.bits_per_symbol, self.code_rate
        )
        self.mapper = Mapper("qam", self.bits_per_symbol, precision=precision)
        self.demapper = Demapper(demapping, "qam", self.bits_per_symbol, precision=precision)
        self.encoder = self.decoder = None
        if self.code_rate is not None:
            self.encoder = LDPC5GEncoder(
                self.info_bits,
                self.coded_bits,
                num_bits_per_symbol=self.bits_per_symbol,
                precision=precision,
            )
            self.decoder = LDPC5GDecoder(
                self.encoder, num_iter=num_iterations, hard_out=True, precision=precision
            )
        self._grids: dict[tuple[int, int], ResourceGrid] = {}

    @property
    def symbol_rate(self) -> float:
        """OFDM symbols per second, at which a time-varying channel is sampled."""
        samples = 1.0 + self.cyclic_prefix_length / self.num_subcarriers
        return self.subcarrier_spacing / samples

    @property
    def spectral_efficiency(self) -> float:
        """Information bits of a UE per resource element of the slot, pilots included."""
        elements = self.num_subcarriers * self.num_ofdm_symbols
        return self.num_blocks * self.info_bits / elements

    @property
    def streams(self) -> StreamManagement:
        """Stream u of the one virtual transmitter serves UE u."""
        return StreamManagement(np.ones([self.num_users, 1], int), self.num_users)

    def grid(self, num_streams: int, pilots_of: int | None = None) -> ResourceGrid:
        """Sionna's resource grid of one virtual transmitter.

        Parameters
        ----------
        num_streams : int
            Number of streams of the grid
        pilots_of : None or int
            Number S of streams that share the pilots; None stands for ``num_streams``

        Raises
        ------
        ValueError
            If there are more streams than subcarriers to carry their pilots
        """
        total = pilots_of or num_streams
        raise_first(room_conflicts(self.num_subcarriers, self.pilot_symbols, total))
        key = (num_streams, total)
        if key not in self._grids:
            # a grid holds constants, which must not belong to a graph that is being traced
            with tf.init_scope():
                self._grids[key] = self._make_grid(*key)
        return self._grids[key]

    def _make_grid(self, num_streams: int, total: int) -> ResourceGrid:
        shape = (1, num_streams, self.num_ofdm_symbols, self.num_subcarriers)
        mask = np.zeros(shape, bool)
        mask[:, :, list(self.pilot_symbols)] = True
        pilots = _comb(total, len(self.pilot_symbols), self.num_subcarriers)[:num_streams]
        pattern = PilotPattern(mask, pilots[None], precision=self.precision)
        return ResourceGrid(
            self.num_ofdm_symbols,
            self.num_subcarriers,
            self.subcarrier_spacing,
            num_streams_per_tx=num_streams,
            cyclic_prefix_length=self.cyclic_prefix_length,
            pilot_pattern=pattern,
            precision=self.precision,
        )


def _pilot_symbols(value: Sequence[int], num_ofdm_symbols: int) -> tuple[int, ...]:
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        raise ValueError(f"pilot_symbols: expected a list of indices, got {value!r}")
    symbols = tuple(integer(index, "pilot_symbols", 0) for index in value)
    raise_first(pilot_conflicts(symbols, num_ofdm_symbols))
    return tuple(sorted(symbols))


def _comb(num_streams: int, num_pilot_symbols: int, num_subcarriers: int) -> np.ndarray:
    """Pilots [S, symbols * subcarriers] of unit mean energy where no two streams overlap."""
    if num_pilot_symbols == 0:
        return np.zeros((num_streams, 0), np.complex64)
    rng = np.random.default_rng(_PILOT_SEED)
    signs = rng.choice([-1.0, 1.0], size=(2, num_pilot_symbols, num_subcarriers)) / np.sqrt(2)
    owner = np.arange(num_subcarriers) % num_streams == np.arange(num_streams)[:, None]
    pilots = owner[:, None] * (signs[0] + 1j * signs[1])
    # more power on fewer subcarriers: every stream has the same mean power in all OFDM symbols
    boost = np.sqrt(num_subcarriers / owner.sum(axis=1))
    return (pilots * boost[:, None, None]).reshape(num_streams, -1)
