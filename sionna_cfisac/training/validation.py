"""How good a learned beamformer is: its utility as a share of the joint optimum's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from sionna_cfisac import metrics
from sionna_cfisac.beamforming.networks.learned import LearnedBeamformer
from sionna_cfisac.channel import ChannelLayer
from sionna_cfisac.state import ChannelState, Tensor
from sionna_cfisac.training.data import shares

_CHUNK = 500


@dataclass(frozen=True)
class Score:
    """Utility of a beamformer at one sensing weight.

    Attributes
    ----------
    sensing_weight : float
        Weight β
    utility : float
        Mean utility in bit/s/Hz
    share : None or float
        Mean utility as a share of the joint optimum's; None where that is not known: with several
        targets, or with Keras on another backend than TensorFlow, which computes it
    share_percentile_1 : None or float
        1st percentile over the channels of each one's own share
    num_channels : int
        Number of channels
    """

    sensing_weight: float
    utility: float
    share: float | None
    share_percentile_1: float | None
    num_channels: int


class Validation:
    """Scores of a beamformer on channels of its own, the same ones at every call.

    Parameters
    ----------
    channels : list of ChannelLayer
        One for each size of the network; every size gets its part of the channels
    num_channels : int
        Number of channels
    sensing_weights : list of float
        Weights to score
    seed : int
        Seed of the channels
    """

    def __init__(
        self,
        channels: Sequence[ChannelLayer],
        num_channels: int,
        sensing_weights: Sequence[float],
        seed: int,
    ) -> None:
        self.sensing_weights = [float(weight) for weight in sensing_weights]
        self._states = []
        parts = shares(num_channels, len(channels))
        for index, (layer, left) in enumerate(zip(channels, parts, strict=True)):
            block = 0
            while left > 0:
                word = np.random.SeedSequence([seed, index, block]).generate_state(1)[0]
                self._states.append(layer(min(left, _CHUNK), seed=int(word)))
                left, block = left - _CHUNK, block + 1
        self._optimum: dict[float, np.ndarray] = {}

    def __call__(self, beamformer: LearnedBeamformer) -> list[Score]:
        """Score at every sensing weight."""
        return [self._score(beamformer, weight) for weight in self.sensing_weights]

    def _score(self, beamformer: LearnedBeamformer, weight: float) -> Score:
        utility = self._utility(lambda state: beamformer.beams(state, weight), weight)
        optimum = self._reference(weight)
        return Score(
            weight,
            float(utility.mean()),
            None if optimum is None else float(utility.mean() / optimum.mean()),
            None if optimum is None else float(np.percentile(utility / optimum, 1)),
            len(utility),
        )

    def _reference(self, weight: float) -> np.ndarray | None:
        if keras.backend.backend() != "tensorflow":
            return None
        if weight > 0 and any(state.num_targets > 1 for state in self._states):
            return None  # the optimum of several targets is not known
        if weight not in self._optimum:
            from sionna_cfisac.beamforming import JointBeamformer

            self._optimum[weight] = self._utility(JointBeamformer(weight), weight)
        return self._optimum[weight]

    def _utility(self, beamformer: Callable[[ChannelState], Tensor], weight: float) -> np.ndarray:
        values = [
            ops.convert_to_numpy(metrics.utility(s, beamformer(s), weight)) for s in self._states
        ]
        return np.concatenate(values).astype(float)
