"""The one place where channels change between Sionna's convention and the paper's.

Sionna writes :math:`y = \\mathbf{H} \\mathbf{x}` and the paper
:math:`y = \\mathbf{h}^H \\mathbf{x}`, so the two are conjugate, apart from the order of the axes.
"""

import tensorflow as tf

from sionna_cfisac.state import Tensor


def from_sionna(h_freq: Tensor) -> Tensor:
    """Channels of the paper's convention.

    Parameters
    ----------
    h_freq : [B, U, 1, M, Nt, T, K], complex
        Sionna's frequency responses: receiver, receive antenna, transmitter, transmit antenna,
        OFDM symbol, subcarrier

    Returns
    -------
    [B, T, K, M, U, Nt], complex
        h

    Raises
    ------
    ValueError
        If the receivers have more than one antenna
    """
    if h_freq.shape[2] != 1:
        raise ValueError(
            f"h_freq: expected receivers with one antenna, got shape {tuple(h_freq.shape)}"
        )
    return tf.math.conj(tf.transpose(h_freq[:, :, 0], (0, 4, 5, 2, 1, 3)))


def to_sionna(h: Tensor) -> Tensor:
    """Sionna's frequency responses [B, U, 1, M, Nt, T, K] of channels h [B, T, K, M, U, Nt]."""
    return tf.math.conj(tf.transpose(h, (0, 4, 3, 5, 1, 2)))[:, :, None]
