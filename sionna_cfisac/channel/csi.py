"""What the transmitters know of the channels."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from sionna_cfisac.arguments import flag, number, raise_first
from sionna_cfisac.backend import to_complex
from sionna_cfisac.channel import draws
from sionna_cfisac.channel.base import check_seed
from sionna_cfisac.channel.rules import csi_conflicts
from sionna_cfisac.seeds import words
from sionna_cfisac.state import (
    ChannelState,
    Tensor,
    as_real,
    check_state,
    concrete,
    real_dtype,
)

_SPEED_OF_LIGHT = 299_792_458.0
# a few deep fades must not be taken for a wrong gain
_GAIN_SLACK = 100.0


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class ImperfectCSI(keras.layers.Layer):
    r"""Channel estimates of the transmitters, by error variance, pilots and delay.

    The estimate is that of least mean squared error,
    :math:`\mathbf{h} = \hat{\mathbf{h}} + \mathbf{e}`, where the error is uncorrelated with it and
    has the variance :math:`\varepsilon^2 g`, with :math:`g` the mean of |h|² of the link. Given the
    true channel, it is

    .. math::
        \hat{\mathbf{h}} = (1 - \varepsilon^2)\, \mathbf{h}
        + \sqrt{\varepsilon^2 (1 - \varepsilon^2)\, g}\; \mathbf{w}, \quad
        \mathbf{w} \sim \mathcal{CN}(0, \mathbf{I})

    ε² is given, or follows from pilots that are received with the SNR ρ on a link of unit gain, and
    grows with the correlation c between the channels when the pilots were sent and when the beams
    are used,

    .. math::
        \varepsilon_0^2 = \frac{1}{1 + \rho g}, \qquad
        \varepsilon^2 = 1 - c^2 (1 - \varepsilon_0^2)

    Channels with a direct path are treated as Gaussian ones of the same power. Everything but ``h``
    is known.

    What an AP at full power sends over the unknown part of its channels,
    :math:`\sum_m \varepsilon_{mu}^2 g_{mu} P_m` for UE u, acts like noise, whatever the beams are.
    With ``allow_for_error`` it is part of the noise power that the transmitters are told, so that
    any beamformer allows for the error.

    Parameters
    ----------
    error_variance : None or float
        ε₀², from 0 to below 1, relative to the gain of the link; None stands for 0
    pilot_snr_db : None or float
        ρ in dB, instead of ``error_variance``
    correlation : float
        c, above 0 and at most 1; see :func:`jakes_correlation`
    allow_for_error : bool
        Whether the noise power that comes out contains the interference from the errors
    seed : None or int
        Seed of the layer's own generator, which moves on with every call
    dtype : None, "float32" or "float64"
        Not used: the estimate has the precision of the channels

    Input
    -----
    state : ChannelState
        True channels
    link_gain : None or [B, M, U], float
        Gain g of every link, from
        :meth:`~sionna_cfisac.channel.ChannelLayer.with_link_gain`; None stands for 1. Gains that
        are far from what the channels have are refused
    seed : None or int
        Draws exactly the errors of this seed and leaves the layer's generator alone

    Output
    ------
    ChannelState
        With the estimate in place of ``h``, and the noise power told to the transmitters

    Raises
    ------
    ValueError
        If an argument is out of range, both kinds of error are given, or a shape does not fit

    Examples
    --------
    >>> state = CellFreeChannel()(64)
    >>> f = RZFBeamformer()(ImperfectCSI(error_variance=0.1)(state))
    >>> rate = metrics.sum_rate(state, f)  # the beams of the estimate on the true channel
    """

    def __init__(
        self,
        error_variance: float | None = None,
        *,
        pilot_snr_db: float | None = None,
        correlation: float = 1.0,
        allow_for_error: bool = False,
        seed: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        # Keras' own casting leaves complex tensors as they are and would round the real ones
        super().__init__(dtype=dtype, name=name, autocast=False)
        raise_first(csi_conflicts(error_variance, pilot_snr_db))
        if error_variance is not None:
            number(error_variance, "error_variance", 0.0, 1.0)
        if error_variance == 1:
            raise ValueError("error_variance: expected less than 1, got 1: nothing would be known")
        if pilot_snr_db is not None:
            number(pilot_snr_db, "pilot_snr_db")
        self.error_variance = error_variance
        self.pilot_snr_db = pilot_snr_db
        self.correlation = number(correlation, "correlation", 0.0, 1.0)
        if correlation == 0:
            raise ValueError("correlation: expected more than 0, got 0: nothing would be known")
        self.allow_for_error = flag(allow_for_error, "allow_for_error")
        self.seed = None if seed is None else check_seed(seed)
        self._generator = keras.random.SeedGenerator(None if seed is None else _word(seed))

    def __call__(
        self, state: ChannelState, link_gain: Tensor | None = None, seed: int | None = None
    ) -> ChannelState:
        """What the transmitters know; see the class."""
        # Keras allows only tensors as positional arguments of a layer
        return super().__call__(state, link_gain=link_gain, seed=seed)

    def call(
        self, state: ChannelState, link_gain: Tensor | None = None, seed: int | None = None
    ) -> ChannelState:
        """What the transmitters know; see the class."""
        state = check_state(state)
        dtype = real_dtype(state.h)
        gain = ops.ones(ops.shape(state.h)[:3], dtype=dtype)
        if link_gain is not None:
            gain = as_real(link_gain, dtype)
            expected = (state.num_aps, state.num_users)
            if len(gain.shape) != 3 or tuple(gain.shape[1:]) != expected:
                raise ValueError(
                    f"link_gain: expected shape [B, {expected[0]}, {expected[1]}], "
                    f"got {tuple(gain.shape)}"
                )
        _check_gain(gain, state)
        known = self.known_share(gain)
        generator = self._generator if seed is None else _word(check_seed(seed))
        w = draws.complex_normal(tuple(ops.shape(state.h)), generator, dtype)
        keep = known[..., None]
        spread = ops.sqrt(known * (1.0 - known) * gain)[..., None]
        noise = state.noise_power
        if self.allow_for_error:
            noise = noise + ops.sum(self.error_power(gain) * state.ap_power[..., None], axis=1)
        return state._replace(
            h=to_complex(
                keep * ops.real(state.h) + spread * ops.real(w),
                keep * ops.imag(state.h) + spread * ops.imag(w),
            ),
            noise_power=noise,
        )

    def known_share(self, link_gain: Tensor) -> Tensor:
        """1 - ε² of links with these gains [B, M, U]: [B, M, U], float."""
        if self.pilot_snr_db is None:
            first = (1.0 - (self.error_variance or 0.0)) * ops.ones_like(link_gain)
        else:
            # not as 1 - ε²: on links of -100 dB nothing would be left in single precision
            received = 10.0 ** (self.pilot_snr_db / 10.0) * link_gain
            first = received / (1.0 + received)
        return self.correlation**2 * first

    def error_power(self, link_gain: Tensor) -> Tensor:
        """Variance ε² g of the error of each antenna's channel [B, M, U], for gains [B, M, U]."""
        return (1.0 - self.known_share(link_gain)) * link_gain

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for Keras' serialisation."""
        return {
            "error_variance": self.error_variance,
            "pilot_snr_db": self.pilot_snr_db,
            "correlation": self.correlation,
            "allow_for_error": self.allow_for_error,
            "seed": self.seed,
            "dtype": self.compute_dtype,
            "name": self.name,
        }


def jakes_correlation(speed: float, delay: float, carrier_frequency: float) -> float:
    r"""Correlation of a Rayleigh channel with itself after a delay, :math:`J_0(2 \pi f_D \tau)`.

    Clarke's model of scatterers all around: :math:`f_D = v f_c / c` is the largest Doppler shift.

    Parameters
    ----------
    speed : float
        Speed in m/s
    delay : float
        Delay in seconds
    carrier_frequency : float
        Carrier frequency in Hz

    Returns
    -------
    float
        Correlation; beyond its first zero, at :math:`f_D \tau = 0.38`, it may be negative

    Raises
    ------
    ValueError
        If an argument is negative
    """
    from scipy.special import j0

    number(speed, "speed", 0.0)
    number(delay, "delay", 0.0)
    number(carrier_frequency, "carrier_frequency", 0.0)
    return float(j0(2.0 * math.pi * speed * carrier_frequency / _SPEED_OF_LIGHT * delay))


def _check_gain(gain: Tensor, state: ChannelState) -> None:
    """Refuse gains that cannot be those of the channels; in a traced graph nothing is known."""
    gains, h = concrete(gain), concrete(state.h)
    if gains is None or h is None:
        return
    if gains.shape[0] != h.shape[0] or not (np.isfinite(gains) & (gains >= 0)).all():
        raise ValueError(
            f"link_gain: expected {h.shape[0]} channels of finite, non-negative gains, got shape "
            f"{gains.shape} from {gains.min():g} to {gains.max():g}"
        )
    power = np.mean(np.abs(h) ** 2, axis=-1)
    ratio = float(np.mean(power[gains > 0] / gains[gains > 0])) if (gains > 0).any() else 1.0
    if not 1 / _GAIN_SLACK < ratio < _GAIN_SLACK:
        raise ValueError(
            "link_gain: expected the mean of |h|² without small-scale fading of every link, got "
            f"channels whose |h|² is {ratio:.2g} of it on average"
        )


def _word(seed: int) -> int:
    return words(seed, "csi_error")[0]
