"""Channels from given impulse responses: ray-traced with ``sionna.rt``, or measured."""

from typing import Any

import numpy as np
import tensorflow as tf
from sionna.phy import config

from sionna_cfisac.arguments import integer
from sionna_cfisac.state import Tensor


class ImpulseResponsePool:
    r"""A channel model that draws the UEs of every slot from a pool of receiver positions.

    To be given to :class:`~sionna_cfisac.link.SionnaChannel`. With ``sionna.rt``, place the APs as
    transmitters and many receivers in a scene, and

    >>> a, tau = paths.cir(sampling_frequency=30e3, normalize_delays=False, out_type="numpy")
    >>> model = ImpulseResponsePool(a, tau, num_users=2)

    Parameters
    ----------
    a : [R, 1, M, Nt, paths, 1], complex
        Path gains from M transmitters with Nt antennas to R receivers with one
    tau : [R, M, paths], float
        Delays in seconds; the paths of an AP and those of the others must have the same origin of
        time, or joint transmission means nothing. Negative delays mark paths that do not exist
    num_users : int
        Number U of UEs, which are at different positions

    Input
    -----
    batch_size : int
        Number B of draws
    num_time_steps : int
        The channels of the pool do not change: they are repeated
    sampling_frequency : float
        Not used

    Output
    ------
    a : [B, U, 1, M, Nt, paths, time steps], complex
        Path gains
    tau : [B, U, M, paths], float
        Delays in seconds

    Raises
    ------
    ValueError
        If shapes do not fit, or there are fewer receivers than UEs
    """

    def __init__(self, a: Any, tau: Any, num_users: int) -> None:
        a, tau = np.asarray(a), np.asarray(tau)
        if a.ndim != 6 or a.shape[1] != 1 or a.shape[5] != 1 or not np.iscomplexobj(a):
            raise ValueError(
                f"a: expected complex path gains [R, 1, M, Nt, paths, 1], got {a.dtype} {a.shape}"
            )
        if tau.shape != (a.shape[0], a.shape[2], a.shape[4]):
            raise ValueError(
                f"tau: expected shape {(a.shape[0], a.shape[2], a.shape[4])}, got {tau.shape}"
            )
        self.num_users = integer(num_users, "num_users", 1)
        if num_users > len(a):
            raise ValueError(f"num_users: expected at most {len(a)} receivers, got {num_users}")
        exists = tau >= 0
        a = np.where(exists[:, None, :, None, :, None], a, 0)
        self._a = tf.constant(a.astype(np.complex128))
        self._tau = tf.constant(np.where(exists, tau, 0.0).astype(np.float64))

    def __call__(
        self, batch_size: int, num_time_steps: int, sampling_frequency: float
    ) -> tuple[Tensor, Tensor]:
        """Draw path gains and delays; see the class."""
        order = tf.argsort(config.tf_rng.uniform([batch_size, len(self._tau)]), axis=1)
        chosen = order[:, : self.num_users]
        a = tf.gather(self._a, chosen)
        return tf.repeat(a, num_time_steps, axis=-1), tf.gather(self._tau, chosen)
