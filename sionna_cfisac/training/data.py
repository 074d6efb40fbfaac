"""Training channels: any step's batch is drawn from the seed and the number of the step alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from sionna_cfisac.arguments import integer, number, one_of, raise_first
from sionna_cfisac.channel import ChannelLayer
from sionna_cfisac.seeds import TrainingStream, training_sequence
from sionna_cfisac.state import ChannelState
from sionna_cfisac.training.rules import batch_conflicts, noise_conflicts, order_conflicts

Batch = dict[str, dict[str, np.ndarray]]
"""Name of a size -> fields of its channels and their ``sensing_weight``."""

_SCALES = ("log", "log1p")
_NOISE: tuple[TrainingStream, ...] = ("noise_power", "sensing_noise_power")


@dataclass(frozen=True)
class Draw:
    """A number that is drawn anew for every channel.

    Attributes
    ----------
    low, high : float
        Range
    scale : "log" | "log1p"
        What is uniform: the logarithm of the number, or of one more than it, which may be zero
    low_share : float
        Share of the channels that get ``low`` itself

    Raises
    ------
    ValueError
        If the range is empty or cannot be drawn from on this scale
    """

    low: float
    high: float
    scale: str = "log"
    low_share: float = 0.0

    def __post_init__(self) -> None:
        one_of(self.scale, "scale", _SCALES)
        number(self.low, "low", 0.0, above=self.scale == "log")
        number(self.high, "high", 0.0)
        raise_first(order_conflicts(self.low, self.high))
        number(self.low_share, "low_share", 0.0, 1.0)

    def __call__(self, size: int, generator: np.random.Generator) -> np.ndarray:
        """Draw ``size`` numbers, float32."""
        shift = 1.0 if self.scale == "log1p" else 0.0
        low, high = np.log(self.low + shift), np.log(self.high + shift)
        values = np.exp(generator.uniform(low, high, size)) - shift
        # rounding must not leave the range
        values = np.clip(values, self.low, self.high)
        return np.where(generator.random(size) < self.low_share, self.low, values).astype("float32")


class TrainingData(keras.utils.PyDataset):
    """Batches of channels for ``Model.fit``, one epoch long.

    Every batch holds channels of every size, each size the same number up to one. With
    ``num_samples`` the channels are a fixed set of that many, in another order in every pass, as
    in the paper; without, every step sees new ones.

    Parameters
    ----------
    channels : list of ChannelLayer
        One for each size of the network
    batch_size : int
        Number of channels in a batch, at least the number of sizes
    steps_per_epoch : int
        Number of batches in an epoch
    seed : int
        Seed of everything drawn here
    sensing_weight : float or Draw
        Weight β of sensing
    noise_power : None or Draw
        Noise power of the UEs of a channel, and in another draw of its radar receivers; None leaves
        those of the layers
    noise_scale : None or Draw
        Instead, a factor on the layers' own noise powers, drawn alike
    num_samples : None or int
        Size of the fixed set; at least one batch
    epoch : int
        Epoch whose batches it holds. Keras counts it up before the first epoch of ``fit`` and
        after every one

    Raises
    ------
    ValueError
        If a batch has fewer channels than there are sizes, or more than the fixed set, or the
        noise is drawn in two ways
    """

    def __init__(
        self,
        channels: Sequence[ChannelLayer],
        *,
        batch_size: int,
        steps_per_epoch: int,
        seed: int,
        sensing_weight: float | Draw,
        noise_power: Draw | None = None,
        noise_scale: Draw | None = None,
        num_samples: int | None = None,
        epoch: int = 0,
    ) -> None:
        super().__init__()
        integer(steps_per_epoch, "steps_per_epoch", 1)
        if not isinstance(sensing_weight, Draw):
            number(sensing_weight, "sensing_weight", 0.0)
        raise_first(batch_conflicts(batch_size, len(channels), num_samples))
        raise_first(noise_conflicts(noise_power, noise_scale))
        self.channels, self.num_sizes = list(channels), len(channels)
        self.batch_size, self.steps_per_epoch = batch_size, steps_per_epoch
        self.seed, self.epoch = seed, epoch
        self.sensing_weight = sensing_weight
        self.noise_power, self.noise_scale = noise_power, noise_scale
        self.num_samples = num_samples
        self._fixed = None if num_samples is None else self.sample(num_samples, step=0)

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[Batch]:
        step = self.epoch * self.steps_per_epoch + index
        if self._fixed is None or self.num_samples is None:
            # Keras takes a tuple for inputs, targets and weights, and there are no targets
            return (self.sample(self.batch_size, step),)
        per_size = shares(self.batch_size, len(self.channels))
        sizes = shares(self.num_samples, len(self.channels))
        per_pass = min(size // share for size, share in zip(sizes, per_size, strict=True))
        generator = np.random.default_rng(training_sequence(self.seed, "order", step // per_pass))
        batch: Batch = {}
        for (name, fields), size, share in zip(self._fixed.items(), sizes, per_size, strict=True):
            order = generator.permutation(size)
            chosen = order[(step % per_pass) * share : (step % per_pass + 1) * share]
            batch[name] = {key: value[chosen] for key, value in fields.items()}
        return (batch,)

    def sample(self, size: int, step: int) -> Batch:
        """``size`` channels like those of every step, others for another ``step``."""
        batch: Batch = {}
        for index, (layer, share) in enumerate(
            zip(self.channels, shares(size, len(self.channels)), strict=True)
        ):
            seeds = partial(training_sequence, self.seed)
            word = seeds("channel", step, index).generate_state(1)[0]
            state = layer(share, seed=int(word))
            fields = {k: ops.convert_to_numpy(v) for k, v in state._asdict().items()}
            fields["sensing_weight"] = self._weights(share, seeds("sensing_weight", step, index))
            drawn = self.noise_power or self.noise_scale
            # one draw for all UEs, another for all radar receivers
            if drawn is not None:
                for key in _NOISE:
                    generator = np.random.default_rng(seeds(key, step, index))
                    noise = drawn(share, generator)[:, None]
                    own = np.ones_like(fields[key]) if self.noise_scale is None else fields[key]
                    fields[key] = noise * own
            batch[str(index)] = fields
        return batch

    def _weights(self, size: int, seed: np.random.SeedSequence) -> np.ndarray:
        if isinstance(self.sensing_weight, Draw):
            return self.sensing_weight(size, np.random.default_rng(seed))
        return np.full(size, self.sensing_weight, "float32")


def split_batch(batch: dict[str, dict[str, Any]]) -> list[tuple[ChannelState, Any]]:
    """Channels and sensing weights of every size in a batch."""
    return [
        (ChannelState(**{k: fields[k] for k in ChannelState._fields}), fields["sensing_weight"])
        for fields in batch.values()
    ]


def shares(size: int, parts: int) -> list[int]:
    """Split ``size`` into ``parts`` numbers that differ by at most one."""
    return [size // parts + (index < size % parts) for index in range(parts)]
