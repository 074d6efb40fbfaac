"""Values of the measures on every channel of a batch."""

import zlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from keras import ops

from sionna_cfisac import metrics
from sionna_cfisac.scenario.measures import DETECTION
from sionna_cfisac.scenario.schema import ScenarioSpec
from sionna_cfisac.sensing import beam_covariance, detection_probability
from sionna_cfisac.state import ChannelState, Tensor

# few, since every channel has a shift of its own and the errors average out
_NUM_PHASES = 64


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


def evaluator(
    names: Iterable[str], scenario: ScenarioSpec
) -> Callable[[ChannelState, Tensor], dict[str, np.ndarray]]:
    """What evaluates measures of beams on every channel.

    Parameters
    ----------
    names : iterable of str
        Measures, except error rates and ``upper_bound``
    scenario : ScenarioSpec
        The condition: weight of sensing and detection

    Returns
    -------
    callable
        ``(state, f) -> {name: [B] array of float64}`` for B channels and beams [B, M, S, Nt]
    """
    plain = [name for name in names if not name.startswith(DETECTION)]
    detectors = [name for name in names if name.startswith(DETECTION)]
    weight = scenario.objective.sensing_weight

    def evaluate(state: ChannelState, f: Tensor) -> dict[str, np.ndarray]:
        values = {
            name: np.asarray(ops.convert_to_numpy(_EVALUATIONS[name](state, f, weight)), float)
            for name in plain
        }
        return values | _detection(detectors, scenario, state, f)

    return evaluate


def _detection(
    names: Sequence[str], scenario: ScenarioSpec, state: ChannelState, f: Tensor
) -> dict[str, np.ndarray]:
    """Detection probabilities [B] in closed form."""
    spec = scenario.detection
    if not names or spec is None:
        return {}
    covariance = beam_covariance(state, f, spec.num_symbols, scenario.network.num_rx_ant)
    covariance = covariance * 10.0 ** (spec.gain_db / 10.0)
    shift = _shifts(state) if spec.swerling == 0 else 0.0
    return {
        name: detection_probability(
            covariance,
            spec.false_alarm,
            name.removeprefix(DETECTION),
            swerling=spec.swerling,
            num_phases=_NUM_PHASES,
            shift=shift,
        )
        for name in names
    }


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
