"""Values of beams on every channel that are no metric by themselves: one number a channel."""

import zlib
from typing import Any

import numpy as np
from keras import ops

from sionna_cfisac import metrics
from sionna_cfisac.sensing import beam_covariance, detection_probability
from sionna_cfisac.state import ChannelState, Tensor

# few, since every channel has a shift of its own and the errors average out
_NUM_PHASES = 64


def min_rate(state: ChannelState, f: Tensor) -> Tensor:
    """Rate of the worst UE in bit/s/Hz, [B]."""
    return ops.min(metrics.user_rates(state, f), axis=-1)


def mean_sensing_snr(state: ChannelState, f: Tensor) -> Tensor:
    """Sensing SNR, the mean over the targets, [B]."""
    return ops.mean(metrics.sensing_snr(state, f), axis=-1)


def mean_sensing_snr_db(state: ChannelState, f: Tensor) -> Tensor:
    """Sensing SNR, the mean over the targets, in dB, [B]."""
    return 10.0 * ops.log10(mean_sensing_snr(state, f))


def sensing_share(state: ChannelState, f: Tensor) -> Tensor:
    """Sensing SNR as a share of the largest there is, the mean over the targets, [B]."""
    return ops.mean(metrics.sensing_snr(state, f) / metrics.max_sensing_snr(state), axis=-1)


def max_ap_power(state: ChannelState, f: Tensor) -> Tensor:
    """Highest transmit power of an AP, [B]."""
    return ops.max(metrics.ap_power(f), axis=-1)


def pd_neyman_pearson(
    state: ChannelState, f: Tensor, num_rx_ant: int, detection: Any
) -> np.ndarray:
    """Detection probability of the Neyman-Pearson test, [B]."""
    return _detection("neyman_pearson", state, f, num_rx_ant, detection)


def pd_energy(state: ChannelState, f: Tensor, num_rx_ant: int, detection: Any) -> np.ndarray:
    """Detection probability of the energy of all paths, [B]."""
    return _detection("energy", state, f, num_rx_ant, detection)


def pd_best_path(state: ChannelState, f: Tensor, num_rx_ant: int, detection: Any) -> np.ndarray:
    """Detection probability of the best path, [B]."""
    return _detection("best_path", state, f, num_rx_ant, detection)


def _detection(
    detector: str, state: ChannelState, f: Tensor, num_rx_ant: int, detection: Any
) -> np.ndarray:
    """Detection probabilities [B] in closed form."""
    covariance = beam_covariance(state, f, detection.num_symbols, num_rx_ant)
    return detection_probability(
        covariance * 10.0 ** (detection.gain_db / 10.0),
        detection.false_alarm,
        detector,
        swerling=detection.swerling,
        num_phases=_NUM_PHASES,
        shift=_shifts(state) if detection.swerling == 0 else 0.0,
    )


def _shifts(state: ChannelState) -> np.ndarray:
    """Uniform numbers [B, Mr, M - 1] that belong to a channel, whatever batch it comes in."""
    # what was drawn is the same to the last bit in every batch
    gain = np.ascontiguousarray(ops.convert_to_numpy(state.sensing_gain))
    a = np.ascontiguousarray(ops.convert_to_numpy(state.a))
    num_rx, num_aps = gain.shape[1:3]
    return np.stack(
        [
            np.random.default_rng(zlib.crc32(g.tobytes() + s.tobytes())).random(
                (num_rx, num_aps - 1)
            )
            for g, s in zip(gain, a, strict=True)
        ]
    )
