"""Sionna's own channel models between many APs and UEs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from sionna.phy import config
from sionna.phy.channel import cir_to_ofdm_channel, subcarrier_frequencies

from sionna_cfisac.arguments import flag
from sionna_cfisac.channel import ChannelLayer
from sionna_cfisac.link.channels import Drop
from sionna_cfisac.link.convention import from_sionna
from sionna_cfisac.link.frame import Frame
from sionna_cfisac.seeds import words
from sionna_cfisac.state import Tensor

ImpulseResponses = Callable[[int, int, float], tuple[Tensor, Tensor]]
"""A Sionna channel model: (batch size, time steps, sampling frequency) -> gains, delays."""


class SionnaChannel:
    r"""Any Sionna channel model as the channel of a link.

    The model's M transmitters are the APs, with Nt antennas each, and its U receivers the UEs. A
    model of a single link, such as TDL and CDL, is drawn anew for every pair of AP and UE. Path
    loss stays in: nothing is normalised.

    Parameters
    ----------
    model : callable
        A ``sionna.phy.channel.ChannelModel`` in the direction downlink, or any callable
        ``(batch_size, num_time_steps, sampling_frequency) -> (a, tau)`` with path gains ``a``
        [B, U, 1, M, Nt, paths, time steps] and delays ``tau`` [B, U, M, paths] in seconds
    geometry : ChannelLayer
        Sizes, powers, noise and the target; its channels to the UEs are replaced
    large_scale : bool
        Whether to scale each link by the geometry's path loss and shadowing, for models that have
        none
    time_varying : bool
        Whether to sample the model at every OFDM symbol; otherwise once a slot

    Input
    -----
    batch_size : int
        Number B of channels
    frame : Frame
        Subcarriers and OFDM symbols
    seed : None or int
        Draws the channels of this seed, and leaves Sionna's generator as it was

    Output
    ------
    Drop
        With K subcarriers. The gain of a link, if it is not the geometry's, is its mean power over
        antennas, symbols and subcarriers

    Raises
    ------
    ValueError
        If the model has another number of transmitters, receivers or antennas
    """

    def __init__(
        self,
        model: ImpulseResponses,
        geometry: ChannelLayer,
        *,
        large_scale: bool = False,
        time_varying: bool = False,
    ) -> None:
        if not callable(model):
            raise ValueError(f"model: expected a channel model, got {type(model).__name__}")
        if not isinstance(geometry, ChannelLayer):
            raise ValueError(f"geometry: expected a channel layer, got {type(geometry).__name__}")
        self.model = model
        self.geometry = geometry
        self.large_scale = flag(large_scale, "large_scale")
        self.time_varying = flag(time_varying, "time_varying")
        self.num_aps: int = geometry.num_aps
        self.num_users: int = geometry.num_users
        self.num_tx_ant: int = geometry.num_tx_ant

    def __call__(self, batch_size: int, frame: Frame, seed: int | None = None) -> Drop:
        """Draw the channels of a slot; see the class."""
        state, link_gain = self.geometry.with_link_gain(batch_size, seed=seed)
        with seeded(seed):
            h = self._responses(batch_size, frame)
        h = tf.cast(h, state.h.dtype)
        if self.large_scale:
            h = h * tf.cast(tf.sqrt(link_gain), h.dtype)[:, None, None, :, :, None]
        else:
            link_gain = local_mean(h)
        return Drop(state, h, link_gain)

    def _responses(self, batch_size: int, frame: Frame) -> Tensor:
        """Frequency responses [B, T, K, M, U, Nt]."""
        steps = frame.num_ofdm_symbols if self.time_varying else 1
        single, draws = self._layout(batch_size)
        a, tau = self.model(draws, steps, frame.symbol_rate)
        h = frequency_responses(a, tau, frame)
        self._check(h, single)
        h = from_sionna(h)
        if not single:
            return h
        # [B * M * U, T, K, 1, 1, Nt] -> [B, M, U, T, K, Nt] -> [B, T, K, M, U, Nt]
        shape = (-1, self.num_aps, self.num_users, *h.shape[1:3], self.num_tx_ant)
        return tf.transpose(tf.reshape(h, shape), (0, 3, 4, 1, 2, 5))

    def _layout(self, batch_size: int) -> tuple[bool, int]:
        """Whether the model is of a single link, and how often it must be drawn."""
        links = self.num_aps * self.num_users
        single = links > 1 and is_single_link(self.model)
        return single, batch_size * links if single else batch_size

    def _check(self, h: Tensor, single: bool) -> None:
        """Refuse responses [B, receivers, antennas, transmitters, antennas, ...] of wrong size."""
        users, aps = (1, 1) if single else (self.num_users, self.num_aps)
        got = tuple(h.shape[1:5])
        if got != (users, 1, aps, self.num_tx_ant):
            raise ValueError(
                f"model: expected {users} receivers with 1 antenna and {aps} transmitters with "
                f"{self.num_tx_ant} antennas, got {got[0]} with {got[1]} and {got[2]} "
                f"with {got[3]}"
            )


def frequency_responses(a: Tensor, tau: Tensor, frame: Frame) -> Tensor:
    """Sionna's frequency responses [B, U, 1, M, Nt, T, K] of path gains and delays."""
    a, tau = tf.convert_to_tensor(a), tf.convert_to_tensor(tau)
    frequencies = subcarrier_frequencies(
        frame.num_subcarriers,
        frame.subcarrier_spacing,
        precision="double" if a.dtype == tf.complex128 else "single",
    )
    return cir_to_ofdm_channel(frequencies, a, tf.cast(tau, a.dtype.real_dtype), normalize=False)


def local_mean(h: Tensor) -> Tensor:
    """Power [B, M, U] of links over antennas, symbols and subcarriers of h [B, T, K, M, U, Nt]."""
    return tf.reduce_mean(tf.square(tf.abs(h)), axis=(1, 2, 5))


def is_single_link(model: Any) -> bool:
    """Whether a model stands for one transmitter and one receiver, by its class."""
    from sionna.phy.channel.tr38901 import CDL, TDL

    return isinstance(model, TDL | CDL)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Within, Sionna's generator draws the numbers of a seed; afterwards it goes on as before."""
    if seed is None:
        yield
        return
    generator = config.tf_rng
    before = tf.identity(generator.state)
    generator.reset_from_seed(words(seed, "sionna_channel")[0])
    try:
        yield
    finally:
        generator.reset(before)
