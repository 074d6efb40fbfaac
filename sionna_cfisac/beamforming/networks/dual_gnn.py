"""A graph neural network that predicts the multipliers of the optimum, for any size of network.

``docs/symbols.md`` lists the symbols.
"""

import math
import os
from typing import Any, NoReturn

import keras
from keras import ops

from sionna_cfisac.arguments import flag, integer, number
from sionna_cfisac.beamforming.networks.context import check_sensing_weight
from sionna_cfisac.beamforming.networks.dual_design import check_one_target, design, error_noise
from sionna_cfisac.beamforming.networks.dual_features import features_of
from sionna_cfisac.beamforming.networks.dual_graph import DualGraphNetwork
from sionna_cfisac.beamforming.networks.learned import (
    LearnedBeamformer,
    check_network_input,
    symbolic,
)
from sionna_cfisac.beamforming.theory.gram import Gram
from sionna_cfisac.beamforming.theory.multipliers import Multipliers, structured
from sionna_cfisac.state import ChannelState, Tensor

# logarithms of corrections beyond this only come from a diverging training
_LARGEST = 10.0


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class DualGNNBeamformer(LearnedBeamformer):
    r"""Beams with the structure of the optimum, whose multipliers a graph network predicts.

    Every optimum of the utility (8) for one target has, without a sensing-only stream, beams

    .. math::
        \mathbf{f}_u \propto \sqrt{p_u}\, \Big(\mathbf{\Omega}
            + \sum_i q_i \mathbf{h}_i \mathbf{h}_i^H\Big)^{-1} \mathbf{h}_u, \quad
        \mathbf{\Omega}_m = \mu_m \Big(\mathbf{I}
            - \frac{r_m}{N_t} \mathbf{a}_m \mathbf{a}_m^H\Big)

    scaled to the power of each AP. A heterogeneous graph network with the vertices and edges of the
    paper maps magnitudes of the channels to μ, r, q and p: to corrections of the guess
    :math:`\mu_m = (U+\beta)/(M P_m), r = \beta/(U+\beta), q_u = 1/\sigma_u^2`.
    Neither its weights nor what it reads depend on the numbers of APs, UEs and antennas, and one
    network serves every sensing weight, noise power and power limit. ``refine`` steps on the powers
    and ``polish`` minorise–maximise steps follow.

    The beams turn with the channels: a phase of a UE's channels, the same at all APs, a phase of
    the target's at each AP, and unitary rotations of an AP's antennas leave the utility as it is,
    and permuting APs or UEs permutes the beams.

    Errors of the channel estimates act like noise: with ``error_variance`` the beams are designed
    for the utility of the known part of the channels, with what the APs send over the unknown part,
    :math:`\sum_m e_{mu} P_m`, added to the noise of UE u. Here e is the mean :math:`|\cdot|^2` of
    the error, which :meth:`ImperfectCSI.error_power
    <sionna_cfisac.channel.ImperfectCSI.error_power>` gives, not relative to the link's gain.

    Where UEs are tens of dB apart and the SNR is far above 40 dB, single precision can cost a
    percent of a channel's utility.

    Parameters
    ----------
    hidden_dim : int
        Width of the vertices and edges
    num_layers : int
        Number of rounds of messages
    negative_slope : float
        Slope of the leaky ReLU below zero
    refine : int
        Number of steps :math:`\mu_m \leftarrow \mu_m \sqrt{(\|\mathbf{F}_m\|^2/P_m)/\mathrm{mean}}`
        before the beams are scaled, with the mean over the APs that serve UEs and factors of 0.1
        to 10
    polish : int
        Number of minorise–maximise steps after them; the best beams on the way count
    switch_off : bool
        Then try beams with one UE after the other switched off, with 20 more steps each, as long as
        that raises the utility. In line of sight and in crowded networks the optimum often serves
        some UEs alone, where the steps end in local optima. A call takes about six times as long
        with two UEs and seventeen times with eight; JAX has no gradients of it
    sensing_weight : None or float
        Weight β of sensing; the shipped network was trained with 0…20
    dtype : None, "float32" or "float64"
        Precision inside; by default Keras' ``floatx``. Scenarios choose it by ``precision``

    Input
    -----
    state : ChannelState
        Channels of one target, or estimates of them
    sensing_weight : None, float or [B], float
        Weight of sensing of every channel; by default that of the constructor
    error_variance : None, float, [B], [B, U] or [B, M, U], float
        Variance e of the error of each antenna's channel, in the unit of :math:`|h|^2`

    Output
    ------
    f : [B, M, U, Nt], complex
        Beams in the precision of the channels; no sensing stream. Each AP is at its full power; one
        that no UE hears, by an SNR of 1e-10, sends the first UE's stream to the target

    Raises
    ------
    ValueError
        If an argument or the state is wrong, or there are several targets and the weight is not 0

    Examples
    --------
    >>> f = DualGNNBeamformer.from_pretrained(sensing_weight=2.0)(state)
    """

    conditioned = True
    scale_free = True

    def __init__(
        self,
        *,
        hidden_dim: int = 32,
        num_layers: int = 3,
        negative_slope: float = 0.1,
        refine: int = 1,
        polish: int = 3,
        switch_off: bool = False,
        sensing_weight: float | None = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name, autocast=False)
        self.hidden_dim = integer(hidden_dim, "hidden_dim", 1)
        self.num_layers = integer(num_layers, "num_layers", 1)
        self.negative_slope = number(negative_slope, "negative_slope", 0.0, 1.0)
        self.refine = integer(refine, "refine", 0)
        self.polish = integer(polish, "polish", 0)
        self.switch_off = flag(switch_off, "switch_off")
        self.sensing_weight = (
            None if sensing_weight is None else number(sensing_weight, "sensing_weight", 0.0)
        )
        self._network = DualGraphNetwork(
            self.hidden_dim, self.num_layers, self.negative_slope, dtype=dtype, name="network"
        )
        self.built = True

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        *,
        refine: int = 1,
        polish: int = 3,
        switch_off: bool = False,
        sensing_weight: float | None = None,
        dtype: str | None = None,
        name: str | None = None,
        **fixed: NoReturn,
    ) -> "DualGNNBeamformer":
        """As :meth:`LearnedBeamformer.load`; the weights fix all other arguments."""
        return super().load(
            path,
            refine=refine,
            polish=polish,
            switch_off=switch_off,
            sensing_weight=sensing_weight,
            dtype=dtype,
            name=name,
            **fixed,
        )

    @classmethod
    def from_pretrained(
        cls,
        name: str = "dual",
        *,
        refine: int = 1,
        polish: int = 3,
        switch_off: bool = False,
        sensing_weight: float | None = None,
        dtype: str | None = None,
        **fixed: NoReturn,
    ) -> "DualGNNBeamformer":
        """As :meth:`LearnedBeamformer.from_pretrained`; there is one network, ``"dual"``."""
        return super().from_pretrained(
            name,
            refine=refine,
            polish=polish,
            switch_off=switch_off,
            sensing_weight=sensing_weight,
            dtype=dtype,
            **fixed,
        )

    def __call__(
        self,
        state: ChannelState,
        sensing_weight: float | Tensor | None = None,
        error_variance: float | Tensor | None = None,
    ) -> Tensor:
        """Beams [B, M, U, Nt] for the channels ``state``."""
        if not symbolic(state, sensing_weight, error_variance):
            # ahead of Keras, which refuses lists of numbers and wraps errors in its own text
            state, sensing_weight = self._check_inputs(state, sensing_weight)
            error_noise(error_variance, state, self.compute_dtype)
            self._warn_outside(state, sensing_weight)
        # Keras allows only tensors as positional arguments of a layer
        return super().__call__(state, sensing_weight=sensing_weight, error_variance=error_variance)

    def call(
        self,
        state: ChannelState,
        sensing_weight: float | Tensor | None = None,
        error_variance: float | Tensor | None = None,
    ) -> Tensor:
        """Beams for the channels ``state``; see the class."""
        state, weight = self._check_inputs(state, sensing_weight, values=False)
        noise = error_noise(error_variance, state, self.compute_dtype)
        return self._design(state, weight, noise)[-1]

    def candidates(self, state: ChannelState, sensing_weight: float | Tensor) -> list[Tensor]:
        """Beams before and after the minorise–maximise steps, both of which training looks at."""
        state, weight = self._check_inputs(state, sensing_weight, values=False)
        return self._design(state, weight, None, unpolished=True)

    def architecture(self) -> dict[str, Any]:
        """Constructor arguments that the weights depend on."""
        return {
            "hidden_dim": self.hidden_dim,
            "num_layers": self.num_layers,
            "negative_slope": self.negative_slope,
        }

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments and whether the layer is trainable, for Keras' serialisation."""
        steps = {"refine": self.refine, "polish": self.polish, "switch_off": self.switch_off}
        return {**self._config(), **steps, "sensing_weight": self.sensing_weight}

    def _check_inputs(
        self, state: ChannelState, sensing_weight: float | Tensor | None, values: bool = True
    ) -> tuple[ChannelState, Tensor]:
        """Validated channels, and the sensing weight as a tensor."""
        state = check_network_input(state, values)
        weight = self.sensing_weight if sensing_weight is None else sensing_weight
        if weight is None:
            raise ValueError(
                "sensing_weight: expected a number or [B], here or in the constructor, got None"
            )
        weight = check_sensing_weight(weight, state, self.compute_dtype, high=math.inf)
        check_one_target(state, weight)
        return state, weight

    def _design(
        self,
        state: ChannelState,
        weight: Tensor,
        extra_noise: Tensor | None,
        unpolished: bool = False,
    ) -> list[Tensor]:
        return design(
            state,
            weight,
            extra_noise,
            refine=self.refine,
            polish=self.polish,
            switch_off=self.switch_off,
            correct=self._correct,
            unpolished=unpolished,
        )

    def _correct(self, gram: Gram, at: Multipliers) -> Multipliers:
        features, coupling = features_of(gram, at, structured(gram, at))
        at_ap, at_ue = (
            ops.exp(ops.clip(x, -_LARGEST, _LARGEST))
            for x in self._network(features, coupling, gram.active)
        )
        return Multipliers(
            at.mu * at_ap[..., 0],
            at.odds * at_ap[..., 1],
            at.q * at_ue[..., 0],
            at.p * at_ue[..., 1],
        )
