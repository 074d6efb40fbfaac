"""Multistatic sensing: echoes of the APs' transmit signals, and detection of the target in them."""

from sionna_cfisac.sensing.covariance import beam_covariance, matched_filters, sample_covariance
from sionna_cfisac.sensing.detection import (
    DETECTORS,
    detection_probability,
    detection_statistic,
    detection_threshold,
)
from sionna_cfisac.sensing.multistatic import MultistaticChannel
from sionna_cfisac.sensing.required_snr import required_snr_db

__all__ = [
    "DETECTORS",
    "MultistaticChannel",
    "beam_covariance",
    "detection_probability",
    "detection_statistic",
    "detection_threshold",
    "matched_filters",
    "required_snr_db",
    "sample_covariance",
]
