r"""The curvature that the optimiser builds in: the closed-form inner solution of the rate problem.

At beams with dual uplink powers :math:`q_u = w_u|v_u|^2`, multipliers μ and sensing price κ, the
model Hessian

.. math:: \mathbf{A} = \mathbf{H}\,\mathrm{diag}(q)\,\mathbf{H}^H + \mathbf{\Omega}, \quad
    \mathbf{\Omega}_m = \mu_m \mathbf{I} - \kappa g_m \mathbf{a}_m \mathbf{a}_m^H

is that of the minorise–maximise surrogate with the sensing term implicit. A step solves with it
on the tangent space of the active power limits. Through the matrix inversion lemma only a U×U and
an M×M system are solved. ``docs/symbols.md`` lists the symbols.
"""

from typing import NamedTuple

import tensorflow as tf

from sionna_cfisac.beamforming.theory.normalised import Point, ReducedProblem, inner
from sionna_cfisac.state import Tensor

# κ g ‖a‖²/μ stays below this, so that the model stays positive definite far from the optimum;
# at the optimum the ratio is below one by itself
_MAX_RATIO = 0.8
# multipliers below this share of the largest AP's are raised to it, in the model alone
_MULTIPLIER_FLOOR = 1e-4


class Curvature(NamedTuple):
    """Factors of the model Hessian at one point.

    Attributes
    ----------
    phi, xi : [B, M], float
        Ω_m⁻¹ = φ_m I + ξ_m a_m a_mᴴ
    whitener : [B, U, U], complex
        V with A⁻¹ = Ω⁻¹ - (V Hᴴ Ω⁻¹)ᴴ (V Hᴴ Ω⁻¹)
    normals : [B, M, R, U], complex
        Ω⁻¹ applied to the beams of each AP, the normals of the power limits
    whitened : [B, M, U, U], complex
        V H_mᴴ times the normals
    normals_factor : [B, M, M], float
        Cholesky factor of the normals' Gram matrix under A⁻¹
    active : [B, M], float
        1 where the AP's power limit is active, else 0
    """

    phi: Tensor
    xi: Tensor
    whitener: Tensor
    normals: Tensor
    whitened: Tensor
    normals_factor: Tensor
    active: Tensor


def curvature_at(problem: ReducedProblem, point: Point, mu: Tensor, active: Tensor) -> Curvature:
    """Factorise the model Hessian at ``point`` with multipliers ``mu`` [B, M]."""
    dtype = point.f.dtype
    top = tf.reduce_max(mu, axis=1, keepdims=True)
    mu = tf.maximum(mu, _MULTIPLIER_FLOOR * top)
    mu = tf.where(top > 0, mu, tf.ones_like(mu))
    norm_a = problem.norm_a()
    ratio = tf.minimum(point.price[:, None] * problem.gain * norm_a / mu, _MAX_RATIO)
    phi = 1.0 / mu
    xi = phi * ratio / (1.0 - ratio) / norm_a
    k = problem.dual_gram(phi, xi)
    root = tf.cast(tf.sqrt(point.uplink_power), dtype)
    eye = tf.eye(tf.shape(k)[-1], dtype=dtype)
    matrix = eye + root[:, :, None] * k * root[:, None, :]
    whitener = tf.linalg.triangular_solve(
        tf.linalg.cholesky(matrix), tf.linalg.diag(root), lower=True
    )
    normals = problem.inverse_omega(phi, xi, point.f)
    whitened = tf.matmul(whitener[:, None], tf.matmul(problem.h, normals, adjoint_a=True))
    shape = tf.shape(whitened)
    flat = tf.reshape(whitened, (shape[0], shape[1], -1))
    overlap = tf.math.real(tf.matmul(flat, flat, adjoint_b=True))
    own = inner(point.f, normals)
    both = active[:, :, None] * active[:, None, :]
    system = tf.linalg.diag(active * own + (1.0 - active)) - both * overlap
    # positive definite in exact arithmetic; the floor keeps rounding from saying otherwise
    system += tf.linalg.diag(1e-12 * own + 1e-300)
    return Curvature(phi, xi, whitener, normals, whitened, tf.linalg.cholesky(system), active)


def solve(problem: ReducedProblem, point: Point, curvature: Curvature, x: Tensor) -> Tensor:
    """Tangential solution of A d = x: [B, M, R, U]."""
    omega_x = problem.inverse_omega(curvature.phi, curvature.xi, x)
    whitened_x = tf.matmul(
        curvature.whitener[:, None], tf.matmul(problem.h, omega_x, adjoint_a=True)
    )
    whitened_x = tf.reduce_sum(whitened_x, axis=1)
    # ⟨f_m, [A⁻¹x]_m⟩ for every AP, to be cancelled by the normals
    excess = inner(point.f, omega_x) - tf.reduce_sum(
        tf.math.real(tf.math.conj(curvature.whitened) * whitened_x[:, None]), axis=(2, 3)
    )
    excess = (excess * curvature.active)[..., None]
    lagrange = curvature.active * tf.linalg.cholesky_solve(curvature.normals_factor, excess)[..., 0]
    factor = tf.cast(lagrange, x.dtype)[..., None, None]
    omega_x -= factor * curvature.normals
    whitened_x -= tf.reduce_sum(factor * curvature.whitened, axis=1)
    back = tf.matmul(curvature.whitener, whitened_x, adjoint_a=True)
    return omega_x - problem.inverse_omega(
        curvature.phi, curvature.xi, tf.matmul(problem.h, back[:, None])
    )
