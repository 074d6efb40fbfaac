"""Everything random of a link, drawn before any method is chosen."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from sionna.phy import config

from sionna_cfisac.channel import ImperfectCSI
from sionna_cfisac.link.beams import repeat_state, represent
from sionna_cfisac.link.channels import LinkChannel
from sionna_cfisac.link.frame import Frame
from sionna_cfisac.seeds import words
from sionna_cfisac.state import ChannelState, Tensor


class LinkDraw(NamedTuple):
    """Everything random of a batch of slots, before any method is chosen.

    Attributes
    ----------
    state : ChannelState
        Powers, noise and target of B channels
    h : [B, T, K, M, U, Nt], complex
        Channels; T and K are 1 where they do not change
    known : [B, G, M, U, Nt], complex
        What the transmitters know, one channel for each group of subcarriers
    bits : [B, U, C, k], float
        Information bits of C code blocks for each UE
    noise : [B, U, T, K], complex
        Noise of unit power
    keys : [D, 2], int
        Seeds of the symbols on streams that only sense, one for each of D draws of equal size
        whose slots these are
    """

    state: ChannelState
    h: Tensor
    known: Tensor
    bits: Tensor
    noise: Tensor
    keys: Tensor


def draw_slots(
    channel: LinkChannel,
    frame: Frame,
    csi: ImperfectCSI | None,
    group: int,
    batch_size: int,
    seed: int | None = None,
) -> LinkDraw:
    """Draw channels, what the transmitters know of them, bits and noise.

    Parameters
    ----------
    channel : LinkChannel
        Channels
    frame : Frame
        Sizes and precision
    csi : None or ImperfectCSI
        What the transmitters know; None for everything
    group : int
        Subcarriers that share their beams
    batch_size : int
        Number B of slots
    seed : None or int
        Draws exactly those of this seed

    Returns
    -------
    LinkDraw
        In the frame's precision
    """
    real, cplx = (
        (tf.float32, tf.complex64) if frame.precision == "single" else (tf.float64, tf.complex128)
    )
    drop = channel(batch_size, frame, seed)
    state = drop.state.cast(real.name)
    h = tf.cast(drop.h, cplx)
    known = represent(h[:, 0], group)
    if csi is not None:
        gain = _group_gain(tf.cast(drop.link_gain, real), h[:, 0], known)
        every = repeat_state(state, known, state.noise_power)
        known = tf.reshape(csi(every, link_gain=gain, seed=seed).h, (-1, *known.shape[1:]))
    bits, noise, key = _bits_and_noise(
        _key(seed),
        (batch_size, frame.num_users, frame.num_blocks, frame.info_bits),
        (batch_size, frame.num_users, frame.num_ofdm_symbols, frame.num_subcarriers),
        real,
    )
    return LinkDraw(state, h, known, bits, noise, key[None])


# operation by operation, the scrambling of keys alone would take longer than the channels
@tf.function(autograph=False)
def _bits_and_noise(
    key: Tensor, bits: tuple[int, ...], noise: tuple[int, ...], dtype: tf.DType
) -> tuple[Tensor, Tensor, Tensor]:
    """Bits and noise of these shapes, and the key of the symbols that only sense."""
    keys = tf.random.split(key, 3)
    parts = tf.random.stateless_normal((2, *noise), keys[1], 0.0, 0.5**0.5, dtype, alg="philox")
    return uniform_bits(bits, keys[0], dtype), tf.complex(parts[0], parts[1]), keys[2]


def _group_gain(link_gain: Tensor, h: Tensor, known: Tensor) -> Tensor:
    """Gains [B * G, M, U] of what represents groups of subcarriers.

    ``link_gain`` is [B, M, U], ``h`` [B, K, M, U, Nt] and ``known`` [B, G, M, U, Nt]. A
    representative has less power than the channels of its group, and so must its error have.
    """
    groups, num_users = known.shape[1], known.shape[3]
    power = tf.reduce_sum(tf.square(tf.abs(h)), axis=(2, 4))
    mean = tf.reduce_mean(tf.reshape(power, (-1, groups, h.shape[1] // groups, num_users)), axis=2)
    share = tf.reduce_sum(tf.square(tf.abs(known)), axis=(2, 4)) / mean
    # [B, 1, M, U] x [B, G, 1, U]
    gain = link_gain[:, None] * share[:, :, None]
    return tf.reshape(gain, (-1, *gain.shape[2:]))


def uniform_bits(shape: tuple, key: Tensor, dtype: tf.DType) -> Tensor:
    """Bits of a key, as numbers 0 and 1."""
    # eager mode and XLA agree on the numbers of an algorithm that is named
    bits = tf.random.stateless_uniform(shape, key, 0, 2, dtype=tf.int32, alg="philox")
    return tf.cast(bits, dtype)


def _key(seed: int | None) -> Tensor:
    if seed is None:
        return config.tf_rng.uniform([2], tf.int32.min, tf.int32.max, dtype=tf.int32)
    return tf.constant(np.array(words(seed, "link", number=2), np.uint32).astype(np.int32))
