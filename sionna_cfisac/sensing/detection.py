r"""Detection of a target from its echoes: thresholds and probabilities in closed form.

With the eigenvalues :math:`\lambda_k` of the paths' covariances
(:mod:`~sionna_cfisac.sensing.covariance`) of all receivers, the data are independent
:math:`y_k = v_k + \sqrt{\lambda_k}\, b_k` with noise of unit variance, and every test compares a
sum :math:`\sum_k w_k |y_k|^2` with a threshold:

- ``neyman_pearson``: :math:`w_k = \lambda_k / (1 + \lambda_k)`, the most powerful test for targets
  that fluctuate (Swerling I); it knows the SNRs of all paths;
- ``energy``: :math:`w_k = 1`, all directions alike, the generalised likelihood-ratio test (GLRT)
  of unknown gains;
- ``best_path``: the filter matched to the one path whose output has the highest mean.

Gains of Swerling-I targets are Gaussian, so that :math:`b_k \sim \mathcal{CN}(0, 1)`. With
Swerling 0 the gain of a path has a constant power and a random phase; where waveforms are
correlated, the phases mix and the probability is the mean over them. (``neyman_pearson`` is then
the same test, but no longer the most powerful one.)
"""

from typing import Any, NamedTuple

import numpy as np

from sionna_cfisac.arguments import integer, one_of
from sionna_cfisac.sensing import detectors as declared
from sionna_cfisac.sensing import quadratic_form
from sionna_cfisac.sensing.multistatic import check_swerling
from sionna_cfisac.sensing.quadratic_form import probability

DETECTORS = tuple(declared.DETECTORS)
"""Names of the tests."""

# relative to the strongest: what rounding in single precision makes of a path that is not there
_NEGLIGIBLE = 1e-9
# an SNR below which an echo is none: its square has no number in double precision
_LEAST_SNR = 1e-150


class Spectrum(NamedTuple):
    """Paths of all receivers along independent directions.

    Attributes
    ----------
    values : [..., K], float
        Eigenvalues λ of the covariances, K = Mr * M
    vectors : [..., Mr, M, M], complex
        Eigenvectors of each receiver, in the last axis but one
    """

    values: np.ndarray
    vectors: np.ndarray


def detection_threshold(
    covariance: Any, false_alarm: Any, detector: str = "neyman_pearson"
) -> np.ndarray:
    """Threshold that noise alone exceeds with a given probability.

    Parameters
    ----------
    covariance : [..., Mr, M, M], complex
        Covariances of the paths
    false_alarm : [...], float
        Probability of a false alarm, broadcast against the leading axes
    detector : "neyman_pearson" | "energy" | "best_path"
        Test

    Returns
    -------
    [...], float
        Threshold for :func:`detection_statistic`

    Raises
    ------
    ValueError
        If an argument is out of range, no path has power, or a shape does not fit
    """
    one_of(detector, "detector", DETECTORS)
    values = spectrum(with_power(check_covariance(covariance))).values
    if detector == "best_path":
        return np.broadcast_to(
            -np.log(probability(false_alarm, "false_alarm")),
            np.broadcast_shapes(np.shape(false_alarm), values.shape[:-1]),
        )
    return quadratic_form.threshold(false_alarm, _weights(values, detector))


def detection_probability(
    covariance: Any,
    false_alarm: Any,
    detector: str = "neyman_pearson",
    *,
    swerling: int = 1,
    num_phases: int = 1024,
    shift: Any = 0.0,
) -> np.ndarray:
    r"""Probability that a target is detected.

    With independent waveforms and Swerling I the best path alone has
    :math:`P_d = P_{fa}^{1 / (1 + \lambda)}`. Where no path has power, data say nothing of the
    target, and :math:`P_d = P_{fa}`.

    Parameters
    ----------
    covariance : [..., Mr, M, M], complex
        Covariances of the paths
    false_alarm : [...], float
        Probability of a false alarm, broadcast against the leading axes
    detector : "neyman_pearson" | "energy" | "best_path"
        Test
    swerling : 0 or 1
        1: gains are Gaussian; 0: of constant power and random phase
    num_phases : int
        Points of the mean over the phases, a power of two; only for Swerling 0 and correlated
        waveforms. With 1024 the error is up to 1e-2 for 25 paths that all carry one waveform, and
        2e-3 for those of several streams; with few paths it is far below
    shift : float or [..., Mr, M - 1], float
        Shift of the points in turns, uniform in [0, 1) and another for every channel: then their
        errors are independent, and the mean over many channels is good with few points

    Returns
    -------
    [...], float
        Probability of detection

    Raises
    ------
    ValueError
        If an argument is out of range, or a shape does not fit
    """
    one_of(detector, "detector", DETECTORS)
    check_swerling(swerling)
    if integer(num_phases, "num_phases", 1) & (num_phases - 1):
        raise ValueError(f"num_phases: expected a power of two, got {num_phases}")
    a = check_covariance(covariance)
    silent = _silent(a)
    # any covariance does in the place of none: its result is not taken
    a = np.where(silent[..., None, None, None], np.eye(a.shape[-1]), a)
    limit = detection_threshold(a, false_alarm, detector)
    if detector == "best_path":
        row, own = _best_path(a)
        # on average all paths together give the filter this power, and the noise one
        power = (np.abs(row) ** 2).sum(-1) / own
        weights = np.ones((*own.shape, 1))
        values = power[..., None]
        # [..., 1, 1, M]
        means = (row / np.sqrt(own)[..., None])[..., None, None, :]
    else:
        values, vectors = spectrum(a)
        weights = _weights(values, detector)
        # [..., Mr, K, M]: how much the gain of path m gives to direction k
        means = np.sqrt(values).reshape(vectors.shape[:-1])[..., None] * vectors.conj().swapaxes(
            -1, -2
        )
    if swerling == 1:
        detected = quadratic_form.tail(limit, weights * (1.0 + values))
    else:
        phases = num_phases if _correlated(a) else 1
        detected = _mean_over_phases(limit, weights, means, phases, shift)
    return np.where(silent, np.asarray(false_alarm, float), detected)[()]


def detection_statistic(
    covariance: Any, matched: Any, detector: str = "neyman_pearson"
) -> np.ndarray:
    r"""What a test compares with its threshold.

    Parameters
    ----------
    covariance : [..., Mr, M, M], complex
        Covariances of the paths, for the signal that was sent
    matched : [..., Mr, M], complex
        Outputs of the matched filters,
        :func:`~sionna_cfisac.sensing.covariance.matched_filters`
    detector : "neyman_pearson" | "energy" | "best_path"
        Test

    Returns
    -------
    [...], float
        Statistic

    Raises
    ------
    ValueError
        If there is no such test, no path has power, or a shape does not fit
    """
    one_of(detector, "detector", DETECTORS)
    a = with_power(check_covariance(covariance))
    c = np.asarray(matched, np.complex128)
    if c.ndim < 2 or c.shape[-2:] != a.shape[-3:-1]:
        raise ValueError(
            f"matched: expected shape [..., {a.shape[-3]}, {a.shape[-2]}], got {c.shape}"
        )
    if detector == "best_path":
        flat = c.reshape(*c.shape[:-2], -1)
        best = np.broadcast_to(_best(a)[..., None], (*flat.shape[:-1], 1))
        own = np.take_along_axis(np.broadcast_to(path_snr(a), flat.shape), best, -1)
        return (np.abs(np.take_along_axis(flat, best, -1)) ** 2 / own)[..., 0]
    values, vectors = spectrum(a)
    # [..., Mr, K, M] x [..., Mr, M] -> [..., Mr * K]; |y|² = |v^H c|² / λ
    along = np.matmul(vectors.conj().swapaxes(-1, -2), c[..., None])[..., 0]
    along = np.abs(along.reshape(*along.shape[:-2], -1)) ** 2
    weights = _weights(values, detector)
    return (along * np.divide(weights, values, out=np.zeros_like(values), where=weights > 0)).sum(
        -1
    )


def spectrum(covariance: Any) -> Spectrum:
    """Eigenvalues and eigenvectors of covariances [..., Mr, M, M]; what is negligible is zero."""
    values, vectors = np.linalg.eigh(check_covariance(covariance))
    values = values.reshape(*values.shape[:-2], -1)
    strongest = values.max(-1, keepdims=True)
    return Spectrum(np.where(values > _NEGLIGIBLE * strongest, values, 0.0), vectors)


def _weights(values: np.ndarray, detector: str) -> np.ndarray:
    return values / (1.0 + values) if detector == "neyman_pearson" else (values > 0).astype(float)


def check_covariance(value: Any) -> np.ndarray:
    """Covariances [..., Mr, M, M] as complex128, checked."""
    try:
        a = np.asarray(value, np.complex128)
    except (TypeError, ValueError):
        raise ValueError(
            f"covariance: expected an array [..., Mr, M, M], got a {type(value).__name__}"
        ) from None
    if a.ndim < 3 or a.shape[-1] != a.shape[-2] or a.shape[-1] == 0:
        raise ValueError(f"covariance: expected shape [..., Mr, M, M], got {a.shape}")
    if not np.isfinite(a).all():
        raise ValueError("covariance: expected finite numbers, got others")
    return a


def with_power(a: np.ndarray) -> np.ndarray:
    """Covariances, checked that each channel has a path with power."""
    if _silent(a).any():
        raise ValueError("covariance: expected a path with power on every channel, got none")
    return a


def _silent(a: np.ndarray) -> np.ndarray:
    """Channels [...] on which no path has power."""
    return path_snr(a).max(-1, initial=0.0) < _LEAST_SNR


def path_snr(a: np.ndarray) -> np.ndarray:
    """SNRs of all paths, [..., Mr * M]."""
    own = np.diagonal(a, axis1=-2, axis2=-1).real
    return own.reshape(*own.shape[:-2], -1)


def _best(a: np.ndarray) -> np.ndarray:
    """Index [...] of the path whose matched filter gives most, among Mr * M."""
    own = path_snr(a)
    gathered = (np.abs(a) ** 2).sum(-1).reshape(own.shape)
    power = np.divide(gathered, own, out=np.zeros_like(own), where=own > 0)
    return power.argmax(-1)


def _best_path(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row [..., M] of the best path in its receiver's covariance, and its own SNR [...]."""
    num_rx, num_aps = a.shape[-3:-1]
    best = _best(a)[..., None]
    rows = a.reshape(*a.shape[:-3], num_rx * num_aps, num_aps)
    row = np.take_along_axis(rows, best[..., None], -2)[..., 0, :]
    return row, np.take_along_axis(path_snr(a), best, -1)[..., 0]


def _correlated(a: np.ndarray) -> bool:
    """Whether any two paths of a receiver have waveforms that are not orthogonal."""
    off = np.abs(a * (1.0 - np.eye(a.shape[-1])))
    return bool((off.max((-3, -2, -1)) > 1e-12 * path_snr(a).max(-1)).any())


def _mean_over_phases(
    limit: np.ndarray, weights: np.ndarray, means: np.ndarray, num_phases: int, shift: Any
) -> np.ndarray:
    """Mean tail [...] over random phases of the paths.

    ``weights`` is [..., K] and ``means`` [..., receivers, directions, paths] with K directions in
    all: what a path of phase zero adds to the mean of a direction.
    """
    receivers, _, paths = means.shape[-3:]
    # a common phase of a receiver's paths changes nothing
    size = receivers * (paths - 1)
    points = np.zeros((num_phases, receivers, paths - 1))
    if size:
        # it takes a second to import
        from scipy.stats import qmc

        sequence = qmc.Sobol(size, rng=np.random.default_rng(0)).random(num_phases)
        points = sequence.reshape(points.shape)
    offset = np.asarray(shift, float)
    if offset.ndim:
        # the best single path is of one receiver
        offset = offset[..., None, :receivers, :]
    turns = np.exp(2j * np.pi * (points + offset))
    turns = np.concatenate([np.ones((*turns.shape[:-1], 1)), turns], axis=-1)
    # [..., Mr, K, M] x [..., Mr, M, P] -> [..., Mr, K, P] -> [..., P, Mr, K]
    mean = np.moveaxis(np.matmul(means, np.moveaxis(turns, -3, -1)), -1, -3)
    # beyond it the target is detected to every digit, and the inversion has no numbers left
    noncentrality = np.minimum(np.abs(mean.reshape(*mean.shape[:-2], -1)) ** 2, 1e6)
    return quadratic_form.tail(limit[..., None], weights[..., None, :], noncentrality).mean(-1)
