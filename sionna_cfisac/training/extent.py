"""What a training covers, for the card of the weights."""

import numpy as np

from sionna_cfisac.beamforming.trained_on import Interval, mean_gain, total_snr
from sionna_cfisac.training.data import Draw, TrainingData

_CHANNELS = 4096
# so that large networks fit into the memory
_AT_ONCE = 256
_DIGITS = 4


def trained_on(data: TrainingData, *, scale_free: bool) -> dict[str, list[float]]:
    """The section ``trained_on`` of a card: what a training covers.

    Parameters
    ----------
    data : TrainingData
        What is trained on
    scale_free : bool
        Whether the network sees nothing of the scale of channels and noise but their ratio; their
        own intervals are then left out

    Returns
    -------
    dict
        Name, of :data:`~sionna_cfisac.beamforming.trained_on.QUANTITIES` -> [lowest, highest]. Of
        the channels' gain and SNR, whose tails have no end, the 1st and the 99th percentile
    """
    sizes: set[tuple[int, ...]] = set()
    gain, snr = [], []
    for index in range(-(-_CHANNELS // (_AT_ONCE * data.num_sizes))):
        for fields in data.sample(_AT_ONCE * data.num_sizes, index).values():
            sizes.add(fields["h"].shape[1:])
            gain.append(mean_gain(fields["h"]))
            snr.append(total_snr(gain[-1], fields["ap_power"], fields["noise_power"]))
    found: dict[str, Interval] = {
        name: (min(column), max(column))
        for name, column in zip(
            ("num_aps", "num_users", "num_tx_ant"), zip(*sizes, strict=True), strict=True
        )
    }
    weight = data.sensing_weight
    found["sensing_weight"] = _ends(weight) if isinstance(weight, Draw) else (weight, weight)
    if not scale_free:
        found["channel_gain"] = _middle(gain)
        found["noise_power"] = _noise(data)
    found["snr"] = _middle(snr)
    return {name: list(ends) for name, ends in found.items()}


def _middle(values: list[np.ndarray]) -> Interval:
    low, high = np.percentile(np.concatenate(values), [1.0, 99.0])
    return float(f"{low:.{_DIGITS}g}"), float(f"{high:.{_DIGITS}g}")


def _noise(data: TrainingData) -> Interval:
    if data.noise_power is not None:
        return _ends(data.noise_power)
    own = np.concatenate([np.ravel(layer(1, seed=0).noise_power) for layer in data.channels])
    low, high = (1.0, 1.0) if data.noise_scale is None else _ends(data.noise_scale)
    return float(f"{low * own.min():.{_DIGITS}g}"), float(f"{high * own.max():.{_DIGITS}g}")


def _ends(draw: Draw) -> Interval:
    return float(draw.low), float(draw.high)
