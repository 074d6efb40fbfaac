"""Beams with the structure of the optimum at guessed multipliers."""

from sionna_cfisac.arguments import integer, number
from sionna_cfisac.beamforming.networks.dual_design import check_one_target, design, error_noise
from sionna_cfisac.state import ChannelState, Tensor, as_real, check_state, real_dtype


class ClosedFormDualBeamformer:
    r"""Beams with the structure of the optimum at guessed multipliers.

    The prices of the optimum, :math:`\sum_m \mu_m P_m`, add up to about :math:`U + \beta`, its
    relative prices of sensing are about :math:`r = \beta/(U+\beta)`, and the powers of the dual
    uplink about :math:`q = 1/\sigma^2`. ``refine`` steps on the split over the APs and ``polish``
    minorise–maximise steps follow. It is what
    :class:`~sionna_cfisac.beamforming.DualGNNBeamformer` starts from, without the network.

    Parameters
    ----------
    sensing_weight : float
        Weight β of sensing
    refine : int
        Number of steps :math:`\mu_m \leftarrow \mu_m \sqrt{(\|\mathbf{F}_m\|^2/P_m)/\mathrm{mean}}`
        before the beams are scaled, with the mean over the APs that serve UEs and factors of 0.1
        to 10
    polish : int
        Number of minorise–maximise steps after them; the best beams on the way count

    Input
    -----
    state : ChannelState
        Channels of one target
    error_variance : None, float, [B], [B, U] or [B, M, U], float
        As for :class:`~sionna_cfisac.beamforming.DualGNNBeamformer`

    Output
    ------
    f : [B, M, U, Nt], complex
        Beams in the precision of the channels; no sensing stream. Each AP is at its full power; one
        that no UE hears, by an SNR of 1e-10, sends the first UE's stream to the target

    Raises
    ------
    ValueError
        If an argument or the state is wrong, or there are several targets and the weight is not 0
    """

    def __init__(self, sensing_weight: float = 1.0, *, refine: int = 3, polish: int = 0) -> None:
        self.sensing_weight = number(sensing_weight, "sensing_weight", 0.0)
        self.refine = integer(refine, "refine", 0)
        self.polish = integer(polish, "polish", 0)

    def __call__(self, state: ChannelState, error_variance: float | Tensor | None = None) -> Tensor:
        """Beams [B, M, U, Nt] for the channels ``state``."""
        state = check_state(state)
        dtype = real_dtype(state.h)
        check_one_target(state, self.sensing_weight)
        noise = error_noise(error_variance, state, dtype)
        weight = as_real(self.sensing_weight, dtype)
        return design(state, weight, noise, refine=self.refine, polish=self.polish)[-1]
