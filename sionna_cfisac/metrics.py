r"""Rates, sensing SNR and utility of given beams: equations (3), (4), (7) and (8) of the paper.

Everything is real arithmetic in ``keras.ops``, complex only at the edges, because training
differentiates the same code on every backend.
"""

import math

from keras import ops

from sionna_cfisac.state import ChannelState, Tensor, as_real, check_beams, check_state, real_dtype

_LN2 = math.log(2.0)


def effective_channel(state: ChannelState, f: Tensor) -> tuple[Tensor, Tensor]:
    r"""Gain of every stream at every UE, :math:`z_{us} = \sum_m h_{mu}^H f_{ms}`.

    Parameters
    ----------
    state : ChannelState
        Channels
    f : [B, M, S, Nt], complex
        Beams

    Returns
    -------
    real, imag : [B, U, S], float
        Real and imaginary part of the gains
    """
    state = check_state(state, values=False)
    f = check_beams(f, state)
    _, num_aps, num_users, num_tx_ant = state.h.shape
    # [B, M, U, Nt] -> [B, U, M * Nt]; the stacked vectors of the paper
    h = ops.reshape(ops.transpose(state.h, (0, 2, 1, 3)), (-1, num_users, num_aps * num_tx_ant))
    f = ops.reshape(ops.transpose(f, (0, 2, 1, 3)), (-1, f.shape[2], num_aps * num_tx_ant))
    return _inner_products(h, f)


def sinr(state: ChannelState, f: Tensor) -> Tensor:
    r"""Signal to interference and noise ratio of every UE, equation (4).

    .. math::
        \mathrm{SINR}_u = \frac{|z_{uu}|^2}{\sum_{s \ne u} |z_{us}|^2 + \sigma_u^2}

    Parameters
    ----------
    state : ChannelState
        Channels
    f : [B, M, S, Nt], complex
        Beams; stream u < U serves UE u, the others sense and only interfere

    Returns
    -------
    [B, U], float
        SINR, linear

    Raises
    ------
    ValueError
        If the shape of ``f`` does not fit the state
    """
    state = check_state(state, values=False)
    real, imag = effective_channel(state, f)
    power = ops.square(real) + ops.square(imag)
    # [U, S] mask of the wanted stream; a subtraction would cancel at high SINR
    wanted = ops.eye(power.shape[1], power.shape[2], dtype=power.dtype)
    signal = ops.sum(power * wanted, axis=-1)
    return signal / (ops.sum(power * (1.0 - wanted), axis=-1) + state.noise_power)


def user_rates(state: ChannelState, f: Tensor) -> Tensor:
    r"""Rate of every UE, :math:`\log_2(1 + \mathrm{SINR}_u)`, equation (3).

    Parameters and errors as :func:`sinr`. Returns [B, U], float, in bit/s/Hz.
    """
    return ops.log1p(sinr(state, f)) / _LN2


def sum_rate(state: ChannelState, f: Tensor) -> Tensor:
    """Sum of the UEs' rates. Parameters and errors as :func:`sinr`; [B], float, in bit/s/Hz."""
    return ops.sum(user_rates(state, f), axis=-1)


def illumination(state: ChannelState, f: Tensor) -> Tensor:
    r"""Power that AP m radiates towards target t, :math:`\sum_s |a_{mt}^H f_{ms}|^2`.

    Parameters and errors as :func:`sinr`. Returns [B, M, T], float.
    """
    state = check_state(state, values=False)
    # [B, M, T, S]
    real, imag = _inner_products(state.a, check_beams(f, state))
    return ops.sum(ops.square(real) + ops.square(imag), axis=-1)


def target_gain(state: ChannelState) -> Tensor:
    r"""Sensing SNR per unit of power radiated to target t by AP m.

    .. math:: g_{mt} = \sum_{m_r} \zeta^2_{m_r m t} \Big/ \sum_{m_r} \varsigma^2_{m_r}

    Returns [B, M, T], float.
    """
    state = check_state(state, values=False)
    noise = ops.sum(state.sensing_noise_power, axis=-1)
    return ops.sum(state.sensing_gain, axis=1) / noise[:, None, None]


def sensing_snr(state: ChannelState, f: Tensor) -> Tensor:
    r"""Joint sensing SNR of every target over all receivers, equation (7).

    .. math::
        \mathrm{SNR}_t = \frac{\sum_{m_r} \sum_m \zeta^2_{m_r m t} \sum_s |a_{mt}^H f_{ms}|^2}
        {\sum_{m_r} \varsigma^2_{m_r}}

    Every stream lights up the target, those that serve UEs too.

    Parameters
    ----------
    state : ChannelState
        Channels
    f : [B, M, S, Nt], complex
        Beams

    Returns
    -------
    [B, T], float
        SNR, linear

    Raises
    ------
    ValueError
        If the shape of ``f`` does not fit the state
    """
    return ops.sum(target_gain(state) * illumination(state, f), axis=1)


def max_sensing_snr(state: ChannelState) -> Tensor:
    r"""Sensing SNR of every target if all power went to it, :math:`\sum_m g_{mt} N_t P_m`.

    The limit that conjugate sensing beams reach with one target. Returns [B, T], float, linear.
    """
    state = check_state(state, values=False)
    norm = ops.sum(ops.square(ops.real(state.a)) + ops.square(ops.imag(state.a)), axis=-1)
    return ops.sum(target_gain(state) * norm * state.ap_power[:, :, None], axis=1)


def utility(state: ChannelState, f: Tensor, sensing_weight: float | Tensor) -> Tensor:
    r"""Objective (8a), :math:`\sum_u R_u + \beta \sum_t \log_2(1 + \mathrm{SNR}_t)`.

    Parameters
    ----------
    state : ChannelState
        Channels
    f : [B, M, S, Nt], complex
        Beams
    sensing_weight : float or [B], float
        Weight β of sensing

    Returns
    -------
    [B], float
        Utility in bit/s/Hz

    Raises
    ------
    ValueError
        If the shape of ``f`` does not fit the state
    """
    state = check_state(state, values=False)
    sensing = ops.sum(ops.log1p(sensing_snr(state, f)), axis=-1) / _LN2
    weight = as_real(sensing_weight, real_dtype(state.h))
    return sum_rate(state, f) + weight * sensing


def ap_power(f: Tensor) -> Tensor:
    r"""Transmit power of every AP, :math:`\sum_s \|f_{ms}\|^2`, the left side of (8b).

    Parameters
    ----------
    f : [B, M, S, Nt], complex
        Beams

    Returns
    -------
    [B, M], float
        Power
    """
    f = ops.convert_to_tensor(f)
    return ops.sum(ops.square(ops.real(f)) + ops.square(ops.imag(f)), axis=(-2, -1))


def _inner_products(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of x_i^H y_s for x [..., I, N] and y [..., S, N]: [..., I, S]."""
    xr, xi = ops.real(x), ops.imag(x)
    yr, yi = ops.swapaxes(ops.real(y), -1, -2), ops.swapaxes(ops.imag(y), -1, -2)
    return (
        ops.matmul(xr, yr) + ops.matmul(xi, yi),
        ops.matmul(xr, yi) - ops.matmul(xi, yr),
    )
