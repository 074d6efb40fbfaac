"""What the tests of the link share."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from sionna_cfisac import ChannelState
from sionna_cfisac.channel import CellFreeChannel


class ConstantChannel(CellFreeChannel):
    """The same unit gain on the first antenna of every link: AWGN."""

    def draw(self, batch_size: int, seeds: Iterator[Any]) -> ChannelState:
        state = super().draw(batch_size, seeds)
        h = np.zeros(state.h.shape, state.h.dtype.as_numpy_dtype)
        h[..., 0] = 1.0
        return state._replace(h=tf.constant(h))


class FirstAntenna:
    """All power of every AP on its first antenna, to the first UE."""

    def __call__(self, state: ChannelState) -> tf.Tensor:
        f = np.zeros((*state.h.shape[:2], 1, state.num_tx_ant), state.h.dtype.as_numpy_dtype)
        f[..., 0] = 1.0
        return f * tf.cast(tf.sqrt(state.ap_power), f.dtype)[:, :, None, None]


def bit_error_rate(bits: tf.Tensor, bits_hat: tf.Tensor) -> tuple[float, float]:
    """Mean and standard error over the slots, the first axis."""
    wrong = np.asarray(bits != bits_hat, float).reshape(len(bits), -1).mean(axis=1)
    return float(wrong.mean()), float(wrong.std(ddof=1) / np.sqrt(len(wrong)))
