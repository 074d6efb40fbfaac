"""SNR that a detection probability takes."""

from typing import Any

import numpy as np

from sionna_cfisac.sensing.detection import (
    check_covariance,
    detection_probability,
    path_snr,
    with_power,
)
from sionna_cfisac.sensing.quadratic_form import probability

# of the search, in dB
_LIMITS = (-100.0, 160.0)
_BISECTIONS = 44


def required_snr_db(
    covariance: Any,
    false_alarm: float,
    probability_of_detection: float,
    detector: str = "neyman_pearson",
    *,
    swerling: int = 1,
    num_phases: int = 1024,
) -> np.ndarray:
    """Sum of the paths' SNRs that a probability of detection takes.

    The shares of the paths and the correlations of their waveforms stay; only their sum is changed.

    Parameters
    ----------
    covariance : [..., Mr, M, M], complex
        Covariances of the paths
    false_alarm : float
        Probability of a false alarm
    probability_of_detection : float
        Probability to reach, above ``false_alarm`` and below 1
    detector, swerling, num_phases
        As in :func:`detection_probability`

    Returns
    -------
    [...], float
        Sum of the SNRs of all paths, the traces of the covariances, in dB

    Raises
    ------
    ValueError
        If an argument is out of range, no path has power, or a shape does not fit
    """
    target = float(probability(probability_of_detection, "probability_of_detection"))
    if target <= float(probability(false_alarm, "false_alarm")):
        raise ValueError(
            f"probability_of_detection: expected more than false_alarm {false_alarm}, got {target}"
        )
    a = with_power(check_covariance(covariance))
    total = path_snr(a).sum(-1)
    a = a / total[..., None, None, None]
    low, high = (np.full(total.shape, limit) for limit in _LIMITS)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        scaled = a * 10.0 ** (middle[..., None, None, None] / 10.0)
        reached = target <= detection_probability(
            scaled, false_alarm, detector, swerling=swerling, num_phases=num_phases
        )
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return (low + high) / 2
