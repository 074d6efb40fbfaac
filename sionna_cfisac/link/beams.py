"""Joint precoding by any beamformer: one set of beams for every group of subcarriers."""

import tensorflow as tf

from sionna_cfisac.beamforming.protocol import Beamformer
from sionna_cfisac.feasible import check_feasible
from sionna_cfisac.state import ChannelState, Tensor, check_beams, check_rank


def represent(h: Tensor, size: int) -> Tensor:
    r"""One channel for each group of subcarriers: the best approximation of rank one.

    Beams depend on a UE's channel up to its phase. So the channels
    :math:`\mathbf{h}_{u,1} \dots \mathbf{h}_{u,K}` of a group, each stacked over the APs, are
    represented by :math:`\lambda_1^{1/2} \mathbf{v}_1`, the largest eigenvalue and its eigenvector
    of :math:`\frac{1}{K} \sum_k \mathbf{h}_{u,k} \mathbf{h}_{u,k}^H`. Unlike the mean it does not
    vanish when the phases turn within the group.

    Parameters
    ----------
    h : [B, K, M, U, Nt], complex
        Channels of the subcarriers; K = 1 is returned as it is
    size : int
        Subcarriers in a group

    Returns
    -------
    [B, G, M, U, Nt], complex
        Channels of the groups, with the phase of the first subcarrier
    """
    _, num_subcarriers, num_aps, num_users, num_tx_ant = h.shape
    if num_subcarriers == 1 or size == 1:
        return h
    # [B, G, K/G, M, U, Nt] -> [B, G, U, K/G, M, Nt] -> [B, G, U, K/G, M * Nt]
    rows = tf.reshape(h, (-1, num_subcarriers // size, size, num_aps, num_users, num_tx_ant))
    rows = tf.transpose(rows, (0, 1, 4, 2, 3, 5))
    rows = tf.reshape(rows, (-1, num_subcarriers // size, num_users, size, num_aps * num_tx_ant))
    # the smaller of the two Gram matrices has the same eigenvalues
    _, vectors = tf.linalg.eigh(tf.matmul(rows, rows, adjoint_b=True))
    principal = tf.matmul(vectors[..., -1:], rows, adjoint_a=True)[..., 0, :]
    principal = principal / tf.cast(size**0.5, h.dtype)
    first = tf.reduce_sum(tf.math.conj(principal) * rows[..., 0, :], axis=-1, keepdims=True)
    principal = principal * _phase(first)
    principal = tf.reshape(principal, (-1, num_subcarriers // size, num_users, num_aps, num_tx_ant))
    return tf.transpose(principal, (0, 1, 3, 2, 4))


def repeat_state(state: ChannelState, h: Tensor, noise_power: Tensor) -> ChannelState:
    """The state of every group of subcarriers, as one batch.

    Parameters
    ----------
    state : ChannelState
        B channels
    h : [B, G, M, U, Nt], complex
        Channels of the groups
    noise_power : [B, U], float
        Noise power of the UEs

    Returns
    -------
    ChannelState
        B * G channels, the groups of a channel next to each other
    """
    groups = h.shape[1]
    state = state._replace(noise_power=noise_power)
    if groups > 1:
        state = state.map(lambda value: tf.repeat(value, groups, axis=0))
    return state._replace(h=tf.reshape(h, (-1, *h.shape[2:])))


def design(beamformer: Beamformer, state: ChannelState, groups: int) -> Tensor:
    """Beams of a beamformer for every group of subcarriers.

    The phase of a stream is free. It is chosen such that the gain at the stream's UE is real and
    positive according to the state that the beams are made from, so that the effective channel is
    as smooth over the subcarriers as the beams are and pilots can be interpolated.

    Parameters
    ----------
    beamformer : callable
        ``ChannelState -> f`` [B, M, S, Nt]
    state : ChannelState
        What the transmitters know, B * groups channels
    groups : int
        Groups of subcarriers of a channel

    Returns
    -------
    [B, groups, M, S, Nt], complex
        Beams

    Raises
    ------
    ValueError
        If the beamformer gives something else or, outside a traced graph, exceeds a power limit
    """
    f = check_beams(beamformer(state), state)
    check_feasible(state, f)
    _, num_aps, num_streams, num_tx_ant = f.shape
    num_users = state.num_users
    gain = tf.einsum("bmun,bmun->bu", tf.math.conj(state.h), f[:, :, :num_users])
    turn = tf.math.conj(_phase(gain))
    turn = tf.concat([turn, tf.ones_like(f[:, 0, num_users:, 0])], axis=1)
    f = f * turn[:, None, :, None]
    return tf.reshape(f, (-1, groups, num_aps, num_streams, num_tx_ant))


def effective_channel(h: Tensor, f: Tensor) -> Tensor:
    r"""Gain of every stream at every UE, :math:`\sum_m h_{mu}^H f_{ms}`, over the slot.

    Parameters
    ----------
    h : [B, T, K, M, U, Nt], complex
        Channels; T and K are 1 where they do not change
    f : [B, K, M, S, Nt], complex
        Beams; K may be 1 too

    Returns
    -------
    [B, T, K, U, S], complex
        Effective channels
    """
    _, symbols, subcarriers, num_aps, num_users, num_tx_ant = h.shape
    antennas = num_aps * num_tx_ant
    h = tf.reshape(
        tf.transpose(h, (0, 1, 2, 4, 3, 5)), (-1, symbols, subcarriers, num_users, antennas)
    )
    f = tf.reshape(tf.transpose(f, (0, 1, 3, 2, 4)), (-1, 1, f.shape[1], f.shape[3], antennas))
    return tf.matmul(tf.math.conj(h), f, transpose_b=True)


def antenna_samples(f: Tensor, x: Tensor) -> Tensor:
    r"""What every antenna sends, :math:`\mathbf{x}_m = \sum_s \mathbf{f}_{ms} x_s`, equation (1).

    Parameters
    ----------
    f : [B, G, M, S, Nt], complex
        Beams of groups of subcarriers
    x : [B, S, T, K], complex
        Resource elements of the streams, K a multiple of G

    Returns
    -------
    [B, M, Nt, T, K], complex
        Transmit signal of every antenna, in the frequency domain

    Raises
    ------
    ValueError
        If shapes do not fit
    """
    f, x = tf.convert_to_tensor(f), tf.convert_to_tensor(x)
    check_rank(f, "f", "[B, G, M, S, Nt]")
    check_rank(x, "x", "[B, S, T, K]")
    groups, subcarriers = f.shape[1], x.shape[3]
    if x.shape[1] != f.shape[3] or subcarriers % groups:
        raise ValueError(
            f"x: expected {f.shape[3]} streams and a multiple of {groups} subcarriers, as f has, "
            f"got shape {tuple(x.shape)}"
        )
    x = tf.reshape(x, (-1, *x.shape[1:3], groups, subcarriers // groups))
    samples = tf.einsum("bgmsn,bstgk->bmntgk", f, x)
    return tf.reshape(samples, (-1, f.shape[2], f.shape[4], x.shape[2], subcarriers))


def join_groups(f: Tensor) -> Tensor:
    """Beams of G groups of subcarriers as G times the streams, each with its share of the power.

    So is the target lit up by all groups together: beams [B, G, M, S, Nt] become [B, M, G * S, Nt].
    """
    _, groups, num_aps, _, num_tx_ant = f.shape
    if groups == 1:
        return f[:, 0]
    f = tf.transpose(f, (0, 2, 1, 3, 4)) / tf.cast(groups**0.5, f.dtype)
    return tf.reshape(f, (-1, num_aps, groups * f.shape[3], num_tx_ant))


def _phase(x: Tensor) -> Tensor:
    """x / |x|, and 1 where x is zero."""
    size = tf.abs(x)
    zero = size == 0
    safe = tf.where(zero, tf.ones_like(size), size)
    # not by a cast, whose gradient warns
    unit = tf.complex(tf.math.real(x) / safe, tf.math.imag(x) / safe)
    return tf.where(zero, tf.ones_like(x), unit)
