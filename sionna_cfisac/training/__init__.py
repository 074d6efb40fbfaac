"""Unsupervised training of learned beamformers, with the TensorFlow and JAX backends of Keras."""

from sionna_cfisac.training.data import Draw, TrainingData
from sionna_cfisac.training.model import TrainingModel
from sionna_cfisac.training.train import Progress, TrainingError, TrainingPlan, train
from sionna_cfisac.training.validation import Score, Validation

__all__ = [
    "Draw",
    "Progress",
    "Score",
    "TrainingData",
    "TrainingError",
    "TrainingModel",
    "TrainingPlan",
    "Validation",
    "train",
]
