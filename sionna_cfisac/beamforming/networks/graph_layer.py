"""Message passing on the heterogeneous graph of APs, UEs and targets: equations (13) and (14).

``docs/symbols.md`` lists the symbols.
"""

import math
from typing import NamedTuple

import keras
from keras import ops

from sionna_cfisac.arguments import one_of
from sionna_cfisac.state import Tensor

AGGREGATIONS = ("mean", "sum")
_VERTEX_GAIN = 0.3
"""Variance gain of what a vertex reads from its edges at the start. Below one, the edges first
follow their own channel and training leaves the level of conjugate beams sooner."""


class Graph(NamedTuple):
    """Features of the vertices and edges; a target takes the place of the paper's ST.

    Attributes
    ----------
    ap, ue, target : [B, M, V], [B, U, V], [B, T, V], float, or None
        Vertex features v; None at the input, where the vertices carry nothing
    ap_ue, ap_target : [B, M, U, E], [B, M, T, E], float
        Edge features e
    """

    ap: Tensor
    ue: Tensor
    target: Tensor
    ap_ue: Tensor
    ap_target: Tensor


class Context(NamedTuple):
    """What the edges are conditioned on: [B, U, C] at the UEs and [B, T, C] at the targets."""

    ue: Tensor
    target: Tensor


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class HeteroGraphLayer(keras.layers.Layer):
    r"""One layer of the heterogeneous graph neural network: vertices (13), then edges (14).

    .. math::
        \mathbf{v}_i^l &= \sum_{t_e} \mathbf{W}_{t_e, t_v} \,
            \mathrm{concat}\Big(\rho_{j} \, \mathbf{e}_{ij}^{l-1}, \mathbf{v}_i^{l-1}\Big) \\
        \mathbf{e}_{ij}^l &= \mathrm{activation}\big(\mathbf{W}_{t_e}
            \mathrm{concat}(\mathbf{v}_i^l, \mathbf{v}_j^l, \mathbf{e}_{ij}^{l-1})
            + \mathbf{b}_{t_e}\big)

    with :math:`\rho` the sum or the mean over the neighbours. A product with a concatenation is
    computed as a sum of products, so what belongs to a vertex is computed once for all of its
    edges; the two matrices that an AP has for :math:`\mathbf{v}^{l-1}`, one for each type of edge,
    only ever appear as their sum and are one matrix here.

    Parameters
    ----------
    units : int
        Width of the vertices and edges at the output
    vertex_dim : int
        Width V of the vertices at the input; 0 where they carry nothing
    edge_dim : int
        Width E of the edges at the input
    vertex_units : None or int
        Width of the vertices at the output where it is not ``units``
    aggregation : "mean" | "sum"
        How a vertex aggregates its edges of one type
    negative_slope : float
        Slope of the leaky ReLU below zero; 1 makes the layer linear
    context_dim : int
        Width C of the context; 0 for none. With context c_j at the UE or target of an edge, what
        the activation acts on is scaled by 1 + S c_j and shifted by D c_j

    Input
    -----
    graph : Graph
        Features of the last layer
    context : None or Context
        Context, where ``context_dim`` is not 0

    Output
    ------
    Graph
        New features
    """

    def __init__(
        self,
        units: int,
        vertex_dim: int,
        edge_dim: int,
        *,
        vertex_units: int | None = None,
        aggregation: str = "mean",
        negative_slope: float = 0.1,
        context_dim: int = 0,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, autocast=False)
        self.units, self.vertex_dim, self.edge_dim = units, vertex_dim, edge_dim
        self.vertex_units = units if vertex_units is None else vertex_units
        self.aggregation = one_of(aggregation, "aggregation", AGGREGATIONS)
        self.negative_slope = negative_slope
        self.context_dim = context_dim
        num_types = {"ap": 2, "ue": 1, "target": 1}
        self._vertex, self._from_edges = {}, {}
        for kind, count in num_types.items():
            fan_in = count * (edge_dim + vertex_dim)
            shape = (count * edge_dim, self.vertex_units)
            self._from_edges[kind] = self._matrix(shape, fan_in, _VERTEX_GAIN, f"{kind}_from_edges")
            if vertex_dim:
                shape = (vertex_dim, self.vertex_units)
                self._vertex[kind] = self._matrix(shape, fan_in, 1.0, f"{kind}_from_vertex")
        gain = 2.0 / (1.0 + negative_slope**2)
        fan_in = 2 * self.vertex_units + edge_dim
        self._edge, self._bias, self._film = {}, {}, {}
        # the APs' part of both types of edge is one product
        self._from_ap = self._matrix((self.vertex_units, 2 * units), fan_in, gain, "edges_from_ap")
        self._from_end = {}
        for kind in ("ue", "target"):
            self._edge[kind] = self._matrix((edge_dim, units), fan_in, gain, f"{kind}_edge")
            shape = (self.vertex_units, units)
            self._from_end[kind] = self._matrix(shape, fan_in, gain, f"edge_from_{kind}")
            self._bias[kind] = self.add_weight(
                shape=(units,), initializer="zeros", name=f"{kind}_edge_bias"
            )
            if context_dim:
                self._film[kind] = self.add_weight(
                    shape=(context_dim, 2 * units), initializer="zeros", name=f"{kind}_edge_context"
                )
        self.built = True

    def call(self, graph: Graph, context: Context | None = None) -> Graph:
        """Update the vertices and then the edges; see the class."""
        at_ap = ops.concatenate(
            [self._aggregate(graph.ap_ue, 2), self._aggregate(graph.ap_target, 2)], -1
        )
        ap = self._update_vertex("ap", at_ap, graph.ap)
        ue = self._update_vertex("ue", self._aggregate(graph.ap_ue, 1), graph.ue)
        target = self._update_vertex("target", self._aggregate(graph.ap_target, 1), graph.target)
        to_ue, to_target = ops.split(linear(ap, self._from_ap), 2, axis=-1)
        return Graph(
            ap,
            ue,
            target,
            self._update_edge("ue", to_ue, ue, graph.ap_ue, context and context.ue),
            self._update_edge(
                "target", to_target, target, graph.ap_target, context and context.target
            ),
        )

    def _matrix(self, shape: tuple[int, int], fan_in: int, gain: float, name: str) -> Tensor:
        stddev = math.sqrt(gain / fan_in)
        return self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=stddev), name=name
        )

    def _aggregate(self, edges: Tensor, axis: int) -> Tensor:
        return ops.mean(edges, axis) if self.aggregation == "mean" else ops.sum(edges, axis)

    def _update_vertex(self, kind: str, aggregated: Tensor, vertex: Tensor | None) -> Tensor:
        new = linear(aggregated, self._from_edges[kind])
        return new if vertex is None else new + linear(vertex, self._vertex[kind])

    def _update_edge(
        self, kind: str, from_ap: Tensor, vertex: Tensor, edges: Tensor, context: Tensor | None
    ) -> Tensor:
        # what is the same for all APs is added up first: [B, 1, J, units]
        from_end = (linear(vertex, self._from_end[kind]) + self._bias[kind])[:, None]
        new = linear(edges, self._edge[kind]) + from_ap[:, :, None] + from_end
        if context is not None:
            scale, shift = ops.split(linear(context, self._film[kind])[:, None], 2, axis=-1)
            new = new * (1.0 + scale) + shift
        return ops.maximum(new, self.negative_slope * new)


def linear(x: Tensor, matrix: Tensor) -> Tensor:
    """Product of x [..., I] with a matrix [I, O], flattened: [..., O].

    TensorFlow's gradient of a product of higher rank is ten times slower on CPUs.
    """
    flat = ops.matmul(ops.reshape(x, (-1, x.shape[-1])), matrix)
    return ops.reshape(flat, (-1, *x.shape[1:-1], matrix.shape[-1]))
