"""Conjugate beamforming, towards the users or towards the targets."""

from keras import ops

from sionna_cfisac.arguments import one_of
from sionna_cfisac.backend import as_complex, in_double_precision, squared_abs
from sionna_cfisac.beamforming.protocol import (
    amplitude,
    as_input,
    scale_to_power,
    validated,
)
from sionna_cfisac.state import ChannelState, Tensor


class ConjugateBeamformer:
    r"""Conjugate (maximum-ratio) beamforming for communication.

    .. math:: \mathbf{f}_{mu} = \sqrt{p_{mu}}\, \mathbf{h}_{mu} / \|\mathbf{h}_{mu}\|

    Parameters
    ----------
    power_split : "channel" (default) | "equal"
        Split of an AP's power over the UEs: proportional to :math:`\|\mathbf{h}_{mu}\|^2`, or
        equal, :math:`p_{mu} = P_m/U`

    Input
    -----
    state : ChannelState
        Channels

    Output
    ------
    f : [B, M, U, Nt], complex
        Beams, each AP at its full power; no sensing stream

    Raises
    ------
    ValueError
        If an argument or the state is wrong
    """

    def __init__(self, power_split: str = "channel") -> None:
        self.power_split = one_of(power_split, "power_split", ("channel", "equal"))

    @in_double_precision
    def __call__(self, state: ChannelState) -> Tensor:
        """Beams [B, M, U, Nt] for the channels ``state``."""
        state, exact = validated(state)
        if self.power_split == "channel":
            return as_input(scale_to_power(exact.h, exact.ap_power), state)
        norm = ops.sum(squared_abs(exact.h), axis=-1)
        share = exact.ap_power[..., None] / state.num_users
        return as_input(exact.h * as_complex(amplitude(share, norm))[..., None], state)


class SensingConjugateBeamformer:
    r"""Conjugate beamforming towards the targets: all power senses, none serves the UEs.

    .. math:: \mathbf{f}_{m,U+t} = \sqrt{P_m / (T N_t)}\, \mathbf{a}(\theta_{mt})

    With one target it reaches the largest sensing SNR there is.

    Input
    -----
    state : ChannelState
        Channels

    Output
    ------
    f : [B, M, U + T, Nt], complex
        Beams; those of the UEs are zero

    Raises
    ------
    ValueError
        If the state is wrong
    """

    @in_double_precision
    def __call__(self, state: ChannelState) -> Tensor:
        """Beams [B, M, U + T, Nt] for the channels ``state``."""
        state, exact = validated(state)
        scale = ops.sqrt(exact.ap_power / (state.num_targets * state.num_tx_ant))
        sensing = exact.a * as_complex(scale)[..., None, None]
        return as_input(ops.concatenate([ops.zeros_like(exact.h), sensing], axis=2), state)
