"""The UEs: channel estimation, equalisation and demapping."""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf
from sionna.phy.mimo import lmmse_equalizer
from sionna.phy.ofdm import LSChannelEstimator, OFDMEqualizer

from sionna_cfisac.arguments import one_of, raise_first
from sionna_cfisac.link.frame import Frame
from sionna_cfisac.link.rules import pilot_conflicts
from sionna_cfisac.radio import CHANNEL_ESTIMATIONS
from sionna_cfisac.state import Tensor

INTERPOLATIONS = ("nn", "lin", "lin_time_avg")
"""How estimates at the pilots become those of the whole grid, as Sionna names them."""


class Receiver:
    r"""What every UE does with its received slot.

    It knows the effective channel of every stream, after beams, perfectly or by least squares from
    the precoded pilots. Equalisation is LMMSE with unbiased output, which for one antenna is
    :math:`\hat{x} = y / z_{uu}` with the effective noise variance
    :math:`(\sum_{s \ne u} |z_{us}|^2 + \sigma_u^2) / |z_{uu}|^2`, the inverse of the SINR.

    Parameters
    ----------
    frame : Frame
        Grid, pilots and constellation
    estimation : "perfect" | "ls"
        Knowledge of the effective channel
    interpolation : "nn" | "lin" | "lin_time_avg"
        Between pilots, for "ls"

    Raises
    ------
    ValueError
        If an option does not exist, or there are no pilots to estimate from
    """

    def __init__(
        self, frame: Frame, estimation: str = "perfect", interpolation: str = "lin"
    ) -> None:
        self.frame = frame
        self.estimation = one_of(estimation, "estimation", CHANNEL_ESTIMATIONS)
        self.interpolation = one_of(interpolation, "interpolation", INTERPOLATIONS)
        raise_first(pilot_conflicts(frame.pilot_symbols, frame.num_ofdm_symbols, estimation))
        self._blocks: dict[Any, Any] = {}

    def __call__(self, y: Tensor, z: Tensor, noise_power: Tensor) -> tuple[Tensor, Tensor]:
        """Equalise a slot.

        Parameters
        ----------
        y : [B, U, T, K], complex
            Received resource elements
        z : [B, T, K, U, S], complex
            True effective channels; used for perfect knowledge only
        noise_power : [B, U], float
            Noise power

        Returns
        -------
        x_hat : [B, U, N], complex
            Estimates of the data symbols
        no_eff : [B, U, N], float
            Their variances, as far as the UE knows
        """
        num_streams = z.shape[-1]
        num_users = self.frame.num_users
        noise = noise_power[:, :, None]
        if self.estimation == "perfect":
            # [B, U, 1, 1, S, T, K]
            known = tf.transpose(z, (0, 3, 4, 1, 2))[:, :, None, None]
            shape = (*tf.unstack(tf.shape(known))[:5], *tf.unstack(tf.shape(y))[2:])
            known = tf.broadcast_to(known, shape)
            variance = tf.zeros_like(tf.abs(known))
        else:
            known, variance = self._estimator(num_streams)(y[:, :, None], noise)
            # Sionna's linear interpolation gives variances in single precision always
            variance = tf.cast(tf.broadcast_to(variance, tf.shape(known)), y.dtype.real_dtype)
        sensing = tf.square(tf.abs(known[..., num_users:, :, :])) + variance[..., num_users:, :, :]
        # the equaliser adds up the variances of all streams: each bears a share of what senses
        share = tf.reduce_sum(sensing, axis=4, keepdims=True) / num_users
        x_hat, no_eff = self._equaliser(num_streams)(
            y[:, :, None],
            known[..., :num_users, :, :],
            variance[..., :num_users, :, :] + share,
            noise,
        )
        return x_hat[:, 0], no_eff[:, 0]

    def _estimator(self, num_streams: int) -> LSChannelEstimator:
        return self._once(
            ("estimator", num_streams),
            lambda: LSChannelEstimator(
                self.frame.grid(num_streams),
                interpolation_type=self.interpolation,
                precision=self.frame.precision,
            ),
        )

    def _equaliser(self, num_streams: int) -> OFDMEqualizer:
        # LMMSEEqualizer would compute in Sionna's global precision
        lmmse = partial(lmmse_equalizer, whiten_interference=False, precision=self.frame.precision)
        return self._once(
            ("equaliser", num_streams),
            lambda: OFDMEqualizer(
                lmmse,
                self.frame.grid(self.frame.num_users, num_streams),
                self.frame.streams,
                precision=self.frame.precision,
            ),
        )

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._blocks:
            # its constants must not belong to a graph that is being traced
            with tf.init_scope():
                self._blocks[key] = make()
        return self._blocks[key]
