"""The heterogeneous graph neural network of the paper, section IV.

``docs/symbols.md`` lists the symbols.
"""

import os
from typing import Any, NoReturn

import keras
from keras import ops

from sionna_cfisac.arguments import flag, integer, number, one_of
from sionna_cfisac.backend import to_complex
from sionna_cfisac.beamforming.networks.context import (
    ContextEmbedding,
    check_sensing_weight,
)
from sionna_cfisac.beamforming.networks.graph_layer import (
    AGGREGATIONS,
    Graph,
    HeteroGraphLayer,
)
from sionna_cfisac.beamforming.networks.learned import (
    LearnedBeamformer,
    check_network_input,
    symbolic,
)
from sionna_cfisac.beamforming.trained_on import TrainedOn
from sionna_cfisac.beamforming.weights import NOISE_RANGE, SENSING_WEIGHT_RANGE
from sionna_cfisac.metrics import target_gain
from sionna_cfisac.radio import UNIT_SCALE_NOISE
from sionna_cfisac.state import (
    ChannelState,
    Tensor,
    real_dtype,
)

_CONTEXT_DIM = 64


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class HeteroGNNBeamformer(LearnedBeamformer):
    r"""Heterogeneous graph neural network (GNN) that maps channels to beams, section IV of [DA]_.

    The vertices are the APs, the UEs and the targets; every AP has an edge to every UE and to every
    target. The edges start as the stacked real and imaginary parts of the channels, equation (12),

    .. math::
        \mathbf{e}^0_{mu} = \mathcal{S}(\mathbf{h}_{mu}), \quad
        \mathbf{e}^0_{mt} = \mathcal{S}\big(\sqrt{0.1\, g_{mt}}\, \mathbf{a}_{mt}\big), \quad
        g_{mt} = \sum_{m_r} \zeta^2_{m_r m t} \Big/ \sum_{m_r} \varsigma_{m_r}^2

    pass through ``num_layers`` hidden layers and a linear output layer of
    :class:`~sionna_cfisac.beamforming.networks.graph_layer.HeteroGraphLayer`, equations (13) and
    (14), each of which reads :math:`\mathbf{e}^0` again, and end as the beams, scaled to the power
    of each AP:

    .. math::
        \mathbf{f}_{ms} = \sqrt{P_m} \, \mathcal{S}^{-1}(\mathbf{e}^L_{ms})
        \Big/ \sqrt{\textstyle\sum_s \|\mathbf{e}^L_{ms}\|^2}

    The edges to the UEs give the streams 0…U-1, those to the targets one sensing stream each. The
    weights do not depend on the numbers of APs, UEs and targets; permuting them permutes the beams.

    Three things differ from the paper. Its (12) does not show the network how strongly an AP sees
    the target; the factor :math:`\sqrt{g_{mt}}` does, unless ``sensing_gain_on_edge=False``. Its
    (13) sums over neighbours; the mean is the same up to a rescaling of the weights where it is
    trained, carries over better to other numbers of APs, and trains faster. The edges have a bias,
    which (14) as printed lacks.

    A *conditioned* network also reads the sensing weight and the noise power of the UEs. Features
    of both pass through two layers to a context :math:`\mathbf{c}`, which scales and shifts what
    the activation of (14) acts on. For one weight and one noise power that is a network of the
    paper with other matrices. It is made for weights 0…20 and noise powers 0.01…1 at a total power
    of 1. Where values are known, that is outside a traced graph, a weight outside is refused and a
    noise power outside warned of; the network sees the nearest one within. A network that is not
    conditioned knows neither: its beams are those for the weight and the noise of its training.
    Loaded weights are warned of, once of each, where sizes, the mean of :math:`|h|^2`, the noise
    power or the SNR lie outside of their training, as far as it is in their card.

    Parameters
    ----------
    num_tx_ant : int
        Number Nt of transmit antennas of each AP; the weights depend on it
    hidden_dim : int
        Width of the vertices and edges
    num_layers : int
        Number of hidden layers
    aggregation : "mean" (default) | "sum"
        How a vertex aggregates its edges of one type
    negative_slope : float
        Slope of the leaky ReLU below zero
    sensing_gain_on_edge : bool
        Whether the edges AP–target carry :math:`\sqrt{g_{mt}}`
    conditioned : bool
        Whether the network reads the sensing weight and the noise power
    sensing_weight : None or float
        Weight β of sensing of a conditioned network, 0…20
    dtype : None, "float32" or "float64"
        Precision inside; by default Keras' ``floatx``

    Input
    -----
    state : ChannelState
        Channels
    sensing_weight : None, float or [B] float
        Weight of sensing of every channel, for a conditioned network; by default that of the
        constructor

    Output
    ------
    f : [B, M, U+T, Nt], complex
        Beams in the precision of the channels, each AP at its full power

    Raises
    ------
    ValueError
        If an argument or the state is wrong, or the state has another number of antennas

    Examples
    --------
    >>> f = HeteroGNNBeamformer.from_pretrained("paper-beta2")(state)
    >>> f = HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=0.7)(state)

    References
    ----------
    .. [DA] U. Demirhan and A. Alkhateeb, "Learning Beamforming in Cell-Free Massive MIMO ISAC
       Systems"
    """

    def __init__(
        self,
        num_tx_ant: int = 8,
        *,
        hidden_dim: int = 256,
        num_layers: int = 4,
        aggregation: str = "mean",
        negative_slope: float = 0.1,
        sensing_gain_on_edge: bool = True,
        conditioned: bool = False,
        sensing_weight: float | None = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, autocast=False)
        self.num_tx_ant = integer(num_tx_ant, "num_tx_ant", 1)
        self.hidden_dim = integer(hidden_dim, "hidden_dim", 1)
        self.num_layers = integer(num_layers, "num_layers", 1)
        self.aggregation = one_of(aggregation, "aggregation", AGGREGATIONS)
        self.negative_slope = number(negative_slope, "negative_slope", 0.0, 1.0)
        self.sensing_gain_on_edge = flag(sensing_gain_on_edge, "sensing_gain_on_edge")
        self.conditioned = flag(conditioned, "conditioned")
        self.sensing_weight = self._check_weight(sensing_weight)
        initial = 2 * self.num_tx_ant
        context = _CONTEXT_DIM if self.conditioned else 0
        self._hidden = [
            HeteroGraphLayer(
                self.hidden_dim,
                edge_dim=initial if index == 0 else self.hidden_dim + initial,
                vertex_dim=0 if index == 0 else self.hidden_dim,
                aggregation=self.aggregation,
                negative_slope=self.negative_slope,
                context_dim=context,
                dtype=dtype,
                name=f"hidden_{index}",
            )
            for index in range(self.num_layers)
        ]
        self._last = HeteroGraphLayer(
            initial,
            edge_dim=self.hidden_dim + initial,
            vertex_dim=self.hidden_dim,
            vertex_units=self.hidden_dim,
            aggregation=self.aggregation,
            negative_slope=1.0,
            context_dim=context,
            dtype=dtype,
            name="output",
        )
        self._embedding = (
            ContextEmbedding(context, self.negative_slope, dtype=dtype, name="context")
            if self.conditioned
            else None
        )
        if self.conditioned:
            # the context tells no others apart
            intervals = {"noise_power": NOISE_RANGE}
            self._trained_on = TrainedOn("the network", intervals, clips=True)
        self.built = True

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        *,
        sensing_weight: float | None = None,
        dtype: str | None = None,
        name: str | None = None,
        **fixed: NoReturn,
    ) -> "HeteroGNNBeamformer":
        """As :meth:`LearnedBeamformer.load`; the weights fix all other arguments."""
        return super().load(path, sensing_weight=sensing_weight, dtype=dtype, name=name, **fixed)

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        sensing_weight: float | None = None,
        dtype: str | None = None,
        **fixed: NoReturn,
    ) -> "HeteroGNNBeamformer":
        """As :meth:`LearnedBeamformer.from_pretrained`, with the arguments of :meth:`load`."""
        return super().from_pretrained(name, sensing_weight=sensing_weight, dtype=dtype, **fixed)

    def __call__(self, state: ChannelState, sensing_weight: float | Tensor | None = None) -> Tensor:
        """Beams [B, M, U+T, Nt] for the channels ``state``."""
        if not symbolic(state, sensing_weight):
            # ahead of Keras, which refuses lists of numbers and wraps errors in its own text
            state, sensing_weight = self._check_inputs(state, sensing_weight)
            self._warn_outside(state, sensing_weight)
        # Keras allows only tensors as positional arguments of a layer
        return super().__call__(state, sensing_weight=sensing_weight)

    def call(self, state: ChannelState, sensing_weight: float | Tensor | None = None) -> Tensor:
        """Beams for the channels ``state``; see the class."""
        state, weight = self._check_inputs(state, sensing_weight, values=False)
        context = None if self._embedding is None else self._embedding(state, sensing_weight=weight)
        to_ue, to_target = self._initial_edges(state)
        graph = Graph(None, None, None, to_ue, to_target)
        for index, layer in enumerate([*self._hidden, self._last]):
            if index > 0:
                graph = graph._replace(
                    ap_ue=ops.concatenate([graph.ap_ue, to_ue], -1),
                    ap_target=ops.concatenate([graph.ap_target, to_target], -1),
                )
            graph = layer(graph, context)
        # [B, M, U+T, 2 Nt]
        edges = ops.concatenate([graph.ap_ue, graph.ap_target], axis=2)
        return self._to_beams(edges, state)

    def architecture(self) -> dict[str, Any]:
        """Constructor arguments that the weights depend on."""
        return {
            "num_tx_ant": self.num_tx_ant,
            "hidden_dim": self.hidden_dim,
            "num_layers": self.num_layers,
            "aggregation": self.aggregation,
            "negative_slope": self.negative_slope,
            "sensing_gain_on_edge": self.sensing_gain_on_edge,
            "conditioned": self.conditioned,
        }

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments and whether the layer is trainable, for Keras' serialisation."""
        return {**self._config(), "sensing_weight": self.sensing_weight}

    def _check_weight(self, sensing_weight: float | None) -> float | None:
        if sensing_weight is None:
            return None
        if not self.conditioned:
            raise ValueError(
                "sensing_weight: expected none, since this network is not conditioned and its "
                f"beams are for the weight that it was trained with, got {sensing_weight!r}"
            )
        return number(sensing_weight, "sensing_weight", *SENSING_WEIGHT_RANGE)

    def _check_inputs(
        self, state: ChannelState, sensing_weight: float | Tensor | None, values: bool = True
    ) -> tuple[ChannelState, Tensor | None]:
        """Validated channels and, for a conditioned network, the sensing weight as a tensor."""
        state = check_network_input(state, values)
        if state.num_tx_ant != self.num_tx_ant:
            raise ValueError(
                f"state: expected channels of {self.num_tx_ant} antennas per AP, the number of "
                f"this network, got h of shape {tuple(state.h.shape)}"
            )
        if not self.conditioned:
            if sensing_weight is not None:
                raise ValueError(
                    "sensing_weight: expected none, since this network is not conditioned, "
                    f"got {sensing_weight!r}"
                )
            return state, None
        weight = self.sensing_weight if sensing_weight is None else sensing_weight
        if weight is None:
            raise ValueError(
                "sensing_weight: expected a number or [B], here or in the constructor, for a "
                "conditioned network, got None"
            )
        return state, check_sensing_weight(weight, state, self.compute_dtype)

    def _initial_edges(self, state: ChannelState) -> tuple[Tensor, Tensor]:
        """Equation (12): [B, M, U, 2 Nt] and [B, M, T, 2 Nt]."""
        to_ue, to_target = self._stack(state.h), self._stack(state.a)
        if self.sensing_gain_on_edge:
            # 1 on average over the paper's channels, however many APs there are
            gain = ops.sqrt(UNIT_SCALE_NOISE * target_gain(state))
            to_target = to_target * ops.cast(gain, self.compute_dtype)[..., None]
        return to_ue, to_target

    def _stack(self, x: Tensor) -> Tensor:
        parts = ops.concatenate([ops.real(x), ops.imag(x)], -1)
        return ops.cast(parts, self.compute_dtype)

    def _to_beams(self, edges: Tensor, state: ChannelState) -> Tensor:
        norm = ops.sum(ops.square(edges), axis=(2, 3), keepdims=True)
        power = ops.cast(state.ap_power, self.compute_dtype)[:, :, None, None]
        # the floor keeps beams and gradients finite where every edge of an AP is zero, and a root
        # of anything but zero the gradients where an AP has no power
        silent = ops.equal(power, 0.0)
        scale = ops.sqrt(ops.where(silent, 1.0, power) / ops.maximum(norm, 1e-20))
        edges = ops.where(silent, 0.0, edges * scale)
        real, imag = ops.split(ops.cast(edges, real_dtype(state.h)), 2, axis=-1)
        return to_complex(real, imag)
