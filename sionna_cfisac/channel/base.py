"""What all channel layers have in common: sizes, powers, seeds."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from sionna_cfisac.channel.draws import Seed
from sionna_cfisac.radio import UNIT_SCALE_NOISE
from sionna_cfisac.state import ChannelState, Tensor

Powers = float | Sequence[float]


class ChannelLayer(keras.layers.Layer):
    r"""Base of the layers that draw a :class:`~sionna_cfisac.ChannelState`.

    A subclass implements ``draw(batch_size, seeds)``, where each ``next(seeds)`` seeds one draw.

    Parameters
    ----------
    num_aps : int
        Number M of access points; each transmits and receives
    num_users : int
        Number U of single-antenna UEs
    num_tx_ant : int
        Number Nt of transmit antennas of each AP
    num_targets : int
        Number T of targets
    total_power : float
        Power of all APs together, shared equally; ignored where ``ap_power`` is given
    ap_power : None, float or [M] floats
        Power limit of each AP; None stands for ``total_power / num_aps``
    noise_power : float or [U] floats
        Noise power σ² of the UEs
    sensing_noise_power : float or [M] floats
        Radar receiver noise power ς²
    seed : None or int
        Seed of the layer's own generator, which moves on with every call
    dtype : None, "float32" or "float64"
        Precision of the output; by default Keras' ``floatx``

    Input
    -----
    batch_size : int
        Number of channels to draw
    seed : None or int
        Draws exactly the channels of this seed and leaves the layer's generator alone

    Output
    ------
    ChannelState
        With the shapes of :class:`~sionna_cfisac.ChannelState`

    Raises
    ------
    ValueError
        If a size is not a positive integer, a power is negative, or a noise power not positive
    """

    def __init__(
        self,
        num_aps: int = 5,
        num_users: int = 2,
        num_tx_ant: int = 8,
        num_targets: int = 1,
        *,
        total_power: float = 1.0,
        ap_power: Powers | None = None,
        noise_power: Powers = UNIT_SCALE_NOISE,
        sensing_noise_power: Powers = UNIT_SCALE_NOISE,
        seed: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        self.num_aps = positive_int(num_aps, "num_aps")
        self.num_users = positive_int(num_users, "num_users")
        self.num_tx_ant = positive_int(num_tx_ant, "num_tx_ant")
        self.num_targets = positive_int(num_targets, "num_targets")
        if self.compute_dtype not in ("float32", "float64"):
            raise ValueError(f"dtype: expected float32 or float64, got {self.compute_dtype}")
        self.total_power = total_power
        share = _powers(total_power, 1, "total_power")[0] / num_aps
        self.ap_power = _powers(share if ap_power is None else ap_power, num_aps, "ap_power")
        self.noise_power = _powers(noise_power, num_users, "noise_power", positive=True)
        self.sensing_noise_power = _powers(
            sensing_noise_power, num_aps, "sensing_noise_power", positive=True
        )
        self.seed = None if seed is None else check_seed(seed)
        self._generator = keras.random.SeedGenerator(seed)

    def __call__(self, batch_size: int | Tensor, seed: int | None = None) -> ChannelState:
        """Draw ``batch_size`` channels."""
        check_batch_size(batch_size)
        # Keras allows only tensors as positional arguments of a layer
        return super().__call__(batch_size=batch_size, seed=seed)

    def call(self, batch_size: int | Tensor, seed: int | None = None) -> ChannelState:
        """Draw ``batch_size`` channels; see the class."""
        return self.draw(batch_size, self._seeds(seed))

    def with_link_gain(
        self, batch_size: int | Tensor, seed: int | None = None
    ) -> tuple[ChannelState, Tensor]:
        """Draw channels, and the mean of their |h|² without small-scale fading.

        Parameters
        ----------
        batch_size : int
            Number of channels to draw
        seed : None or int
            As in a call: the channels are those of ``call(batch_size, seed)``

        Returns
        -------
        state : ChannelState
            Batch of channels
        link_gain : [B, M, U], float
            Gain of every link: 1, unless the layer has path loss or shadowing
        """
        state = self(batch_size, seed=seed)
        return state, ops.ones(ops.shape(state.h)[:3], dtype=self.compute_dtype)

    def draw(self, batch_size: int | Tensor, seeds: Iterator[Seed]) -> ChannelState:
        """Draw the state; each random draw takes ``next(seeds)``."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for Keras' serialisation."""
        return {
            "num_aps": self.num_aps,
            "num_users": self.num_users,
            "num_tx_ant": self.num_tx_ant,
            "num_targets": self.num_targets,
            "total_power": self.total_power,
            "ap_power": list(self.ap_power),
            "noise_power": list(self.noise_power),
            "sensing_noise_power": list(self.sensing_noise_power),
            "seed": self.seed,
            "dtype": self.compute_dtype,
            "name": self.name,
        }

    def _seeds(self, seed: int | None) -> Iterator[Seed]:
        if seed is None:
            while True:
                yield self._generator
        # one call makes few draws, so the words of distinct seeds are distinct draws
        yield from (int(s) for s in np.random.SeedSequence(check_seed(seed)).generate_state(64))

    def _constants(self, batch_size: int | Tensor) -> dict[str, Tensor]:
        """The powers of the state, broadcast to the batch."""
        names = ("noise_power", "sensing_noise_power", "ap_power")
        return {name: self._broadcast(getattr(self, name), batch_size) for name in names}

    def _broadcast(self, values: Sequence[float], batch_size: int | Tensor) -> Tensor:
        row = ops.convert_to_tensor(np.asarray(values, self.compute_dtype))
        return ops.broadcast_to(row, (batch_size, *row.shape))


def positive_int(value: Any, name: str) -> int:
    """Return ``value`` if it is a positive integer, else raise a ``ValueError`` naming it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)


def check_batch_size(batch_size: Any) -> None:
    """Raise a ``ValueError`` unless this is a positive integer, or a tensor, as in a graph."""
    if not hasattr(batch_size, "shape") or isinstance(batch_size, np.generic):
        positive_int(batch_size, "batch_size")


def check_seed(seed: Any) -> int:
    """Return ``seed`` if it is a non-negative integer, else raise a ``ValueError``."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed: expected a non-negative integer or None, got {seed!r}")
    return int(seed)


def _powers(value: Powers, size: int, name: str, positive: bool = False) -> tuple[float, ...]:
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (size,)):
        raise ValueError(f"{name}: expected a number or {size} numbers, got shape {array.shape}")
    bad = ~np.isfinite(array) | ((array <= 0) if positive else (array < 0))
    if bad.any():
        limit = "positive" if positive else "non-negative"
        raise ValueError(f"{name}: expected finite {limit} numbers, got {value!r}")
    return tuple(float(v) for v in np.broadcast_to(array, (size,)))
