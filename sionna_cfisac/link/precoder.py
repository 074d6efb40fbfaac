"""Any beamformer in the place of Sionna's own precoders."""

from typing import Any

import tensorflow as tf
from sionna.phy.block import Block
from sionna.phy.mimo import StreamManagement
from sionna.phy.ofdm import RemoveNulledSubcarriers, ResourceGrid

from sionna_cfisac.arguments import integer, numbers
from sionna_cfisac.beamforming.protocol import Beamformer
from sionna_cfisac.link.beams import design, repeat_state
from sionna_cfisac.state import ChannelState, Tensor


class CellFreePrecoder(Block):
    r"""Joint precoding by a beamformer, called like Sionna's ``RZFPrecoder``.

    Sionna's precoders know one transmitter, here of M·Nt antennas, Nt of each AP in turn; its
    streams are those of the UEs. Their total power is one per stream. Here every AP has its own
    limit, by default an equal share of the same total.

    The beams are made from the channels of the first OFDM symbol, for every subcarrier. There is no
    target to sense: its gains are zero, and streams beyond the UEs', which would only sense, are
    not sent, whatever power they have. :class:`~sionna_cfisac.link.CellFreeOFDMLink` sends them.

    Parameters
    ----------
    beamformer : callable
        ``ChannelState -> f`` [B, M, S, Nt]
    resource_grid : ResourceGrid
        With one transmitter and U streams
    stream_management : StreamManagement
        With one transmitter and U receivers of one stream each
    num_aps : int
        Number M of APs
    noise_power : float
        Noise power of the UEs, which regularises the beams, unless the call has its own
    ap_power : None or [M] floats
        Power limit of each AP; None stands for U / M
    return_effective_channel : bool
        Whether to return the effective channel too
    precision : None, "single" or "double"
        Precision; None is that of ``sionna.phy.config``

    Input
    -----
    x : [B, 1, U, T, fft_size], complex
        Resource grids of the streams
    h : [B, U, 1, 1, M * Nt, T, fft_size], complex
        Channels in Sionna's convention
    h_hat : None or as ``h``
        What the beams are made from; None for ``h``
    noise_power : None or scalar, float
        Noise power of the UEs, in place of the ``alpha`` of Sionna's precoder; None stands for that
        of the constructor

    Output
    ------
    x_precoded : [B, 1, M * Nt, T, fft_size], complex
        Transmit signal of every antenna
    h_eff : [B, U, 1, 1, U, T, num_effective_subcarriers], complex
        Only if ``return_effective_channel``

    Raises
    ------
    ValueError
        If grid, streams and channels do not fit each other, or beams have a wrong shape
    """

    def __init__(
        self,
        beamformer: Beamformer,
        resource_grid: ResourceGrid,
        stream_management: StreamManagement,
        num_aps: int,
        *,
        noise_power: float = 0.1,
        ap_power: Any = None,
        return_effective_channel: bool = False,
        precision: str | None = None,
    ) -> None:
        super().__init__(precision=precision)
        self.beamformer = beamformer
        self.num_aps = integer(num_aps, "num_aps", 1)
        users = stream_management.num_rx
        if stream_management.num_tx != 1 or stream_management.num_streams_per_tx != users:
            raise ValueError(
                f"stream_management: expected one transmitter with a stream for each of {users} "
                f"receivers, got {stream_management.num_tx} with "
                f"{stream_management.num_streams_per_tx} streams"
            )
        if (resource_grid.num_tx, resource_grid.num_streams_per_tx) != (1, users):
            raise ValueError(
                f"resource_grid: expected one transmitter with {users} streams, got "
                f"{resource_grid.num_tx} with {resource_grid.num_streams_per_tx}"
            )
        self.num_users = users
        limits = [users / num_aps] * num_aps if ap_power is None else ap_power
        self._ap_power = numbers(limits, "ap_power", (num_aps,), low=0.0)
        self._noise_power = float(numbers(noise_power, "noise_power", (), low=0.0))
        self._return_effective_channel = return_effective_channel
        self._remove_nulled = RemoveNulledSubcarriers(resource_grid, precision=precision)

    def call(
        self,
        x: Tensor,
        h: Tensor,
        h_hat: Tensor | None = None,
        noise_power: Tensor | float | None = None,
    ) -> Any:
        """Precode; see the class."""
        f = self.beams(h if h_hat is None else h_hat, noise_power)
        # [B, K, M, U, Nt] -> [B, 1, 1, K, M * Nt, U], Sionna's layout of a precoding matrix
        shape = (-1, f.shape[1], f.shape[2] * f.shape[4], self.num_users)
        g = tf.reshape(tf.transpose(f, (0, 1, 2, 4, 3)), shape)[:, None, None]
        # [B, 1, U, T, K] -> [B, 1, T, K, U, 1]
        symbols = tf.transpose(tf.cast(x, self.cdtype), (0, 1, 3, 4, 2))
        sent = tf.transpose(tf.linalg.matvec(g, symbols), (0, 1, 4, 2, 3))
        if not self._return_effective_channel:
            return sent
        # [B, U, 1, T, K, 1, M * Nt] x [B, 1, 1, 1, K, M * Nt, U]
        rows = tf.transpose(tf.cast(h, self.cdtype), (0, 1, 3, 5, 6, 2, 4))
        effective = tf.transpose(tf.matmul(rows, g[:, None]), (0, 1, 5, 2, 6, 3, 4))
        return sent, self._remove_nulled(effective)

    def beams(self, h: Tensor, noise_power: Tensor | float | None = None) -> Tensor:
        """Beams [B, K, M, U, Nt] for channels [B, U, 1, 1, M * Nt, T, K] in Sionna's convention."""
        h = tf.convert_to_tensor(h)
        if h.shape.rank != 7 or tuple(h.shape[1:4]) != (self.num_users, 1, 1):
            raise ValueError(
                f"h: expected channels [B, {self.num_users}, 1, 1, M * Nt, T, K], got shape "
                f"{tuple(h.shape)}"
            )
        if h.shape[4] % self.num_aps:
            raise ValueError(f"h: expected a multiple of {self.num_aps} antennas, got {h.shape[4]}")
        num_tx_ant = h.shape[4] // self.num_aps
        h = tf.cast(h[:, :, 0, 0, :, 0], self.cdtype)
        h = tf.reshape(h, (-1, self.num_users, self.num_aps, num_tx_ant, h.shape[3]))
        # [B, U, M, Nt, K] -> [B, K, M, U, Nt]; Sionna's coefficients are the conjugate
        h = tf.math.conj(tf.transpose(h, (0, 4, 2, 1, 3)))
        # only the ratio of power and noise counts, and networks are trained for a power of one
        total = self._ap_power.sum()
        noise = self._noise_power if noise_power is None else tf.cast(noise_power, self.rdtype)
        ones = tf.ones_like(h[:, 0, :, :1])
        state = ChannelState.from_arrays(
            h[:, 0],
            ones,
            sensing_gain=0.0,
            noise_power=noise / total,
            ap_power=self._ap_power / total,
        )
        known = repeat_state(state, h, state.noise_power)
        f = design(self.beamformer, known, h.shape[1])[:, :, :, : self.num_users]
        return f * tf.cast(total**0.5, self.cdtype)
