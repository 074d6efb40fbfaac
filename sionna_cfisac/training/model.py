"""The Keras model whose loss is the negative utility."""

from typing import Any

import keras
from keras import ops

from sionna_cfisac import metrics
from sionna_cfisac.arguments import one_of
from sionna_cfisac.beamforming.networks.learned import LearnedBeamformer
from sionna_cfisac.state import Tensor
from sionna_cfisac.training.data import split_batch

LOSSES = ("utility", "log_utility")
_LEAST_UTILITY = 1e-6


class TrainingModel(keras.Model):
    r"""Trains a beamformer without labels: the loss is the negative utility (8a) of its beams.

    .. math::
        \mathcal{L} = - \frac{1}{B} \sum_b \frac{1}{1+\beta_b} \Big( \sum_u R_{bu}
            + \beta_b \sum_t \log_2(1 + \mathrm{SNR}_{bt}) \Big)

    The division only matters where the weights β of the channels differ: without it the high ones
    would rule the gradient. Where sizes and noise powers differ as well, the loss
    ``"log_utility"``, the negative mean logarithm of the utility, counts relative gains alike.

    A beamformer with several ``candidates`` is trained for the mean of their losses.

    Parameters
    ----------
    beamformer : LearnedBeamformer
        The layer to train
    loss : "utility" (default) | "log_utility"
        What is maximised

    Input
    -----
    batch : dict
        Of :class:`~sionna_cfisac.training.TrainingData`

    Output
    ------
    list of lists of f : [B, M, S, Nt], complex
        Candidates for every size in the batch
    """

    def __init__(
        self, beamformer: LearnedBeamformer, loss: str = "utility", name: str | None = None
    ) -> None:
        # the channels are complex, which autocasting would spoil
        super().__init__(name=name, autocast=False)
        self.beamformer = beamformer
        self._loss = one_of(loss, "loss", LOSSES)
        self.built = True

    def call(self, batch: dict[str, dict[str, Any]]) -> list[list[Tensor]]:
        """Candidates for every size in the batch."""
        return [self.beamformer.candidates(state, weight) for state, weight in split_batch(batch)]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Negative mean of what is maximised by the beams ``y_pred`` on the channels ``x``."""
        gains = [
            self._gain(metrics.utility(state, f, weight), weight)
            for (state, weight), candidates in zip(split_batch(x), y_pred, strict=True)
            for f in candidates
        ]
        return -ops.mean(ops.concatenate(gains))

    def _gain(self, utility: Tensor, weight: Tensor) -> Tensor:
        if self._loss == "log_utility":
            return ops.log(ops.maximum(utility, _LEAST_UTILITY))
        return utility / (1.0 + ops.cast(weight, utility.dtype))
