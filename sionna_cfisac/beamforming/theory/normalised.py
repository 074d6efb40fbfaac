r"""The beamforming problem (8) in normalised, reduced coordinates, as the optimiser sees it.

Noise and power are scaled into the channels, :math:`\mathbf{h}_{mu} \sqrt{P_m}/\sigma_u`, so that
every UE has unit noise and every AP unit power. Beams outside the span of an AP's own channels
and its steering vector are never optimal, so each AP works in an orthonormal basis of that span:
the cost of an iteration does not depend on the number of antennas. Logarithms are natural.

The same theory stands once more in real arithmetic, for any backend and any precision, in
``theory/gram.py`` and ``theory/multipliers.py``; ``tests/beamforming/theory`` says that the two
agree. ``docs/symbols.md`` lists the symbols.
"""

from typing import NamedTuple

import tensorflow as tf

from sionna_cfisac import metrics
from sionna_cfisac.backend import as_complex, squared_abs
from sionna_cfisac.state import ChannelState, Tensor


class Point(NamedTuple):
    r"""The utility at beams ``f`` and all that the next step needs to know about it.

    Attributes
    ----------
    f : [B, M, R, U], complex
        Beams as columns
    value : [B], float
        Utility in nat
    gradient : [B, M, R, U], complex
        Derivative of the utility with respect to the conjugate beams
    uplink_power : [B, U], float
        Powers q of the dual uplink, the curvature :math:`w_u |v_u|^2` of the rates
    price : [B], float
        Price of sensing, κ = β / (1 + SNR)
    """

    f: Tensor
    value: Tensor
    gradient: Tensor
    uplink_power: Tensor
    price: Tensor


class ReducedProblem(NamedTuple):
    """Normalised problem; R is the reduced dimension, min(Nt, U + 1).

    Attributes
    ----------
    h : [B, M, R, U], complex
        Channels as columns
    a : [B, M, R], complex
        Steering vectors
    gain : [B, M], float
        Sensing SNR g_m P_m per unit of power towards the target
    weight : [B], float
        Sensing weight β
    user_gram : [B, M, U, U], complex
        The users' Gram matrix of each AP, HᴴH
    target_gram : [B, M, U, U], complex
        Hᴴa aᴴH of each AP
    """

    h: Tensor
    a: Tensor
    gain: Tensor
    weight: Tensor
    user_gram: Tensor
    target_gram: Tensor

    def evaluate(self, f: Tensor) -> Point:
        """Utility and gradient at the beams ``f`` [B, M, R, U]."""
        shape = tf.shape(f)
        stacked, z, signal, interference = self._received(f)
        lit = self.lit(f)
        snr = tf.reduce_sum(self.gain * tf.reduce_sum(tf.square(tf.abs(lit)), -1), -1)
        value = tf.reduce_sum(tf.math.log1p(signal / interference), -1)
        value += self.weight * tf.math.log1p(snr)
        price = self.weight / (1.0 + snr)
        uplink_power = signal / ((signal + interference) * interference)
        # coefficients of the users' channels in the gradient: diag(wv) - diag(w|v|²) Z
        c = tf.linalg.diag(tf.linalg.diag_part(z) / tf.cast(interference, z.dtype))
        c -= tf.cast(uplink_power, z.dtype)[..., None] * z
        gradient = tf.reshape(tf.matmul(stacked, c), shape)
        sensing = tf.cast(price[:, None] * self.gain, z.dtype)[..., None] * lit
        gradient += self.a[..., None] * sensing[:, :, None, :]
        return Point(f, value, gradient, uplink_power, price)

    def rates(self, f: Tensor) -> Tensor:
        """Rates of the UEs in nat: [B, U]."""
        _, _, signal, interference = self._received(f)
        return tf.math.log1p(signal / interference)

    def _received(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Channels [B, MR, U], streams at the UEs [B, U, U], signal and interference [B, U]."""
        shape = tf.shape(f)
        batch, num_users = shape[0], shape[3]
        stacked = tf.reshape(self.h, (batch, -1, num_users))
        z = tf.matmul(stacked, tf.reshape(f, (batch, -1, num_users)), adjoint_a=True)
        power = squared_abs(z)
        signal = tf.linalg.diag_part(power)
        interference = 1.0 + tf.reduce_sum(
            tf.linalg.set_diag(power, tf.zeros_like(signal)), axis=-1
        )
        return stacked, z, signal, interference

    def lit(self, f: Tensor) -> Tensor:
        """Amplitudes aᴴf [B, M, U] of the streams at the target."""
        return tf.reduce_sum(tf.math.conj(self.a)[..., None] * f, axis=2)

    def norm_a(self) -> Tensor:
        """Squared norm ‖a_m‖² of the steering vectors [B, M]."""
        return tf.reduce_sum(tf.square(tf.abs(self.a)), axis=-1)

    def dual_gram(self, phi: Tensor, xi: Tensor) -> Tensor:
        """K = Σ_m H_mᴴΩ_m⁻¹H_m [B, U, U] for Ω_m⁻¹ = φ_m I + ξ_m a_m a_mᴴ."""
        phi, xi = (as_complex(x)[..., None, None] for x in (phi, xi))
        return tf.reduce_sum(phi * self.user_gram + xi * self.target_gram, axis=1)

    def inverse_omega(self, phi: Tensor, xi: Tensor, x: Tensor) -> Tensor:
        """Ω⁻¹x for x [B, M, R, U], with Ω_m⁻¹ = φ_m I + ξ_m a_m a_mᴴ."""
        lit = as_complex(xi)[..., None] * self.lit(x)
        return as_complex(phi)[..., None, None] * x + self.a[..., None] * lit[:, :, None, :]


def inner(x: Tensor, y: Tensor) -> Tensor:
    """Real inner product over everything of each AP: [B, M]."""
    return tf.reduce_sum(tf.math.real(tf.math.conj(x) * y), axis=(2, 3))


def to_unit_power(f: Tensor, always: bool = True) -> Tensor:
    """Scale each AP's beams [B, M, R, U] to unit power, or only those that exceed it."""
    if always:
        # the squares of beams below 1e-154 would vanish; the result does not depend on this scale
        largest = tf.reduce_max(tf.abs(tf.stop_gradient(f)), axis=(2, 3), keepdims=True)
        f = f / as_complex(tf.where(largest > 0.0, largest, tf.ones_like(largest)))
    norm = tf.sqrt(inner(f, f))
    norm = tf.where(norm > 0, norm, tf.ones_like(norm)) if always else tf.maximum(norm, 1.0)
    return f / as_complex(norm)[..., None, None]


def reduce_problem(state: ChannelState, weight: Tensor) -> tuple[ReducedProblem, Tensor]:
    """Normalise a state of one target and reduce its dimension.

    Parameters
    ----------
    state : ChannelState
        Channels in double precision
    weight : [B], float
        Sensing weight β

    Returns
    -------
    problem : ReducedProblem
        Normalised problem
    basis : [B, M, Nt, R], complex
        Maps reduced unit-power beams to physical ones, f = basis · y
    """
    amplitude = tf.sqrt(state.ap_power)
    scale = amplitude[:, :, None] * tf.math.rsqrt(state.noise_power)[:, None, :]
    h = tf.linalg.matrix_transpose(state.h * tf.cast(scale, state.h.dtype)[..., None])
    a = state.a[:, :, 0, :]
    gain = metrics.target_gain(state)[:, :, 0] * state.ap_power
    root_power = tf.cast(amplitude, h.dtype)[..., None, None]
    num_users, num_tx_ant = state.num_users, state.num_tx_ant
    if num_tx_ant <= num_users + 1:
        eye = tf.eye(num_tx_ant, dtype=h.dtype)
        return _problem(h, a, gain, weight), root_power * eye
    q, _ = tf.linalg.qr(tf.concat([h, a[..., None]], axis=-1))
    h = tf.matmul(q, h, adjoint_a=True)
    a = tf.matmul(q, a[..., None], adjoint_a=True)[..., 0]
    return _problem(h, a, gain, weight), root_power * q


def _problem(h: Tensor, a: Tensor, gain: Tensor, weight: Tensor) -> ReducedProblem:
    cross = tf.matmul(h, a[..., None], adjoint_a=True)
    user_gram = tf.matmul(h, h, adjoint_a=True)
    target_gram = tf.matmul(cross, cross, adjoint_b=True)
    return ReducedProblem(h, a, gain, weight, user_gram, target_gram)
