"""The coded OFDM link from jointly transmitting APs to their UEs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from sionna.phy.block import Block
from sionna.phy.ofdm import ResourceGridMapper
from sionna.phy.utils import hard_decisions

from sionna_cfisac.arguments import one_of
from sionna_cfisac.beamforming.protocol import Beamformer
from sionna_cfisac.channel import ChannelLayer, ImperfectCSI
from sionna_cfisac.link.beams import design, effective_channel, repeat_state
from sionna_cfisac.link.channels import FlatChannel, LinkChannel
from sionna_cfisac.link.draw import LinkDraw, draw_slots, uniform_bits
from sionna_cfisac.link.frame import Frame
from sionna_cfisac.link.noise import noise_powers
from sionna_cfisac.link.receiver import Receiver
from sionna_cfisac.link.rules import group_size
from sionna_cfisac.radio import SNR_DEFINITIONS
from sionna_cfisac.state import Tensor


class LinkSignals(NamedTuple):
    """What happened between the bits and their estimates.

    Attributes
    ----------
    f : [B, G, M, S, Nt], complex
        Beams of each group of subcarriers
    z : [B, T, K, U, S], complex
        Effective channel of every stream at every UE; T and K are 1 where it does not change
    x : [B, S, T, K], complex
        Resource elements of every stream
    y : [B, U, T, K], complex
        Received resource elements
    x_hat : [B, U, N], complex
        Equalised data symbols
    sinr : [B, U, N], float
        Their SINR after the equaliser, as far as the UE knows
    llr : [B, U, C, n], float
        Log-likelihood ratios of the coded bits, positive for 1
    noise_power : [B, U], float
        Noise power of the UEs
    """

    f: Tensor
    z: Tensor
    x: Tensor
    y: Tensor
    x_hat: Tensor
    sinr: Tensor
    llr: Tensor
    noise_power: Tensor


class CellFreeOFDMLink(Block):
    r"""Bits to bits: coded OFDM from M jointly transmitting APs to U single-antenna UEs.

    Bits, 5G LDPC code, QAM, resource grid with pilots; joint precoding of resource element (t, k)
    by any beamformer and the channel of all APs,

    .. math::
        y_u[t,k] = \sum_m \mathbf{h}_{mu}^H[t,k] \sum_s \mathbf{f}_{ms}[k]\, x_s[t,k] + n_u[t,k],

    then channel estimation, LMMSE equalisation, demapping and decoding at the UEs. Beams are made
    from the channels of the first OFDM symbol, or their estimates, and kept for the slot. Streams
    beyond the U first carry random QPSK symbols that only sense. All of it is in the frequency
    domain: the cyclic prefix is longer than the delays.

    Parameters
    ----------
    channel : ChannelLayer or LinkChannel
        A channel layer of the package, which does not change over the slot, or
        :class:`~sionna_cfisac.link.SionnaChannel`, :class:`~sionna_cfisac.link.UrbanChannel`
    beamformer : None or callable
        ``ChannelState -> f`` [B, M, S, Nt]; may be given to :meth:`beams` instead. Beams over the
        power of an AP are refused, but in a traced graph, which knows no values, nothing is checked
    csi : None or ImperfectCSI
        What the transmitters know; None for everything. The errors of different groups of
        subcarriers are independent, those of delay too
    beams_per : "subcarrier" | "resource_block" | "wideband"
        What one set of beams is for. Groups of subcarriers are represented by the principal
        component of their channels; makes no difference on channels without delay spread
    snr_definition : "transmit" | "ap" | "receive"
        What the SNR relates to the noise, see :func:`~sionna_cfisac.link.noise_powers`
    estimation : "perfect" | "ls"
        How the UEs know their effective channels
    interpolation : "nn" | "lin" | "lin_time_avg"
        Between pilots, for "ls"
    precision : None, "single" or "double"
        Precision; None is that of ``sionna.phy.config``
    num_subcarriers, num_ofdm_symbols, subcarrier_spacing, cyclic_prefix_length, pilot_symbols, \
    modulation, code_rate, num_iterations, demapping
        As in :class:`~sionna_cfisac.link.Frame`

    Input
    -----
    batch_size : int
        Number B of slots, each with a channel of its own
    snr_db : None or scalar, float
        SNR in dB; None stands for the noise power of the channel
    seed : None or int
        Draws exactly the channels, bits and noise of this seed; None goes on with the generators
        of the channel and of Sionna
    return_signals : bool
        Whether to return what happened in between

    Output
    ------
    bits, bits_hat : [B, U, C, k], float
        Information bits and their estimates, C code blocks of k bits for each UE
    signals : LinkSignals
        Only if ``return_signals``

    Raises
    ------
    ValueError
        If an argument is wrong or two do not fit, naming it, what was expected and what was got

    Examples
    --------
    >>> channel = CellFreeChannel(num_aps=5, num_users=2, num_tx_ant=8)
    >>> link = CellFreeOFDMLink(channel, WMMSEBeamformer(), modulation="16qam", code_rate=0.5)
    >>> bits, bits_hat = link(64, 6.0)
    """

    def __init__(
        self,
        channel: ChannelLayer | LinkChannel,
        beamformer: Beamformer | None = None,
        *,
        csi: ImperfectCSI | None = None,
        beams_per: str = "subcarrier",
        snr_definition: str = "transmit",
        estimation: str = "perfect",
        interpolation: str = "lin",
        precision: str | None = None,
        num_subcarriers: int = 48,
        num_ofdm_symbols: int = 14,
        subcarrier_spacing: float = 30e3,
        cyclic_prefix_length: int = 0,
        pilot_symbols: Sequence[int] = (2, 11),
        modulation: str = "16qam",
        code_rate: float | None = 0.5,
        num_iterations: int = 20,
        demapping: str = "app",
    ) -> None:
        super().__init__(precision=precision)
        known = all(hasattr(channel, name) for name in ("num_aps", "num_users", "num_tx_ant"))
        if not known or not callable(channel):
            raise ValueError(
                "channel: expected a channel layer or link channel, which draws new channels, got "
                f"a {type(channel).__name__}"
            )
        if isinstance(beamformer, type) or not (beamformer is None or callable(beamformer)):
            raise ValueError(f"beamformer: expected a callable or None, got {beamformer!r}")
        if not isinstance(csi, ImperfectCSI | None):
            raise ValueError(f"csi: expected an ImperfectCSI or None, got {type(csi).__name__}")
        self.channel = FlatChannel(channel) if isinstance(channel, ChannelLayer) else channel
        self.beamformer = beamformer
        self.csi = csi
        self.snr_definition = one_of(snr_definition, "snr_definition", SNR_DEFINITIONS)
        self.frame = Frame(
            self.channel.num_users,
            num_subcarriers=num_subcarriers,
            num_ofdm_symbols=num_ofdm_symbols,
            subcarrier_spacing=subcarrier_spacing,
            cyclic_prefix_length=cyclic_prefix_length,
            pilot_symbols=pilot_symbols,
            modulation=modulation,
            code_rate=code_rate,
            num_iterations=num_iterations,
            demapping=demapping,
            precision=self.precision,
        )
        self._group = group_size(num_subcarriers, beams_per)
        self._receiver = Receiver(self.frame, estimation, interpolation)
        # streams without room for their pilots are refused before anything is drawn
        self.frame.grid(self.channel.num_users)
        self._mappers: dict[int, ResourceGridMapper] = {}

    @property
    def trainable_variables(self) -> list[Any]:
        """Weights of the beamformer, if it has any."""
        return list(getattr(self.beamformer, "trainable_variables", []))

    def call(
        self,
        batch_size: int,
        snr_db: Tensor | None = None,
        *,
        seed: int | None = None,
        return_signals: bool = False,
    ) -> tuple[Any, ...]:
        """Simulate a batch of slots; see the class."""
        draw = self.draw(batch_size, seed)
        bits_hat, signals = self.send(draw, *self.beams(draw, snr_db))
        return (draw.bits, bits_hat, signals) if return_signals else (draw.bits, bits_hat)

    def draw(self, batch_size: int, seed: int | None = None) -> LinkDraw:
        """Draw channels, what the transmitters know of them, bits and noise.

        Parameters
        ----------
        batch_size : int
            Number B of slots
        seed : None or int
            Draws exactly those of this seed

        Returns
        -------
        LinkDraw
            To be given to :meth:`beams` and :meth:`send`, once for each method to compare
        """
        return draw_slots(self.channel, self.frame, self.csi, self._group, batch_size, seed)

    def beams(
        self, draw: LinkDraw, snr_db: Tensor | None = None, beamformer: Beamformer | None = None
    ) -> tuple[Tensor, Tensor]:
        """Beams for a draw, from what the transmitters know.

        Parameters
        ----------
        draw : LinkDraw
            Channels
        snr_db : None or scalar, float
            SNR in dB; None stands for the noise power of the channel
        beamformer : None or callable
            Instead of the link's own

        Returns
        -------
        f : [B, G, M, S, Nt], complex
            Beams of each group of subcarriers
        noise_power : [B, U], float
            Noise power of the UEs
        """
        beamformer = beamformer or self.beamformer
        if beamformer is None:
            raise ValueError("beamformer: expected one here or in the constructor, got None")
        self._check_draw(draw)
        noise_power = noise_powers(draw.state, draw.h, snr_db, self.snr_definition)
        known = repeat_state(draw.state, draw.known, noise_power)
        return design(beamformer, known, draw.known.shape[1]), noise_power

    def send(self, draw: LinkDraw, f: Tensor, noise_power: Tensor) -> tuple[Tensor, LinkSignals]:
        """Send the bits of a draw with given beams.

        Parameters
        ----------
        draw : LinkDraw
            Channels, bits and noise
        f : [B, G, M, S, Nt], complex
            Beams of each group of subcarriers
        noise_power : [B, U], float
            Noise power of the UEs

        Returns
        -------
        bits_hat : [B, U, C, k], float
            Estimates of the bits
        signals : LinkSignals
            What happened in between
        """
        frame = self.frame
        self._check_draw(draw)
        sizes = (*draw.known.shape[1:3], draw.known.shape[4])
        f = tf.convert_to_tensor(f)
        if f.shape.rank != 5 or (*f.shape[1:3], f.shape[4]) != sizes:
            raise ValueError(
                f"f: expected shape [B, {sizes[0]}, {sizes[1]}, S, {sizes[2]}], got "
                f"{tuple(f.shape)}"
            )
        groups = f.shape[1]
        every = tf.repeat(f, frame.num_subcarriers // groups, axis=1) if groups > 1 else f
        z = effective_channel(draw.h, every)
        x = self._resource_elements(draw, f.shape[3])
        # [B, T, K, U, S] x [B, T, K, S] -> [B, T, K, U] -> [B, U, T, K]
        y = tf.linalg.matvec(z, tf.transpose(x, (0, 2, 3, 1)))
        scale = tf.cast(tf.sqrt(noise_power), self.cdtype)[:, :, None, None]
        y = tf.transpose(y, (0, 3, 1, 2)) + scale * draw.noise
        x_hat, no_eff = self._receiver(y, z, noise_power)
        llr = frame.demapper(x_hat, no_eff)
        llr = tf.reshape(llr, (-1, frame.num_users, frame.num_blocks, frame.coded_bits))
        bits_hat = hard_decisions(llr) if frame.decoder is None else frame.decoder(llr)
        return bits_hat, LinkSignals(f, z, x, y, x_hat, 1.0 / no_eff, llr, noise_power)

    def _check_draw(self, draw: LinkDraw) -> None:
        """Raise a ``ValueError`` if this is not a draw of a link such as this one."""
        if not isinstance(draw, LinkDraw):
            raise ValueError(f"draw: expected a LinkDraw, got a {type(draw).__name__}")
        frame, channel = self.frame, self.channel
        grid = (frame.num_ofdm_symbols, frame.num_subcarriers)
        antennas = (channel.num_aps, channel.num_users, channel.num_tx_ant)
        groups = 1 if draw.h.shape[2] == 1 else frame.num_subcarriers // self._group
        expected = {
            "known": (groups, *antennas),
            "bits": (frame.num_users, frame.num_blocks, frame.info_bits),
            "noise": (frame.num_users, *grid),
        }
        for name, shape in expected.items():
            got = tuple(getattr(draw, name).shape[1:])
            if got != shape:
                sizes = ", ".join(str(n) for n in shape)
                raise ValueError(
                    f"draw.{name}: expected shape [B, {sizes}] as this link draws, got [B, "
                    f"{', '.join(str(n) for n in got)}]; is it another link's draw?"
                )

    def _resource_elements(self, draw: LinkDraw, num_streams: int) -> Tensor:
        """Symbols [B, S, T, K] of all streams."""
        frame = self.frame
        coded = draw.bits if frame.encoder is None else frame.encoder(draw.bits)
        total = frame.num_blocks * frame.coded_bits
        data = frame.mapper(tf.reshape(coded, (-1, frame.num_users, total)))
        sensing = num_streams - frame.num_users
        if sensing:
            shape = (2, tf.shape(data)[0] // draw.keys.shape[0], sensing, frame.num_data_symbols)
            signs = [2.0 * uniform_bits(shape, k, self.rdtype) - 1.0 for k in tf.unstack(draw.keys)]
            signs = tf.concat(signs, axis=1) * tf.cast(0.5**0.5, self.rdtype)
            data = tf.concat([data, tf.complex(signs[0], signs[1])], axis=1)
        if num_streams not in self._mappers:
            grid = frame.grid(num_streams)
            # its constants must not belong to a graph that is being traced
            with tf.init_scope():
                self._mappers[num_streams] = ResourceGridMapper(grid, precision=self.precision)
        return self._mappers[num_streams](data[:, None])[:, 0]
