"""Whether beams may be sent."""

import numpy as np
from keras import ops

from sionna_cfisac import metrics
from sionna_cfisac.state import ChannelState, Tensor, concrete

POWER_TOLERANCE = 1e-5
"""Relative excess of an AP's power limit that single precision may cause."""


def check_feasible(state: ChannelState, f: Tensor) -> None:
    """Refuse beams that are not finite or exceed the power of an AP.

    In a graph that is being traced there are no values, and nothing is checked.

    Raises
    ------
    ValueError
        Naming the channel of the batch and the AP
    """
    power, limit = concrete(metrics.ap_power(f)), concrete(ops.convert_to_tensor(state.ap_power))
    if power is None or limit is None:
        return
    bad = ~np.isfinite(power)
    if bad.any():
        channel, ap = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"f: expected finite beams, got nan or inf at AP {ap} of channel {channel}"
        )
    bad = power > limit.astype(float) * (1.0 + POWER_TOLERANCE)
    if bad.any():
        channel, ap = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"f: expected at most the power {limit[channel, ap]:g} at AP {ap} of channel "
            f"{channel}, got {power[channel, ap]:g}"
        )
