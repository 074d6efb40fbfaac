"""What a conditioned network knows about the objective: the sensing weight and the noise power.

``docs/symbols.md`` lists the symbols.
"""

import math
from typing import Any

import keras
from keras import ops

from sionna_cfisac.beamforming.networks.graph_layer import Context, linear
from sionna_cfisac.beamforming.weights import NOISE_RANGE, SENSING_WEIGHT_RANGE
from sionna_cfisac.radio import UNIT_SCALE_NOISE
from sionna_cfisac.state import ChannelState, Tensor, as_real, concrete

_NUM_FEATURES = 3


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class ContextEmbedding(keras.layers.Layer):
    r"""Context of the edges from the sensing weight β and the noise power σ².

    Two layers with leaky ReLU on the features

    .. math::
        \frac{\log(1+\beta)}{\log 21}, \quad \frac{\beta}{1+\beta}, \quad
        \log_{10} \frac{\sigma_u^2}{0.1},

    the first two scaled to [-1, 1]. The targets see the geometric mean of the UEs' noise power.
    β is clipped to 0…20 and σ² to 0.01…1.

    Parameters
    ----------
    units : int
        Width C of the context
    negative_slope : float
        Slope of the leaky ReLU below zero

    Input
    -----
    state : ChannelState
        Channels
    sensing_weight : float or [B], float
        Weight β

    Output
    ------
    Context
        [B, U, C] and [B, T, C], float
    """

    def __init__(
        self,
        units: int,
        negative_slope: float = 0.1,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, autocast=False)
        self.units, self.negative_slope = units, negative_slope
        self._matrices, self._biases = [], []
        for index, width in enumerate((_NUM_FEATURES, units)):
            self._matrices.append(
                self.add_weight(
                    shape=(width, units), initializer="he_normal", name=f"matrix_{index}"
                )
            )
            # kinks at different places of the features' range
            spread = keras.initializers.RandomUniform(-1.0, 1.0) if index == 0 else "zeros"
            self._biases.append(
                self.add_weight(shape=(units,), initializer=spread, name=f"bias_{index}")
            )
        self.built = True

    def call(self, state: ChannelState, sensing_weight: float | Tensor) -> Context:
        """Context of the edges; see the class."""
        weight = ops.clip(as_real(sensing_weight, self.compute_dtype), *SENSING_WEIGHT_RANGE)
        noise = ops.clip(ops.cast(state.noise_power, self.compute_dtype), *NOISE_RANGE)
        level = ops.log(noise / UNIT_SCALE_NOISE) / math.log(10.0)
        mean = ops.mean(level, axis=1, keepdims=True)
        # [B, U] and [B, T]
        at_targets = ops.repeat(mean, state.num_targets, axis=1)
        return Context(self._embed(weight, level), self._embed(weight, at_targets))

    def _embed(self, weight: Tensor, level: Tensor) -> Tensor:
        weight = ops.reshape(weight, (-1, 1))  # [B, 1], or [1, 1] for one weight
        features = [
            2.0 * ops.log1p(weight) / math.log1p(SENSING_WEIGHT_RANGE[1]) - 1.0,
            2.0 * weight / (1.0 + weight) - 1.0,
            level,
        ]
        x = ops.stack([ops.broadcast_to(f, ops.shape(level)) for f in features], axis=-1)
        for matrix, bias in zip(self._matrices, self._biases, strict=True):
            x = linear(x, matrix) + bias
            x = ops.maximum(x, self.negative_slope * x)
        return x


def check_sensing_weight(
    value: Any, state: ChannelState, dtype: str, high: float = SENSING_WEIGHT_RANGE[1]
) -> Tensor:
    """The sensing weight β as a tensor: one, or one for every channel of the state.

    ``high`` is the largest that the network can be told.

    Raises
    ------
    ValueError
        If it is of another shape or, where values are known, out of range
    """
    try:
        weight = as_real(value, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sensing_weight: expected a number or [B], got {value!r}") from error
    batch = state.h.shape[0]
    good = len(weight.shape) == 0 or (
        len(weight.shape) == 1 and (None in (weight.shape[0], batch) or weight.shape[0] == batch)
    )
    if not good:
        size = "B" if batch is None else batch
        raise ValueError(
            f"sensing_weight: expected a number or shape [{size}], got {tuple(weight.shape)}"
        )
    array = concrete(weight)
    if array is not None:
        low = SENSING_WEIGHT_RANGE[0]
        odd = array[~((array >= low) & (array <= high * (1 + 1e-6)) & (array < math.inf))]
        if odd.size:
            limits = f"numbers from {low:g} to {high:g}"
            if high == math.inf:
                limits = f"finite numbers >= {low:g}"
            raise ValueError(f"sensing_weight: expected {limits}, got {odd[0]:g}")
    return weight
