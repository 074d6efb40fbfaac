"""A sensing beam in the null space of the users' channels, beside any communication beams."""

from keras import ops

from sionna_cfisac.arguments import number
from sionna_cfisac.backend import (
    as_complex,
    in_double_precision,
    matmul,
    orthonormal_basis,
    squared_abs,
)
from sionna_cfisac.beamforming.protocol import (
    Beamformer,
    as_input,
    scale_to_power,
    validated,
)
from sionna_cfisac.beamforming.rules import null_space_conflicts
from sionna_cfisac.beamforming.rzf import RZFBeamformer
from sionna_cfisac.state import ChannelState, Tensor, check_beams, complex_dtype

# share of a steering vector outside the channels' span, below which it counts as inside
_LEAST = 1e-18


class NullspaceSensingBeamformer:
    r"""Sensing beams that no UE hears, and communication beams from another beamformer.

    Each AP projects the steering vectors off the span of its own channels,

    .. math:: \mathbf{f}_{m,U+t} \propto
        (\mathbf{I} - \mathbf{Q}_m \mathbf{Q}_m^H) \mathbf{a}(\theta_{mt}), \quad
        \mathrm{span}(\mathbf{Q}_m) \supseteq \{\mathbf{h}_{mu}\}_u,

    and gives them a share of its power, the same for each target, so that the UEs see no
    interference from sensing whatever the phases between the APs. Where a steering vector lies in
    that span, the AP leaves this share unused.

    Parameters
    ----------
    communication : callable or None
        Beamformer of the communication streams; by default :class:`RZFBeamformer`. Its beams are
        scaled by :math:`\sqrt{1 - \mathrm{share}}`.
    sensing_power_share : float
        Share of each AP's power that the sensing beams get, from 0 to 1

    Input
    -----
    state : ChannelState
        Channels with Nt > U

    Output
    ------
    f : [B, M, S + T, Nt], complex
        The S communication beams and one sensing beam for each target

    Raises
    ------
    ValueError
        If an argument or the state is wrong, or there are not more antennas than UEs
    """

    def __init__(
        self, communication: Beamformer | None = None, sensing_power_share: float = 0.5
    ) -> None:
        if communication is not None and not callable(communication):
            raise ValueError(f"communication: expected a callable or None, got {communication!r}")
        self.communication = RZFBeamformer() if communication is None else communication
        self.sensing_power_share = number(sensing_power_share, "sensing_power_share", 0.0, 1.0)

    @in_double_precision
    def __call__(self, state: ChannelState) -> Tensor:
        """Beams [B, M, S + T, Nt] for the channels ``state``."""
        state, exact = validated(state)
        for _, message in null_space_conflicts(state.num_tx_ant, state.num_users):
            raise ValueError(f"state.h: the null space {message}")
        # [B, M, Nt, U]; the columns of Q span the channels even where these are dependent or zero
        q = orthonormal_basis(ops.swapaxes(exact.h, -1, -2))
        a = ops.swapaxes(exact.a, -1, -2)
        for _ in range(2):  # the second time for what rounding left
            # not in place: with PyTorch this is the caller's memory
            a = a - matmul(q, matmul(q, a, adjoint_x=True))
        sensing = ops.swapaxes(a, -1, -2)
        left = ops.sum(squared_abs(sensing), axis=-1, keepdims=True)
        # a target in the span of the channels cannot be lit unheard
        heard = ops.cast(left > _LEAST * state.num_tx_ant, left.dtype)
        sensing = sensing * as_complex(heard)
        share = self.sensing_power_share / state.num_targets * exact.ap_power[..., None]
        # [B, M, T, Nt] -> one AP-target pair after another, each at its own power
        sensing = scale_to_power(sensing[..., None, :], share)[..., 0, :]
        communication = check_beams(self.communication(state), state)
        communication = ops.cast(communication, complex_dtype(exact.h)) * (
            (1.0 - self.sensing_power_share) ** 0.5
        )
        return as_input(ops.concatenate([communication, sensing], axis=2), state)
