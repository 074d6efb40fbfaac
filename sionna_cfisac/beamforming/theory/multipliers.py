r"""Beams with the structure of the optimum, and two kinds of step that improve them.

All beams here are combinations of each AP's channels and steering vector,

.. math:: \mathbf{F}_m \propto \mathbf{H}_m \mathbf{X} + \mathbf{a}_m \mathbf{y}_m^T,

with one U×U matrix X for all APs and each AP scaled to its power. Everything is computed from
:class:`~sionna_cfisac.beamforming.theory.gram.Gram`, with natural logarithms. The same formulas
stand in complex arithmetic in ``theory/normalised.py`` and in the solver's ``starts.py`` and
``multiplier_search.py``; ``tests/beamforming/theory`` says that they agree. ``docs/symbols.md``
lists the symbols.
"""

from typing import NamedTuple

from keras import ops

from sionna_cfisac.beamforming.theory.gram import Gram
from sionna_cfisac.state import Tensor, real_dtype

# keeps roots and quotients finite where an AP has no power or a UE no channel
_TINY = 1e-20
# a UE that is switched off keeps this much, of at most 1, so that the equations stay regular
_LEAST_Q = 1e-8
_EPSILON = {"float32": 1.2e-7, "float64": 2.3e-16}


class Multipliers(NamedTuple):
    """Positive numbers that fix the beams.

    Attributes
    ----------
    mu : [B, M], float
        Price μ_m of each AP's power
    odds : [B, M], float
        r_m / (1 - r_m), the odds of the relative price of sensing r_m = κ g_m Nt / μ_m
    q : [B, U], float
        Powers of the dual uplink
    p : [B, U], float
        Powers of the streams, up to a common factor
    """

    mu: Tensor
    odds: Tensor
    q: Tensor
    p: Tensor


class Beams(NamedTuple):
    """Beams F_m = s_m (H_m X + a_m y_mᵀ), where s_m gives each AP unit power.

    Attributes
    ----------
    x : [B, 2U, U], float
        X, real parts above imaginary parts
    y : [B, M, 2, U], float
        y_m, real and imaginary part
    at_users : [B, M, 2U, U], float
        H_mᴴH_m X
    at_target : [B, M, 2, U], float
        a_mᴴH_m X
    norm : [B, M], float
        ‖H_m X + a_m y_mᵀ‖, positive
    """

    x: Tensor
    y: Tensor
    at_users: Tensor
    at_target: Tensor
    norm: Tensor


class Effect(NamedTuple):
    """What beams achieve.

    Attributes
    ----------
    z : [B, 2U, U], float
        HᴴF, the streams at the UEs, real parts above imaginary parts
    lit : [B, M, 2, U], float
        a_mᴴF_m, the streams at the target
    signal, interference : [B, U], float
        Numerator and denominator of the SINR
    snr : [B], float
        Sensing SNR
    """

    z: Tensor
    lit: Tensor
    signal: Tensor
    interference: Tensor
    snr: Tensor


def closed_form(gram: Gram) -> Multipliers:
    r"""The guess :math:`\mu = (U+\beta)/M, r = \beta/(U+\beta), q = 1`, equal streams.

    M counts the active APs.
    """
    ones = ops.ones_like(gram.gain)
    mu = ((gram.num_users + gram.weight) / gram.num_active())[:, None] * ones
    odds = (gram.weight / gram.num_users)[:, None] * ones
    q = ops.ones_like(gram.user_gram[:, 0, : gram.num_users, 0])
    return Multipliers(mu, odds, q, q)


def structured(gram: Gram, at: Multipliers) -> Beams:
    r"""Beams of the structure at given multipliers.

    .. math::
        \mathbf{K} = \sum_m \phi_m \mathbf{H}_m^H\mathbf{H}_m
            + \xi_m \mathbf{H}_m^H\mathbf{a}_m \mathbf{a}_m^H\mathbf{H}_m, \quad
        \mathbf{X} = (\mathbf{I} + \mathrm{diag}(q)\mathbf{K})^{-1} \mathrm{diag}(\sqrt{p}), \quad
        \mathbf{F}_m \propto \phi_m \mathbf{H}_m \mathbf{X}
            + \xi_m \mathbf{a}_m \mathbf{a}_m^H \mathbf{H}_m \mathbf{X}

    with :math:`\phi_m = 1/\mu_m` and :math:`\xi_m = \phi_m r_m / (N_t (1 - r_m))`.
    """
    phi = 1.0 / at.mu
    share = at.odds / gram.norm_a  # ξ/φ
    eye = ops.eye(2 * gram.num_users, gram.num_users, dtype=phi.dtype)
    x = _solve_uplink(gram.dual(phi, phi * share), at.q, eye * ops.sqrt(at.p)[:, None, :])
    at_users, at_target = gram.times(x)
    return _beams(gram, x, share[..., None, None] * at_target, at_users, at_target)


def power_step(gram: Gram, at: Multipliers, beams: Beams) -> Multipliers:
    r"""One step towards multipliers whose beams have equal power before they are scaled.

    :math:`\mu_m \leftarrow \mu_m \|\mathbf{F}_m\| / \mathrm{rms}_n \|\mathbf{F}_n\|` over the
    active APs, a factor of 0.1 to 10; the fixed point is the split of the optimum's power at these
    prices.
    """
    return at._replace(mu=at.mu * _step(power_ratio(gram, at, beams), gram.active))


def power_ratio(gram: Gram, at: Multipliers, beams: Beams) -> Tensor:
    """‖F_m‖ before the beams are scaled, relative to the rms over the active APs [B, M]."""
    norm = beams.norm / at.mu
    mean = ops.sum(gram.active * ops.square(norm), axis=1) / gram.num_active()
    return norm / ops.sqrt(ops.maximum(mean, _TINY))[:, None]


def minorize_step(gram: Gram, mu: Tensor, effect: Effect) -> tuple[Tensor, Beams]:
    r"""One minorise–maximise step with given power prices, which move on by one step as well.

    The surrogate of the rates and the tangent of the sensing SNR at beams with this effect have the
    maximiser

    .. math::
        \mathbf{f}_s = (\mathbf{H}\mathbf{W}\mathbf{H}^H + \mathbf{D}_\mu)^{-1}
            (\mathbf{b}_s + \kappa \mathbf{G} \mathbf{f}_s^0), \quad
        w_u = 1 + \mathrm{SINR}_u, \quad \kappa = \beta / (1 + \mathrm{SNR})

    at the right prices; then :math:`\mu_m \leftarrow \mu_m \|\mathbf{f}_m\|`.
    """
    q = effect.signal / ((effect.signal + effect.interference) * effect.interference)
    q = ops.maximum(q, _LEAST_Q)
    num_users = gram.num_users
    eye = ops.eye(num_users, dtype=q.dtype)
    # w v on the diagonal, and κ g times the streams at the target
    target = effect.z * ops.tile(eye, (2, 1)) / ops.tile(effect.interference, (1, 2))[..., None]
    price = gram.weight / (1.0 + effect.snr)
    target_price = price[:, None] * gram.gain
    # the beams do not change if all multipliers grow alike; at the optimum Σ μ_m = Σ q_u + κ SNR
    # with the prices and the SNR of the active APs
    total = ops.sum(q, axis=1) + price * (effect.snr - gram.idle_snr)
    paid = ops.maximum(ops.sum(gram.active * mu, axis=1), _TINY)
    mu = mu * (total / paid)[:, None]
    y = target_price[..., None, None] * effect.lit
    phi = 1.0 / mu
    known = gram.back(phi[..., None, None] * y)
    # X = B - W Z with Z = K X + known
    x = _solve_uplink(
        gram.dual(phi, ops.zeros_like(phi)), q, target - ops.tile(q, (1, 2))[..., None] * known
    )
    at_users, at_target = gram.times(x)
    beams = _beams(gram, x, y, at_users, at_target)
    return mu * _step(beams.norm * phi, gram.active), beams


def effect_of(gram: Gram, beams: Beams) -> Effect:
    """What the beams achieve with every AP at unit power."""
    scale = (1.0 / beams.norm)[..., None, None]
    num_users = gram.num_users
    z = ops.sum(scale * beams.at_users, axis=1) + gram.back(scale * beams.y)
    lit = scale * (beams.at_target + gram.norm_a * beams.y)
    power = ops.square(z[:, :num_users]) + ops.square(z[:, num_users:])
    eye = ops.eye(num_users, dtype=power.dtype)
    signal = ops.sum(power * eye, axis=-1)
    interference = 1.0 + ops.sum(power * (1.0 - eye), axis=-1)
    snr = gram.idle_snr + ops.sum(gram.gain * ops.sum(ops.square(lit), axis=(2, 3)), axis=1)
    return Effect(z, lit, signal, interference, snr)


def utility_of(gram: Gram, effect: Effect) -> Tensor:
    """Utility in nat [B]."""
    rates = ops.sum(ops.log1p(effect.signal / effect.interference), axis=-1)
    return rates + gram.weight * ops.log1p(effect.snr)


def combined(gram: Gram, x: Tensor, y: Tensor) -> Beams:
    """The beams with given coefficients."""
    return _beams(gram, x, y, *gram.times(x))


def _beams(gram: Gram, x: Tensor, y: Tensor, at_users: Tensor, at_target: Tensor) -> Beams:
    power = (
        ops.sum(x[:, None] * at_users, axis=(2, 3))
        + 2.0 * ops.sum(at_target * y, axis=(2, 3))
        + gram.norm_a * ops.sum(ops.square(y), axis=(2, 3))
    )
    return Beams(x, y, at_users, at_target, ops.sqrt(ops.maximum(power, _TINY)))


def _solve_uplink(k: Tensor, q: Tensor, right: Tensor) -> Tensor:
    """Solution of (I + diag(q) K) X = right for positive q, through a symmetric system.

    The identity is raised by what rounding may take from the smallest eigenvalue, some 1e-6 of the
    trace in single precision: beams for UEs far weaker than the strongest are then regularised
    more. Double precision does not feel it.
    """
    root = ops.tile(ops.sqrt(q), (1, 2))[..., None]
    matrix = root * k * ops.swapaxes(root, 1, 2)
    eye = ops.eye(k.shape[-1], dtype=k.dtype)
    rounding = 4.0 * _EPSILON[real_dtype(k)] * ops.sum(matrix * eye, axis=(1, 2), keepdims=True)
    matrix = matrix + (1.0 + rounding) * eye
    factor = ops.cholesky(matrix)
    x = ops.solve_triangular(factor, right / root, lower=True)
    return root * ops.solve_triangular(ops.swapaxes(factor, -1, -2), x, lower=False)


def _step(ratio: Tensor, active: Tensor) -> Tensor:
    """Factor on the prices, from 0.1 to 10; 1 for the APs that send nothing."""
    return ops.where(active > 0.0, ops.clip(ratio, 0.1, 10.0), 1.0)
