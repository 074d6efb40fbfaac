"""A sensing beam in the null space of the users' channels, beside any communication beams."""

import tensorflow as tf

from sionna_cfisac.beamforming.protocol import (
    Beamformer,
    as_input,
    double_state,
    number,
    scale_to_power,
)
from sionna_cfisac.beamforming.rzf import RZFBeamformer
from sionna_cfisac.state import ChannelState, Tensor, check_beams


class NullspaceSensingBeamformer:
    r"""Sensing beams that no UE hears, and communication beams from another beamformer.

    Each AP projects the steering vectors off the span of its own channels,

    .. math:: \mathbf{f}_{m,U+t} \propto
        (\mathbf{I} - \mathbf{Q}_m \mathbf{Q}_m^H) \mathbf{a}(\theta_{mt}), \quad
        \mathrm{span}(\mathbf{Q}_m) \supseteq \{\mathbf{h}_{mu}\}_u,

    and gives them a share of its power, the same for each target, so that the UEs see no
    interference from sensing whatever the phases between the APs.

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
        self.communication = RZFBeamformer() if communication is None else communication
        self.sensing_power_share = number(sensing_power_share, "sensing_power_share", 0.0, 1.0)

    def __call__(self, state: ChannelState) -> Tensor:
        """Beams [B, M, S + T, Nt] for the channels ``state``."""
        exact = double_state(state)
        if state.num_tx_ant <= state.num_users:
            raise ValueError(
                "state.h: expected more antennas than UEs, so that a null space is left, got "
                f"Nt={state.num_tx_ant}, U={state.num_users}"
            )
        # [B, M, Nt, U]; the columns of Q span the channels even where these are dependent or zero
        q, _ = tf.linalg.qr(tf.linalg.matrix_transpose(exact.h))
        a = tf.linalg.matrix_transpose(exact.a)
        sensing = tf.linalg.matrix_transpose(a - tf.matmul(q, tf.matmul(q, a, adjoint_a=True)))
        share = self.sensing_power_share / state.num_targets * exact.ap_power[..., None]
        # [B, M, T, Nt] -> one AP-target pair after another, each at its own power
        sensing = scale_to_power(sensing[..., None, :], share)[..., 0, :]
        communication = check_beams(self.communication(state), state)
        communication = tf.cast(communication, exact.h.dtype) * (
            (1.0 - self.sensing_power_share) ** 0.5
        )
        return as_input(tf.concat([communication, sensing], axis=2), state)
