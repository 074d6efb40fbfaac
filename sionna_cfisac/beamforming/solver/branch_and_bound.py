r"""Branch and bound for the sum rate of a dual uplink, whose maximum certifies the optimum.

.. math::
    \Phi = \max_{q \in [0, 1]^U} \sum_u \ln(1 + \gamma_u(q)) - q_u, \quad
    \gamma_u = q_u s_u, \quad
    s_u = \frac{A_{uu}}{1 - q_u A_{uu}}, \quad
    \mathbf{A} = \mathbf{K} (\mathbf{I} + \mathrm{diag}(q) \mathbf{K})^{-1}

with unit noise. The gain :math:`s_u` falls in the other users' powers and does not depend on
:math:`q_u`. So on a box [l, h] the sum is at most that with :math:`s_u(l)`, and each user's own
power is then optimised in closed form. ``docs/symbols.md`` lists the symbols.
"""

import contextlib

import numpy as np
from numpy.typing import NDArray

_Real = NDArray[np.float64]
# boxes of one channel that may be open at a time; beyond, its bound stays valid but loose
_MAX_BOXES = 20_000
_MAX_LEVELS = 200


def maximise_dual_uplink(k: NDArray[np.complex128], q: _Real, gap: _Real) -> _Real:
    """Upper bound on Φ, within ``gap`` of it unless the number of boxes explodes.

    Parameters
    ----------
    k : [B, U, U], complex128
        Channel Gram matrices K in the metric of the dual noise
    q : [B, U], float64
        Powers of a good point
    gap : [B], float64
        Distance to the maximum, in nat, at which a box need not be split any more

    Returns
    -------
    [B], float64
        Valid upper bound on Φ; infinite where the arithmetic fails
    """
    bounds = np.full(len(k), np.inf)
    for i in range(len(k)):
        # a matrix that is singular to double precision leaves its channel without this bound
        with contextlib.suppress(np.linalg.LinAlgError):
            bounds[i] = _maximise_one(k[i], np.clip(q[i], 0.0, 1.0), float(gap[i]))
    return bounds


def _maximise_one(k: NDArray[np.complex128], q: _Real, gap: float) -> float:
    num_users = len(q)
    best = float(_value(k, q[None])[0])
    low, high = np.zeros((1, num_users)), np.ones((1, num_users))
    closed = -np.inf
    bound, point, impact = _bound(k, low, high)
    for _ in range(_MAX_LEVELS):
        best = max(best, float(_value(k, point).max()))
        is_open = bound > best + gap
        closed = max(closed, float(np.max(bound[~is_open], initial=-np.inf)))
        low, high, bound, impact = low[is_open], high[is_open], bound[is_open], impact[is_open]
        if not len(low) or len(low) > _MAX_BOXES:
            break
        rows, axis = np.arange(len(low)), impact.argmax(axis=1)
        middle = 0.5 * (low[rows, axis] + high[rows, axis])
        left, right = high.copy(), low.copy()
        left[rows, axis] = right[rows, axis] = middle
        low, high = np.concatenate([low, right]), np.concatenate([left, high])
        parents = np.concatenate([bound, bound])
        bound, point, impact = _bound(k, low, high)
        bound = np.minimum(bound, parents)
    return max(closed, float(np.max(bound, initial=-np.inf)), best)


def _gains(k: NDArray[np.complex128], q: _Real) -> tuple[_Real, NDArray[np.complex128], _Real]:
    """Gains s [N, U], A [N, U, U] and 1 - q_u A_uu [N, U] at the powers q [N, U]."""
    a = np.linalg.solve(
        np.eye(len(k)) + k[None] * q[:, None, :], np.broadcast_to(k, (len(q), *k.shape))
    )
    own = np.real(np.diagonal(a, axis1=1, axis2=2))
    rest = np.maximum(1.0 - q * own, 1e-300)
    return own / rest, a, rest


def _value(k: NDArray[np.complex128], q: _Real) -> _Real:
    """Objective at the powers q [N, U]: [N]."""
    gains, _, _ = _gains(k, q)
    return np.sum(np.log1p(q * gains) - q, axis=1)


def _bound(k: NDArray[np.complex128], low: _Real, high: _Real) -> tuple[_Real, _Real, _Real]:
    """Bounds [N] of boxes, the powers [N, U] they assume, and each side's share in the slack."""
    gains, a, rest = _gains(k, low)
    with np.errstate(divide="ignore"):
        power = np.clip(1.0 - 1.0 / gains, low, high)
    bound = np.sum(np.log1p(power * gains) - power, axis=1)
    # first-order loss of user u's term if user v's power rises from low to high
    coupling = np.abs(a / rest[:, :, None]) ** 2
    coupling *= (power / (1.0 + power * gains))[:, :, None]
    coupling[:, np.arange(len(k)), np.arange(len(k))] = 0.0
    return bound, power, coupling.sum(axis=1) * (high - low)
