"""Message passing for the multipliers: which numbers the vertices of APs and UEs end up with.

``docs/symbols.md`` lists the symbols.
"""

import math

import keras
from keras import ops

from sionna_cfisac.beamforming.networks.dual_features import (
    NUM_AP,
    NUM_AP_TARGET,
    NUM_AP_UE,
    NUM_TARGET,
    NUM_UE,
)
from sionna_cfisac.beamforming.networks.graph_layer import Graph, linear
from sionna_cfisac.state import Tensor

# below any feature of an edge
_FAR_BELOW = -1e9


class _Affine(keras.layers.Layer):
    """Weights of maps from several parts to one, whose results are added up with a bias."""

    def __init__(
        self,
        parts: tuple[int, ...],
        units: int,
        negative_slope: float,
        dtype: str | None,
        name: str,
    ) -> None:
        super().__init__(dtype=dtype, name=name, autocast=False)
        self.negative_slope = negative_slope
        stddev = math.sqrt(2.0 / sum(parts))
        initializer = keras.initializers.RandomNormal(stddev=stddev)
        self.matrices = [
            self.add_weight(shape=(width, units), initializer=initializer, name=f"matrix_{index}")
            for index, width in enumerate(parts)
        ]
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.built = True

    def sum(self, *parts: Tensor) -> Tensor:
        """Leaky ReLU of the sum; parts have broadcastable shapes [..., width]."""
        total = self.bias
        for x, matrix in zip(parts, self.matrices, strict=True):
            total = total + linear(x, matrix)
        return ops.maximum(total, self.negative_slope * total)


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class DualGraphLayer(keras.layers.Layer):
    r"""One round of messages: the edges read their ends, then the vertices their edges.

    Everything is updated as :math:`x \leftarrow x + \mathrm{activation}(\ldots)`. A vertex reads
    the mean and the maximum over its edges, those to active APs only; a UE also reads the other
    UEs, weighted by the squared correlation of their channels over all APs.

    Parameters
    ----------
    units : int
        Width D
    negative_slope : float
        Slope of the leaky ReLU below zero
    last : bool
        Whether nobody reads the target afterwards, which then stays as it is
    """

    def __init__(
        self,
        units: int,
        negative_slope: float,
        last: bool,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, autocast=False)

        def affine(num_parts: int, what: str) -> _Affine:
            return _Affine((units,) * num_parts, units, negative_slope, dtype, f"{name}_{what}")

        self._ap_ue, self._ap_target = affine(3, "ap_ue"), affine(3, "ap_target")
        self._ap, self._ue = affine(4, "ap"), affine(4, "ue")
        self._target = None if last else affine(3, "target")
        self.built = True

    def call(self, graph: Graph, coupling: Tensor, active: Tensor) -> Graph:
        """Update the graph.

        ``coupling`` [B, U, U] weighs what UEs read from each other, ``active`` [B, M] is 1 for the
        APs that are read, else 0.
        """
        ap, ue, target, edge, sensing = graph
        edge = edge + self._ap_ue.sum(edge, ap[:, :, None], ue[:, None])
        sensing = sensing + self._ap_target.sum(sensing, ap[:, :, None], target[:, None])
        ap = ap + self._ap.sum(ops.mean(edge, 2), ops.max(edge, 2), sensing[:, :, 0], ap)
        ue = ue + self._ue.sum(*_over_aps(edge, active), ops.matmul(coupling, ue), ue)
        if self._target is not None:
            target = target + self._target.sum(*_over_aps(sensing, active), target)
        return Graph(ap, ue, target, edge, sensing)


def _over_aps(edge: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and maximum of edges [B, M, J, D] over the active APs, [B, J, D] each."""
    shares = active / ops.sum(active, axis=1, keepdims=True)
    flat = ops.reshape(edge, (-1, edge.shape[1], edge.shape[2] * edge.shape[3]))
    mean = ops.reshape(ops.matmul(shares[:, None], flat), (-1, *edge.shape[2:]))
    far_below = _FAR_BELOW * (1.0 - active)
    return mean, ops.max(edge + far_below[:, :, None, None], axis=1)


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class DualGraphNetwork(keras.layers.Layer):
    """From features to two numbers for each AP and two for each UE; all zero before training.

    Parameters
    ----------
    hidden_dim : int
        Width of vertices and edges
    num_layers : int
        Number of rounds of messages
    negative_slope : float
        Slope of the leaky ReLU below zero

    Input
    -----
    features : Graph
        Of the channels
    coupling : [B, U, U], float
        What UEs read from each other
    active : [B, M], float
        1 for the APs that send to UEs, else 0

    Output
    ------
    at_ap, at_ue : [B, M, 2], [B, U, 2], float
        Numbers without a limit
    """

    def __init__(
        self,
        hidden_dim: int,
        num_layers: int,
        negative_slope: float,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, autocast=False)
        widths = {
            "ap": NUM_AP,
            "ue": NUM_UE,
            "target": NUM_TARGET,
            "ap_ue": NUM_AP_UE,
            "ap_target": NUM_AP_TARGET,
        }
        self._embed = [
            _Affine((width,), hidden_dim, negative_slope, dtype, f"embed_{what}")
            for what, width in widths.items()
        ]
        self._rounds = [
            DualGraphLayer(
                hidden_dim,
                negative_slope,
                last=index == num_layers - 1,
                dtype=dtype,
                name=f"round_{index}",
            )
            for index in range(num_layers)
        ]
        self._at_ap = self._output((2 * hidden_dim, 2), "at_ap")
        self._at_ue = self._output((hidden_dim, 2), "at_ue")
        self.built = True

    def call(self, features: Graph, coupling: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers for the APs and UEs; see the class."""
        # without any active AP no beam depends on what comes out, but it has to be finite
        nobody = ops.equal(ops.sum(active, axis=1, keepdims=True), 0.0)
        active = ops.where(nobody, 1.0, active)
        graph = Graph(*(layer.sum(x) for layer, x in zip(self._embed, features, strict=True)))
        for layer in self._rounds:
            graph = layer(graph, coupling, active)
        at_ap = ops.concatenate([graph.ap, graph.ap_target[:, :, 0]], axis=-1)
        return linear(at_ap, self._at_ap), linear(graph.ue, self._at_ue)

    def _output(self, shape: tuple[int, int], name: str) -> Tensor:
        return self.add_weight(shape=shape, initializer="zeros", name=name)
