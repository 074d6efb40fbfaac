"""The training loop: logs, checkpoints, exact resumption.

It draws its batches itself instead of leaving that to ``Model.fit``: an error or Ctrl-C inside of
``fit`` leaves TensorFlow's iterator over the data alive, whose destructor can wait for ever for a
thread that waits for the interpreter to end.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
from keras import ops

from sionna_cfisac.arguments import integer, number, one_of
from sionna_cfisac.beamforming.networks.learned import LearnedBeamformer
from sionna_cfisac.training.data import TrainingData
from sionna_cfisac.training.log import Logs
from sionna_cfisac.training.model import LOSSES, TrainingModel
from sionna_cfisac.training.validation import Score, Validation

LAST, BEST = "_last.weights.h5", "_best.weights.h5"
_EPOCH, _BEST, _SECONDS = "epoch", "best", "seconds"
_MANY_SIZES = 4


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes
    ----------
    num_epochs : int
        Number of epochs; every one ends with a validation and a checkpoint
    learning_rate : float
        Highest learning rate of Adam; it falls to zero along a half cosine
    warmup_steps : int
        Number of steps over which the learning rate first rises from zero; at most half of all
    loss : "utility" | "log_utility"
        As in :class:`TrainingModel`
    clip_norm : None or float
        Largest norm of a step's gradient, which is shortened to it; None leaves it
    """

    num_epochs: int
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    loss: str = "utility"
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        integer(self.num_epochs, "num_epochs", 1)
        number(self.learning_rate, "learning_rate", 0.0, above=True)
        integer(self.warmup_steps, "warmup_steps", 0)
        one_of(self.loss, "loss", LOSSES)
        if self.clip_norm is not None:
            number(self.clip_norm, "clip_norm", 0.0, above=True)


class TrainingError(RuntimeError):
    """The training cannot go on, although its arguments are right."""


@dataclass(frozen=True)
class Progress:
    """What a training tells while it runs.

    Attributes
    ----------
    step : int
        Steps done
    objective : float
        What is maximised, by default utility / (1 + β), averaged over the epoch's batches so far
    scores : None or list of Score
        Of the validation that has just been done, if any
    """

    step: int
    objective: float
    scores: list[Score] | None = None


def train(
    beamformer: LearnedBeamformer,
    data: TrainingData,
    validation: Validation,
    plan: TrainingPlan,
    folder: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> float:
    """Train a beamformer in place; it ends with the weights of its best validation.

    After every epoch the folder holds the checkpoints ``_last.weights.h5``, with all that it takes
    to go on as if nothing had happened, and ``_best.weights.h5``; ``log.csv``, and the same for
    TensorBoard in ``tensorboard``.

    Parameters
    ----------
    beamformer : LearnedBeamformer
        The layer to train
    data : TrainingData
        Batches to train on; its ``epoch`` is set here, the first one being 1
    validation : Validation
        Scores after every epoch
    plan : TrainingPlan
        How long and how fast
    folder : Path
        Where checkpoints and logs go
    resume : bool
        Continue from the checkpoints where there are any
    on_progress : callable, optional
        Called after every step and every validation

    Returns
    -------
    float
        Seconds spent, those before an interruption included

    Raises
    ------
    TrainingError
        If a checkpoint is missing, damaged or of another beamformer, or the objective not finite
    """
    model = TrainingModel(beamformer, plan.loss)
    steps = plan.num_epochs * data.steps_per_epoch
    warmup = min(plan.warmup_steps, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else plan.learning_rate,
        steps - warmup,
        warmup_target=plan.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    # XLA compiles every size on its own, which takes longer than it saves where there are many
    many = data.num_sizes > _MANY_SIZES and keras.backend.backend() == "tensorflow"
    model.compile(
        optimizer=keras.optimizers.Adam(schedule, global_clipnorm=plan.clip_norm),
        jit_compile=False if many else "auto",
    )
    model.optimizer.build(model.trainable_variables)
    folder.mkdir(parents=True, exist_ok=True)
    state = _restore(model, folder) if resume and (folder / LAST).exists() else _fresh()
    epoch = int(state[_EPOCH])
    with Logs(folder, validation.sensing_weights, epoch) as logs:
        follower = _Follower(model, validation, folder, logs, state, data, on_progress)
        for current, batches in _epochs(data, epoch + 1, plan.num_epochs):
            model.reset_metrics()
            for index, batch in enumerate(batches):
                # the mean over the epoch so far
                loss = float(model.train_on_batch(*batch))
                follower.on_batch(current, index, -loss)
            follower.on_epoch(current, -loss)
    model.load_weights(folder / BEST)
    return float(follower.state[_SECONDS])


def _epochs(data: TrainingData, first: int, last: int) -> Iterator[tuple[int, Iterator[Any]]]:
    """Number and batches of every epoch; the next batch is drawn while one is trained on."""
    with ThreadPoolExecutor(1) as drawer:

        def batches() -> Iterator[Any]:
            following = drawer.submit(data.__getitem__, 0)
            for index in range(1, len(data) + 1):
                batch = following.result()
                if index < len(data):
                    following = drawer.submit(data.__getitem__, index)
                yield batch

        for epoch in range(first, last + 1):
            # by its number, so that a resumed training draws what an uninterrupted one would
            data.epoch = epoch
            yield epoch, batches()


class _Follower:
    """Validates, logs and saves after every epoch."""

    def __init__(
        self,
        model: TrainingModel,
        validation: Validation,
        folder: Path,
        logs: Logs,
        state: dict[str, float],
        data: TrainingData,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.state = state
        self._model = model
        self._validation, self._folder, self._logs = validation, folder, logs
        self._data = data
        self._tell = on_progress or (lambda progress: None)
        self._start = time.perf_counter() - state[_SECONDS]

    def on_batch(self, epoch: int, index: int, objective: float) -> None:
        step = (epoch - 1) * self._data.steps_per_epoch + index + 1
        _check(objective, "objective", step)
        self._tell(Progress(step, objective))

    def on_epoch(self, epoch: int, objective: float) -> None:
        scores = self._validation(self._model.beamformer)
        quality = _quality(scores)
        step = epoch * self._data.steps_per_epoch
        _check(quality, "validation", step)
        better = quality > self.state[_BEST]
        self.state = {
            _EPOCH: epoch,
            _BEST: max(quality, self.state[_BEST]),
            _SECONDS: time.perf_counter() - self._start,
        }
        rate = float(ops.convert_to_numpy(self._model.optimizer.learning_rate))
        self._logs.write(epoch - 1, step, self.state[_SECONDS], rate, objective, scores)
        if better:
            _save(self._model, self._folder / BEST, self.state)
        _save(self._model, self._folder / LAST, self.state)
        self._tell(Progress(step, objective, scores))


def _quality(scores: list[Score]) -> float:
    """One number to compare epochs by: the mean share, or objective where one is not known."""
    values = [score.share for score in scores if score.share is not None]
    if len(values) < len(scores):
        values = [score.utility / (1.0 + score.sensing_weight) for score in scores]
    return sum(values) / len(values)


def _check(value: float, what: str, step: int) -> None:
    if not math.isfinite(value):
        raise TrainingError(f"the {what} gives {value} at step {step}; try a lower learning_rate")


def _fresh() -> dict[str, float]:
    return {_EPOCH: 0, _BEST: float("-inf"), _SECONDS: 0.0}


def _save(model: keras.Model, file: Path, state: dict[str, float]) -> None:
    partial = file.with_name("partial-" + file.name)
    model.save_weights(partial, overwrite=True)
    with h5py.File(partial, "r+") as store:
        # in the same file, so that a kill between two writes cannot part them
        store.attrs.update(state)
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(partial, file)


def _restore(model: keras.Model, folder: Path) -> dict[str, float]:
    state: dict[str, float] = {}
    # the best one is not needed before the end, but then it had better be there
    for file in (folder / BEST, folder / LAST):
        try:
            with h5py.File(file, "r") as store:
                state = {key: float(store.attrs[key]) for key in (_EPOCH, _BEST, _SECONDS)}
            model.load_weights(file)
        except (OSError, KeyError, ValueError) as error:
            message = f"{file}: expected a checkpoint of this training, {error}"
            raise TrainingError(message) from error
    return state
