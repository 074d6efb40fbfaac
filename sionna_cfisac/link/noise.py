"""From an SNR to noise powers; nothing else in a link knows decibels."""

import numpy as np
import tensorflow as tf

from sionna_cfisac.arguments import number, one_of
from sionna_cfisac.radio import SNR_DEFINITIONS
from sionna_cfisac.state import ChannelState, Tensor


def noise_powers(
    state: ChannelState, h: Tensor, snr_db: Tensor | None, definition: str = "transmit"
) -> Tensor:
    r"""Noise power of every UE for an SNR.

    .. math::
        \sigma_u^2 = \frac{1}{\mathrm{SNR}} \cdot
        \begin{cases}
            \sum_m P_m & \text{transmit} \\
            \frac{1}{M} \sum_m P_m & \text{ap} \\
            \sum_m P_m \frac{1}{N_t} \overline{\|\mathbf{h}_{mu}\|^2} & \text{receive}
        \end{cases}

    ``transmit`` and ``ap`` relate transmit power and noise, as is usual with channels of unit gain.
    ``receive`` is the SNR per resource element that UE u has on average if every AP radiates its
    power evenly into all antennas without beams; the bar is the mean over the slot. It takes path
    loss, shadowing and slow fading out of the comparison.

    Parameters
    ----------
    state : ChannelState
        B channels
    h : [B, symbols, subcarriers, M, U, Nt], complex
        Channels over the slot
    snr_db : None or scalar, float
        SNR in dB; None stands for the noise power of the state
    definition : "transmit" | "ap" | "receive"
        What the SNR relates to the noise

    Returns
    -------
    [B, U], float
        Noise powers

    Raises
    ------
    ValueError
        If there is no such definition, or the SNR is not one finite number
    """
    one_of(definition, "snr_definition", SNR_DEFINITIONS)
    if snr_db is None:
        return state.noise_power
    if isinstance(snr_db, str | bool) or np.ndim(snr_db) != 0:
        raise ValueError(f"snr_db: expected one number, got {snr_db!r}")
    if not tf.is_tensor(snr_db) or tf.executing_eagerly():
        number(float(snr_db), "snr_db")
    dtype = state.noise_power.dtype
    snr = tf.pow(tf.cast(10.0, dtype), tf.cast(snr_db, dtype) / 10.0)
    power = state.ap_power
    if definition == "receive":
        # [B, M, U]
        gain = tf.reduce_mean(tf.square(tf.abs(h)), axis=(1, 2, 5))
        return tf.reduce_sum(power[:, :, None] * gain, axis=1) / snr
    total = tf.reduce_sum(power, axis=1, keepdims=True)
    if definition == "ap":
        total = total / power.shape[1]
    return tf.broadcast_to(total / snr, tf.shape(state.noise_power))
