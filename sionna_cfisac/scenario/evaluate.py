"""Values of the measures on every channel of a batch."""

from collections.abc import Callable, Iterable

import numpy as np
from keras import ops

from sionna_cfisac import metrics
from sionna_cfisac.state import ChannelState, Tensor

POWER_TOLERANCE = 1e-5
"""Relative excess of an AP's power limit that single precision may cause."""


def _snr(state: ChannelState, f: Tensor) -> Tensor:
    return ops.mean(metrics.sensing_snr(state, f), axis=-1)


def _share(state: ChannelState, f: Tensor) -> Tensor:
    return ops.mean(metrics.sensing_snr(state, f) / metrics.max_sensing_snr(state), axis=-1)


_EVALUATIONS: dict[str, Callable[[ChannelState, Tensor, float], Tensor]] = {
    "sum_rate": lambda state, f, _: metrics.sum_rate(state, f),
    "min_rate": lambda state, f, _: ops.min(metrics.user_rates(state, f), axis=-1),
    "sensing_snr": lambda state, f, _: _snr(state, f),
    "sensing_snr_db": lambda state, f, _: 10.0 * ops.log10(_snr(state, f)),
    "sensing_share": lambda state, f, _: _share(state, f),
    "utility": metrics.utility,
    "ap_power_max": lambda state, f, _: ops.max(metrics.ap_power(f), axis=-1),
}


def evaluate(
    names: Iterable[str], state: ChannelState, f: Tensor, sensing_weight: float
) -> dict[str, np.ndarray]:
    """Evaluate measures of beams on every channel.

    Parameters
    ----------
    names : iterable of str
        Measures, except ``upper_bound``
    state : ChannelState
        B channels
    f : [B, M, S, Nt], complex
        Beams
    sensing_weight : float
        Weight in the utility

    Returns
    -------
    dict of str to [B] array, float64
        Values by measure
    """
    return {
        name: np.asarray(ops.convert_to_numpy(_EVALUATIONS[name](state, f, sensing_weight)), float)
        for name in names
    }


def check_feasible(state: ChannelState, f: Tensor) -> None:
    """Refuse beams that are not finite or exceed the power of an AP.

    Raises
    ------
    ValueError
        Naming the channel of the batch and the AP
    """
    power = np.asarray(ops.convert_to_numpy(metrics.ap_power(f)), float)
    limit = np.asarray(ops.convert_to_numpy(state.ap_power), float)
    bad = ~np.isfinite(power)
    if bad.any():
        channel, ap = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"f: expected finite beams, got nan or inf at AP {ap} of channel {channel}"
        )
    bad = power > limit * (1.0 + POWER_TOLERANCE)
    if bad.any():
        channel, ap = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"f: expected at most the power {limit[channel, ap]:g} at AP {ap} of channel "
            f"{channel}, got {power[channel, ap]:g}"
        )
