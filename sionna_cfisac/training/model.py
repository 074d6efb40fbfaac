"""The Keras model whose loss is the negative utility."""

from typing import Any

import keras
from keras import ops

from sionna_cfisac import metrics
from sionna_cfisac.beamforming.learned import LearnedBeamformer
from sionna_cfisac.state import Tensor, real_dtype
from sionna_cfisac.training.data import split_batch


class TrainingModel(keras.Model):
    r"""Trains a beamformer without labels: the loss is the negative utility (8a) of its beams.

    .. math::
        \mathcal{L} = - \frac{1}{B} \sum_b \frac{1}{1+\beta_b} \Big( \sum_u R_{bu}
            + \beta_b \sum_t \log_2(1 + \mathrm{SNR}_{bt}) \Big)

    The division only matters where the weights β of the channels differ: without it the high ones
    would rule the gradient.

    Parameters
    ----------
    beamformer : LearnedBeamformer
        The layer to train

    Input
    -----
    batch : dict
        Of :class:`~sionna_cfisac.training.TrainingData`

    Output
    ------
    list of f : [B, M, S, Nt], complex
        Beams for every size in the batch
    """

    def __init__(self, beamformer: LearnedBeamformer, name: str | None = None) -> None:
        # the channels are complex, which autocasting would spoil
        super().__init__(name=name, autocast=False)
        self.beamformer = beamformer
        self.built = True

    def call(self, batch: dict[str, dict[str, Any]]) -> list[Tensor]:
        """Beams for every size in the batch."""
        return [self.beamformer.beams(state, weight) for state, weight in split_batch(batch)]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Negative mean of utility / (1 + β) of the beams ``y_pred`` on the channels ``x``."""
        utilities = [
            metrics.utility(state, f, weight) / (1.0 + ops.cast(weight, real_dtype(f)))
            for (state, weight), f in zip(split_batch(x), y_pred, strict=True)
        ]
        return -ops.mean(ops.concatenate(utilities))
