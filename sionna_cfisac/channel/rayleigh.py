"""Independent Rayleigh fading without path loss: the paper's channel."""

import math
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from sionna_cfisac.arguments import raise_first
from sionna_cfisac.arrays import steering_vector
from sionna_cfisac.channel import draws
from sionna_cfisac.channel.base import ChannelLayer, Powers
from sionna_cfisac.channel.rules import angle_conflicts
from sionna_cfisac.radio import UNIT_SCALE_NOISE
from sionna_cfisac.state import ChannelState, Tensor

SENSING_GAINS = ("exponential", "unit")


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class CellFreeChannel(ChannelLayer):
    r"""Cell-free channel with i.i.d. Rayleigh fading and targets in random directions.

    .. math::
        \mathbf{h}_{mu} \sim \mathcal{CN}(0, \mathbf{I}), \quad
        \theta_{mt} \sim \mathcal{U}[\theta_\mathrm{min}, \theta_\mathrm{max}), \quad
        \zeta^2_{m_r m t} \sim \mathrm{Exp}(1)

    The defaults are the set-up of section V of the paper: 5 APs with 8 antennas and a power of 1/5
    each, 2 UEs, noise powers of 0.1, angles on [0, π/2).

    Parameters
    ----------
    num_aps, num_users, num_tx_ant, num_targets, total_power, ap_power, noise_power, \
    sensing_noise_power, seed, dtype, name
        As in :class:`~sionna_cfisac.channel.ChannelLayer`
    sensing_gain : "exponential" (default) | "unit"
        Distribution of ζ²: exponential with unit mean per AP pair, the paper's ζ ~ CN(0, 1); or 1
    angle_range : (float, float)
        Interval of the targets' angles from broadside in radian

    Input
    -----
    batch_size : int
        Number of channels to draw

    Output
    ------
    ChannelState
        Batch of channels

    Raises
    ------
    ValueError
        If an argument is out of range

    Examples
    --------
    >>> state = CellFreeChannel(num_aps=5, num_users=2, num_tx_ant=8, seed=1)(256)
    >>> tuple(state.h.shape)
    (256, 5, 2, 8)
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
        sensing_gain: str = "exponential",
        angle_range: tuple[float, float] = (0.0, math.pi / 2),
        seed: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            num_aps,
            num_users,
            num_tx_ant,
            num_targets,
            total_power=total_power,
            ap_power=ap_power,
            noise_power=noise_power,
            sensing_noise_power=sensing_noise_power,
            seed=seed,
            dtype=dtype,
            name=name,
        )
        if sensing_gain not in SENSING_GAINS:
            raise ValueError(f"sensing_gain: expected one of {SENSING_GAINS}, got {sensing_gain!r}")
        raise_first(angle_conflicts(angle_range))
        low, high = angle_range
        self.sensing_gain = sensing_gain
        self.angle_range = (float(low), float(high))

    def draw(self, batch_size: int | Tensor, seeds: Iterator[draws.Seed]) -> ChannelState:
        """Draw the state, see the class."""
        dtype = self.compute_dtype
        links = (batch_size, self.num_aps, self.num_users, self.num_tx_ant)
        h = draws.complex_normal(links, next(seeds), dtype)
        theta = draws.uniform(
            (batch_size, self.num_aps, self.num_targets), *self.angle_range, next(seeds), dtype
        )
        pairs = (batch_size, self.num_aps, self.num_aps, self.num_targets)
        if self.sensing_gain == "unit":
            gain = ops.ones(pairs, dtype=dtype)
        else:
            gain = draws.exponential(pairs, next(seeds), dtype)
        return ChannelState(
            h=h,
            a=steering_vector(theta, self.num_tx_ant),
            sensing_gain=gain,
            **self._constants(batch_size),
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for Keras' serialisation."""
        return {
            **super().get_config(),
            "sensing_gain": self.sensing_gain,
            "angle_range": list(self.angle_range),
        }
