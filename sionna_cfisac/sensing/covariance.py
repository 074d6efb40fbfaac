r"""What a receiver knows of the paths to the target: their covariance and its matched filters.

A receiver combines its antennas towards the target. What is left of the echoes (6), over the L
symbols of a block and divided by the noise's standard deviation, is

.. math::
    \mathbf{z}_{m_r} = \mathbf{H}_{m_r} \boldsymbol{\alpha} + \mathbf{n}, \quad
    [\mathbf{H}_{m_r}]_{\ell m} = \frac{\sqrt{N_r}\, \zeta_{m_r m}}{\varsigma_{m_r}}\,
    \mathbf{a}_m^H \mathbf{x}_m[\ell]

with gains :math:`\alpha_m` and noise of unit variance, one path for each transmitting AP. Detection
depends on the waveforms only by :math:`\mathbf{A}_{m_r} = \mathbf{H}_{m_r}^H \mathbf{H}_{m_r}`.
Its diagonal holds the SNRs of the paths, the rest how much their waveforms are alike, and its
eigenvalues are those of the whitened signal covariance :math:`\mathbf{H} \mathbf{H}^H`.
"""

from typing import Any

import numpy as np
from keras import ops

from sionna_cfisac.arguments import integer
from sionna_cfisac.arrays import resize_steering
from sionna_cfisac.state import ChannelState, Tensor, check_beams, check_state


def beam_covariance(
    state: ChannelState, f: Tensor, num_symbols: int, num_rx_ant: int | None = None
) -> np.ndarray:
    r"""Covariance of the paths when beams send streams whose symbols are orthogonal.

    .. math::
        [\mathbf{A}_{m_r}]_{m m'} = \frac{L N_r}{\varsigma_{m_r}^2}\, \zeta_{m_r m} \zeta_{m_r m'}
        \sum_s (\mathbf{a}_m^H \mathbf{f}_{ms})^* \, \mathbf{a}_{m'}^H \mathbf{f}_{m's}

    That is the mean over random symbols of unit energy, and what every block has if
    :math:`\frac{1}{L} \sum_\ell x_s^*[\ell] x_{s'}[\ell]` is the identity.
    :func:`sample_covariance` is for the symbols that were sent.

    Parameters
    ----------
    state : ChannelState
        B channels with one target
    f : [B, M, S, Nt], complex
        Beams
    num_symbols : int
        Symbols L of the block, at least S: fewer cannot be orthogonal
    num_rx_ant : None or int
        Receive antennas Nr of each AP; None stands for Nt

    Returns
    -------
    [B, Mr, M, M], complex128
        Covariances

    Raises
    ------
    ValueError
        If there are several targets, fewer symbols than streams, or shapes do not fit
    """
    state = _one_target(state)
    f = check_beams(f, state)
    integer(num_symbols, "num_symbols", int(f.shape[2]))
    a = _array(state.a)[:, :, 0]
    # [B, M, Nt] x [B, M, S, Nt] -> [B, M, S]
    g = np.einsum("bmn,bmsn->bms", a.conj(), _array(f))
    return _weighted(state, num_symbols * np.matmul(g.conj(), g.swapaxes(1, 2)), num_rx_ant)


def sample_covariance(state: ChannelState, x: Tensor, num_rx_ant: int | None = None) -> np.ndarray:
    r"""Covariance of the paths for a transmit signal.

    Parameters
    ----------
    state : ChannelState
        B channels with one target
    x : [B, M, Nt, L], complex
        Transmit signal of every AP antenna, as for
        :class:`~sionna_cfisac.sensing.MultistaticChannel`
    num_rx_ant : None or int
        Receive antennas Nr of each AP; None stands for Nt

    Returns
    -------
    [B, Mr, M, M], complex128
        Covariances

    Raises
    ------
    ValueError
        If there are several targets, or shapes do not fit
    """
    state = _one_target(state)
    s = _incident(state, x)
    return _weighted(state, np.matmul(s.conj(), s.swapaxes(1, 2)), num_rx_ant)


def matched_filters(
    state: ChannelState, x: Tensor, y: Tensor, a_rx: Tensor | None = None
) -> np.ndarray:
    r"""What the filters matched to the paths give, :math:`\mathbf{H}_{m_r}^H \mathbf{z}_{m_r}`.

    Parameters
    ----------
    state : ChannelState
        B channels with one target
    x : [B, M, Nt, L], complex
        Transmit signal
    y : [B, Mr, Nr, L], complex
        Received signal
    a_rx : None or [B, Mr, 1, Nr], complex
        Steering vectors of the receivers; None takes those of the transmitters

    Returns
    -------
    [B, Mr, M], complex128
        Outputs. Without a target their covariance is that of the paths

    Raises
    ------
    ValueError
        If there are several targets, or shapes do not fit
    """
    state = _one_target(state)
    y = _array(y)
    batch, num_rx = (int(n) for n in state.sensing_gain.shape[:2])
    if y.ndim != 4 or y.shape[:2] != (batch, num_rx):
        raise ValueError(f"y: expected shape [{batch}, {num_rx}, Nr, L], got {y.shape}")
    num_rx_ant, num_symbols = y.shape[2:]
    a = _array(resize_steering(state.a, num_rx_ant) if a_rx is None else a_rx)
    if a.shape != (batch, num_rx, 1, num_rx_ant):
        raise ValueError(
            f"a_rx: expected shape [{batch}, {num_rx}, 1, {num_rx_ant}], got {a.shape}"
        )
    s = _incident(state, x)
    if s.shape[2] != num_symbols:
        raise ValueError(f"y: expected {s.shape[2]} symbols as in x, got {num_symbols}")
    # [B, Mr, Nr] x [B, Mr, Nr, L] -> [B, Mr, L]
    z = np.einsum("brn,brnl->brl", a[:, :, 0].conj(), y) / num_rx_ant**0.5
    scale = _amplitudes(state, num_rx_ant) / _noise(state)
    return scale * np.matmul(z, s.conj().swapaxes(1, 2))


def _one_target(state: ChannelState) -> ChannelState:
    state = check_state(state)
    if state.num_targets != 1:
        raise ValueError(f"state: expected one target, got {state.num_targets}")
    return state


def _incident(state: ChannelState, x: Tensor) -> np.ndarray:
    """What reaches the target from each AP, a^H x: [B, M, L]."""
    signal = _array(x)
    expected = tuple(int(n) for n in (state.h.shape[0], state.num_aps, state.num_tx_ant))
    if signal.ndim != 4 or signal.shape[:3] != expected:
        shape = ", ".join(str(n) for n in expected)
        raise ValueError(f"x: expected shape [{shape}, L], got {signal.shape}")
    return np.einsum("bmn,bmnl->bml", _array(state.a)[:, :, 0].conj(), signal)


def _noise(state: ChannelState) -> np.ndarray:
    """Standard deviations of the receivers' noise [B, Mr, 1]."""
    return np.sqrt(np.asarray(ops.convert_to_numpy(state.sensing_noise_power), float))[..., None]


def _amplitudes(state: ChannelState, num_rx_ant: int | None) -> np.ndarray:
    """Amplitudes of the paths over that of noise, for waveforms of unit power: [B, Mr, M]."""
    count = state.num_tx_ant if num_rx_ant is None else integer(num_rx_ant, "num_rx_ant", 1)
    gain = np.asarray(ops.convert_to_numpy(state.sensing_gain), float)[..., 0]
    return np.sqrt(count * gain) / _noise(state)


def _weighted(state: ChannelState, gram: np.ndarray, num_rx_ant: int | None) -> np.ndarray:
    """Covariances [B, Mr, M, M] of waveforms with the Gram matrices [B, M, M]."""
    amplitude = _amplitudes(state, num_rx_ant)
    return amplitude[..., :, None] * gram[:, None] * amplitude[..., None, :]


def _array(value: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(value), np.complex128)
