r"""Distribution of a weighted sum of squared Gaussians, :math:`Q = \sum_k w_k |v_k + \mu_k|^2`.

Every test of this package is such a sum. Partial fractions of its Laplace transform break down for
nearly equal weights; the inversion here does not see whether weights are equal:

.. math::
    P(Q > t) = \frac{1}{2\pi j} \int_{c - j\infty}^{c + j\infty} \frac{e^{-st}}{s}
    \prod_k \frac{\exp(s w_k |\mu_k|^2 / (1 - s w_k))}{1 - s w_k} \, ds, \quad
    0 < c < 1 / \max_k w_k

The contour is a hyperbola through the saddle point c of the integrand, bent around the poles
:math:`1 / w_k` with the curvature of the steepest descent. There is no oscillation left, hence no
cancellation: relative accuracy is kept in tails of any size. Below the mean of Q the contour
crosses the negative axis and gives :math:`-P(Q \le t)`.

In the scale of the hyperbola, :math:`\delta = 1 / \sqrt{\psi''(c)}` with ψ the logarithm of the
integrand, all poles are at least one unit away, whatever the weights: a fixed step and number of
nodes of the trapezoidal rule reach the same accuracy everywhere.
"""

from typing import Any

import numpy as np

_STEP = 0.13
_NODES = 48
# Asymptotic slope of the hyperbola: too flat comes near the poles, too steep decays slowly.
_SLOPES = (0.25, 0.67)
# Rows of one pass: its arrays of complex nodes stay within a processor's cache.
_ROWS = 4096
_MAX_NEWTON = 200


def tail(threshold: Any, weights: Any, noncentrality: Any = None) -> np.ndarray:
    r"""Probability that :math:`Q = \sum_k w_k |v_k + \mu_k|^2` exceeds a threshold.

    The v are independent complex Gaussians of unit variance. The relative error of tails is below
    1e-7, and so is the absolute one of probabilities near one, for equal, nearly equal and
    widely spread weights and :math:`|\mu_k|^2` of up to 1e6.

    Parameters
    ----------
    threshold : [...], float
        Threshold t, broadcast against the leading axes of ``weights``
    weights : [..., K], float
        Weights, non-negative, at least one of each K positive
    noncentrality : None or [..., K], float
        :math:`|\mu_k|^2`; None stands for zeros

    Returns
    -------
    [...], float
        Probability

    Raises
    ------
    ValueError
        If a weight or noncentrality is negative or not finite, all weights are zero, or shapes do
        not fit
    """
    weights = _weights(weights)
    means = np.zeros(1) if noncentrality is None else _non_negative(noncentrality, "noncentrality")
    if means.shape[-1] not in (1, weights.shape[-1]):
        raise ValueError(
            f"noncentrality: expected shape [..., {weights.shape[-1]}], got {means.shape}"
        )
    limit = np.asarray(threshold, dtype=float)
    if np.isnan(limit).any():
        raise ValueError("threshold: expected numbers, got nan")
    return _evaluate(limit, weights, means)[0]


def threshold(false_alarm: Any, weights: Any) -> np.ndarray:
    r"""Threshold that :math:`Q = \sum_k w_k |v_k|^2` exceeds with a given probability.

    The logarithm of the tail is concave, since Q is a sum of exponentials. Newton's method on it
    can therefore not miss the root, and from Chernoff's bound, which is above, it descends
    without a bracket.

    Parameters
    ----------
    false_alarm : [...], float
        Probability, above 0 and below 1, broadcast against the leading axes of ``weights``
    weights : [..., K], float
        Weights, non-negative, at least one of each K positive

    Returns
    -------
    [...], float
        Threshold

    Raises
    ------
    ValueError
        If a probability is not between 0 and 1, or the weights are not as in :func:`tail`
    """
    weights, level = _weights(weights), np.log(probability(false_alarm, "false_alarm"))
    largest = weights.max(-1)
    weights = weights / largest[..., None]
    t = _chernoff(level, weights)
    for _ in range(_MAX_NEWTON):
        exceed, density = _evaluate(t, weights, np.zeros(1))
        step = (np.log(exceed) - level) * exceed / density
        t = t + step
        if (np.abs(step) <= 1e-9 * t).all():
            return np.asarray(t * largest)
    raise ArithmeticError(f"threshold: no convergence for false_alarm {false_alarm!r}")


def probability(value: Any, name: str) -> np.ndarray:
    """Array of numbers above 0 and below 1, else a ``ValueError``."""
    array = np.asarray(value, dtype=float)
    if not ((array > 0) & (array < 1)).all():
        raise ValueError(f"{name}: expected numbers above 0 and below 1, got {value!r}")
    return array


def _non_negative(value: Any, name: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name}: expected shape [..., K], got {array.shape}")
    good = np.isfinite(array) & (array >= 0)
    if not good.all():
        raise ValueError(
            f"{name}: expected finite non-negative numbers, got {array[~good].flat[0]:g}"
        )
    return array


def _weights(value: Any) -> np.ndarray:
    weights = _non_negative(value, "weights")
    if (weights.max(-1) == 0).any():
        raise ValueError("weights: expected a positive weight among each K, got zeros only")
    return weights


def _chernoff(level: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Upper bound of the thresholds, from E exp(sQ) exp(-st) >= P(Q > t) at several s."""
    s = np.concatenate((np.geomspace(1e-3, 0.5, 10), 1 - np.geomspace(0.4, 1e-2, 6)))
    # [..., K, len(s)] -> [..., len(s)]
    log_moment = -np.log1p(-weights[..., None] * s).sum(-2)
    return ((log_moment - level[..., None]) / s).min(-1)


def _evaluate(t: np.ndarray, weights: np.ndarray, means: np.ndarray) -> tuple[Any, Any]:
    """Tail and density at t, of the shape to which the leading axes broadcast."""
    shape = np.broadcast_shapes(t.shape, weights.shape[:-1], means.shape[:-1])
    size = int(np.prod(shape))
    t, num_weights = np.broadcast_to(t, shape), weights.shape[-1]
    weights = np.broadcast_to(weights, (*shape, num_weights))
    means = np.broadcast_to(means, (*shape, num_weights))
    exceed, density = np.empty(size), np.empty(size)
    for start in range(0, size, _ROWS):
        rows = slice(start, start + _ROWS)
        # the broadcast arrays are never there as a whole
        index = np.unravel_index(np.arange(size)[rows], shape) if shape else ()
        exceed[rows], density[rows] = _invert(
            np.atleast_1d(t[index]), np.atleast_2d(weights[index]), np.atleast_2d(means[index])
        )
    return exceed.reshape(shape)[()], density.reshape(shape)[()]


def _invert(t: np.ndarray, w: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tail and density of rows: t [N], w and means [N, K]."""
    largest = w.max(-1)
    w, below = w / largest[:, None], t <= 0
    # beyond these limits the tail is 1 and 0 in double precision
    t = np.clip(t / largest, 1e-20, 1e14)
    c = _saddle_point(t, w, means)
    factor = 1 / (1 - c[:, None] * w)
    pole, mean = w * factor, means * factor
    log_peak = np.log(factor).sum(-1) + (c[:, None] * w * mean).sum(-1) - c * t
    # second and third derivative of the logarithm of the integrand give scale and curvature
    scale = 1 / np.sqrt((pole**2 * (1 + 2 * mean)).sum(-1) + c**-2)
    third = (pole**3 * (2 + 6 * mean)).sum(-1) - 2 * c**-3
    slope = np.clip(third * scale**3 / 3, *_SLOPES)[:, None]
    u = _STEP * np.arange(_NODES)
    z = scale[:, None] * (slope * (np.cosh(u) - 1) + 1j * np.sinh(u))
    product = np.cosh(u) - 1j * slope * np.sinh(u)
    # the half with negative imaginary part is the conjugate
    product[:, 0] *= 0.5
    exponent = -z * t[:, None]
    for k in range(w.shape[1]):
        ratio = 1 / (1 - z * pole[:, k, None])
        product *= ratio
        if mean[:, k].any():
            exponent += mean[:, k, None] * (ratio - 1)
    product *= np.exp(exponent)
    peak = np.exp(log_peak) * scale * _STEP / np.pi
    density = peak * product.real.sum(-1) / largest
    integral = peak * (product / (c[:, None] + z)).real.sum(-1)
    exceed = np.where(c > 0, integral, 1 + integral)
    return np.where(below, 1.0, np.clip(exceed, 0, 1)), np.where(below, 0.0, density)


def _saddle_point(t: np.ndarray, w: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Real zero c of the logarithmic derivative, in (0, 1) for t above the mean, else below 0.

    The derivative is monotonic on both; bisection goes by the logarithm of the distance from the
    ends.
    """
    above = t > (w * (1 + means)).sum(-1)
    # 1 - c at least 4e-15, so that it is a number of its own
    low, high = np.full(t.shape, -60.0), np.where(above, 33.0, 60.0)
    for _ in range(28):
        y = (low + high) / 2
        c = _abscissa(y, above)
        factor = 1 / (1 - c[:, None] * w)
        slope = (w * factor * (1 + means * factor)).sum(-1) - t - 1 / c
        low, high = np.where(slope < 0, y, low), np.where(slope < 0, high, y)
    return _abscissa((low + high) / 2, above)


def _abscissa(y: np.ndarray, above: np.ndarray) -> np.ndarray:
    grown = np.exp(-y)
    return np.where(above, 1 / (1 + grown), -grown)
