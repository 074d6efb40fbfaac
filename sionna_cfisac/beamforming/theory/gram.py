r"""Channels as their inner products: all that beams with the structure of the optimum depend on.

Noise and power are scaled into the channels, :math:`\mathbf{h}_{mu} \sqrt{P_m}/\sigma_u`, so that
every UE has unit noise and every AP unit power. What is left are the U×U matrices
:math:`\mathbf{H}_m^H \mathbf{H}_m` and the vectors :math:`\mathbf{a}_m^H \mathbf{H}_m`, whatever
the number of antennas. Complex numbers are kept as real ones: a matrix :math:`\mathbf{A}` as
:math:`[[\Re\mathbf{A}, -\Im\mathbf{A}], [\Im\mathbf{A}, \Re\mathbf{A}]]`, called its real form, and
columns as the stack of their real and imaginary parts.

The same theory stands once more in complex arithmetic and double precision in
``theory/normalised.py``, where the beams themselves are the unknowns; ``tests/beamforming/theory``
says that the two agree. ``docs/symbols.md`` lists the symbols.
"""

from typing import NamedTuple

from keras import ops

from sionna_cfisac.metrics import target_gain
from sionna_cfisac.state import ChannelState, Tensor, real_dtype

_UNHEARD = 1e-10
# above it beams no longer depend on the SNR, and squares leave the range of single precision
_SNR_CAP = 1e15


class Gram(NamedTuple):
    """Inner products of normalised channels.

    Attributes
    ----------
    user_gram : [B, M, 2U, 2U], float
        Real form of H_mᴴH_m
    cross_gram : [B, M, 2, 2U], float
        Real form of a_mᴴH_m
    target_gram : [B, M, 2U, 2U], float
        Real form of H_mᴴa_m a_mᴴH_m
    strength : [B, M, U], float
        ‖h_mu‖² of the normalised channels
    gain : [B, M], float
        Sensing SNR per unit of radiated power, g_m P_m; 0 for the APs that are not active
    active : [B, M], float
        1 for the APs that some UE hears, else 0: those without power or channels, and those that
        are weaker than any that matters
    idle_snr : [B], float
        Sensing SNR of the APs that no UE hears, all of whose power goes to the target
    norm_a : float
        ‖a_m‖² = Nt
    weight : [B], float
        Sensing weight β
    """

    user_gram: Tensor
    cross_gram: Tensor
    target_gram: Tensor
    strength: Tensor
    gain: Tensor
    active: Tensor
    idle_snr: Tensor
    norm_a: float
    weight: Tensor

    @property
    def num_aps(self) -> int:
        """Number M of APs."""
        return int(self.gain.shape[1])

    @property
    def num_users(self) -> int:
        """Number U of UEs."""
        return int(self.user_gram.shape[-1]) // 2

    def num_active(self) -> Tensor:
        """Number of active APs [B], at least 1."""
        return ops.maximum(ops.sum(self.active, axis=1), 1.0)

    def dual(self, phi: Tensor, xi: Tensor) -> Tensor:
        """Real form [B, 2U, 2U] of K = Σ_m φ_m H_mᴴH_m + ξ_m H_mᴴa_m a_mᴴH_m."""
        size = self.user_gram.shape[-1]
        both = ops.concatenate([self.user_gram, self.target_gram], axis=1)
        flat = ops.reshape(both, (-1, 2 * self.num_aps, size * size))
        factors = ops.concatenate([phi, xi], axis=1)[:, None]
        return ops.reshape(ops.matmul(factors, flat), (-1, size, size))

    def times(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """H_mᴴH_m x [B, M, 2U, S] and a_mᴴH_m x [B, M, 2, S] for x [B, 2U, S]."""
        size, columns = self.user_gram.shape[-1], x.shape[-1]
        rows = ops.concatenate([self.user_gram, self.cross_gram], axis=2)
        flat = ops.matmul(ops.reshape(rows, (-1, self.num_aps * (size + 2), size)), x)
        rows = ops.reshape(flat, (-1, self.num_aps, size + 2, columns))
        return rows[:, :, :size], rows[:, :, size:]

    def back(self, y: Tensor) -> Tensor:
        """Σ_m H_mᴴa_m y_mᵀ [B, 2U, S] for y [B, M, 2, S]."""
        size = self.user_gram.shape[-1]
        cross = ops.reshape(self.cross_gram, (-1, 2 * self.num_aps, size))
        flat = ops.reshape(y, (-1, 2 * self.num_aps, y.shape[-1]))
        return ops.matmul(ops.swapaxes(cross, -1, -2), flat)


def normalized(
    state: ChannelState, dtype: str, extra_noise: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Channels times √P_m/σ_u as real and imaginary parts: two of [B, M, U, Nt].

    ``extra_noise`` [B, U] is added to the noise power. What would have an SNR above 150 dB gets the
    noise for 150 dB.
    """
    real, imag = ops.cast(ops.real(state.h), dtype), ops.cast(ops.imag(state.h), dtype)
    noise = ops.cast(state.noise_power, dtype)
    if extra_noise is not None:
        noise = noise + extra_noise
    power = ops.cast(state.ap_power, dtype)
    received = power[:, :, None] * ops.sum(ops.square(real) + ops.square(imag), axis=-1)
    noise = ops.maximum(noise, ops.max(received, axis=1) / _SNR_CAP)
    # a root of anything but zero keeps gradients finite
    silent = ops.equal(power, 0.0)
    amplitude = ops.where(silent, 0.0, ops.sqrt(ops.where(silent, 1.0, power)))
    scale = (amplitude[:, :, None] / ops.sqrt(noise)[:, None, :])[..., None]
    return real * scale, imag * scale


def gram_of(state: ChannelState, weight: Tensor, h: tuple[Tensor, Tensor]) -> Gram:
    """Inner products of the normalised channels ``h`` and of the first target's steering vectors.

    Parameters
    ----------
    state : ChannelState
        Channels
    weight : [B], float
        Sensing weight β
    h : two of [B, M, U, Nt], float
        Real and imaginary part of the normalised channels
    """
    dtype = real_dtype(weight)
    real, imag = h
    a = [ops.cast(part(state.a), dtype)[:, :, :1] for part in (ops.real, ops.imag)]
    # [B, M, U + 1, 2 Nt], the last row the steering vector
    rows = ops.concatenate([ops.concatenate([real, imag], -1), ops.concatenate(a, -1)], axis=2)
    turned = ops.concatenate([imag, -real], -1)
    columns = ops.concatenate([ops.concatenate([real, imag], -1), turned], axis=2)
    # xᴴy has the real part x_r·y_r + x_i·y_i and the imaginary part x_r·y_i - x_i·y_r
    products = ops.matmul(rows, ops.swapaxes(columns, -1, -2))
    num_users = state.num_users
    re, im = products[..., :num_users], products[..., num_users:]
    user_gram = _real_form(re[:, :, :num_users], im[:, :, :num_users])
    cross_gram = _real_form(re[:, :, num_users:], im[:, :, num_users:])
    target_gram = ops.matmul(ops.swapaxes(cross_gram, -1, -2), cross_gram)
    gain = _sensing_gain(state, dtype)
    eye = ops.eye(num_users, dtype=dtype)
    strength = ops.sum(re[:, :, :num_users] * eye, axis=-1)
    total = ops.sum(strength, axis=-1)
    # an SNR; where every AP is that weak, it is relative to the strongest
    limit = _UNHEARD * ops.minimum(ops.max(total, axis=1, keepdims=True), 1.0)
    active = ops.cast(total > limit, dtype)
    norm_a = float(state.num_tx_ant)
    idle_snr = norm_a * ops.sum((1.0 - active) * gain, axis=1)
    return Gram(
        user_gram,
        cross_gram,
        target_gram,
        strength,
        active * gain,
        active,
        idle_snr,
        norm_a,
        weight,
    )


def _sensing_gain(state: ChannelState, dtype: str) -> Tensor:
    """Sensing SNR of each AP [B, M] per unit of power, all scaled alike to 150 dB at most."""
    gain, power = (ops.cast(x, dtype) for x in (target_gain(state)[:, :, 0], state.ap_power))
    largest = [ops.max(x, axis=1, keepdims=True) for x in (gain, power)]
    relative = [
        x / ops.where(ops.equal(top, 0.0), 1.0, top)
        for x, top in zip((gain, power), largest, strict=True)
    ]
    high = largest[0] * largest[1] > _SNR_CAP
    return ops.where(high, _SNR_CAP * relative[0] * relative[1], gain * power)


def _real_form(real: Tensor, imag: Tensor) -> Tensor:
    top = ops.concatenate([real, -imag], axis=-1)
    return ops.concatenate([top, ops.concatenate([imag, real], axis=-1)], axis=-2)
