"""Regularised zero-forcing over all APs jointly."""

from keras import ops

from sionna_cfisac.arguments import number, one_of
from sionna_cfisac.backend import (
    as_complex,
    divide_no_nan,
    in_double_precision,
    matmul,
    positive_inverse,
    squared_abs,
)
from sionna_cfisac.beamforming.protocol import (
    amplitude,
    as_input,
    scale_to_power,
    validated,
)
from sionna_cfisac.state import ChannelState, Tensor


class RZFBeamformer:
    r"""Regularised zero-forcing, computed jointly over the antennas of all APs.

    With the stacked channels :math:`\mathbf{H} = [\mathbf{h}_1 \dots \mathbf{h}_U]`,
    :math:`\mathbf{h}_u \in \mathbb{C}^{M N_t}`,

    .. math:: \mathbf{F} = \mathbf{H} (\mathbf{H}^H \mathbf{H} + \mathbf{D})^{-1}, \quad
              \mathbf{D} = \mathrm{diag}\Big(\frac{U \sigma_u^2}{\sum_m P_m}\Big)

    and then each AP is scaled to its own power limit, because no AP may lend power to another.

    Parameters
    ----------
    normalization : "per_ap" (default) | "per_user"
        Scale all beams of an AP together to P_m, or each AP–UE pair to P_m/U
    regularization : None or float
        Diagonal of D instead of the expression above; 0 is zero-forcing and needs
        :math:`U \le M N_t`

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

    def __init__(self, normalization: str = "per_ap", regularization: float | None = None) -> None:
        self.normalization = one_of(normalization, "normalization", ("per_ap", "per_user"))
        self.regularization = (
            None if regularization is None else number(regularization, "regularization", 0.0)
        )

    @in_double_precision
    def __call__(self, state: ChannelState) -> Tensor:
        """Beams [B, M, U, Nt] for the channels ``state``."""
        state, exact = validated(state)
        num_users = state.num_users
        if self.regularization == 0 and num_users > state.num_aps * state.num_tx_ant:
            raise ValueError(
                "regularization: expected more than 0 where there are more UEs than antennas, "
                f"got U={num_users} > M*Nt={state.num_aps * state.num_tx_ant}"
            )
        if self.regularization is None:
            total = ops.sum(exact.ap_power, axis=-1, keepdims=True)
            diagonal = divide_no_nan(num_users * exact.noise_power, total)
        else:
            diagonal = self.regularization * ops.ones_like(exact.noise_power)
        f = rzf_directions(exact.h, diagonal)
        if self.normalization == "per_ap":
            return as_input(scale_to_power(f, exact.ap_power), state)
        norm = ops.sum(squared_abs(f), axis=-1)
        share = exact.ap_power[..., None] / num_users
        return as_input(f * as_complex(amplitude(share, norm))[..., None], state)


def rzf_directions(h: Tensor, diagonal: Tensor) -> Tensor:
    """The beams F = H (HᴴH + D)⁻¹ before any scaling to power.

    Parameters
    ----------
    h : [B, M, U, Nt], complex
        Channels
    diagonal : [B, U], float
        Diagonal of D

    Returns
    -------
    [B, M, U, Nt], complex
        Beams
    """
    # [B, M, U, U] -> [B, U, U]
    gram = ops.sum(matmul(h, h, adjoint_y=True), axis=1)
    gram = ops.conj(gram)  # h_uᴴ h_v, from rows that hold h_uᵀ
    # a zero channel would leave the matrix singular; 1e-14 of a UE's own entry changes nothing
    own = ops.real(ops.diagonal(gram, axis1=-2, axis2=-1))
    jitter = ops.where(own > 0, 1e-14 * own, ops.ones_like(own))
    eye = ops.eye(h.shape[2], dtype=own.dtype)
    inverse = positive_inverse(gram + as_complex((diagonal + jitter)[..., None] * eye))
    # beams are columns, here rows: f_sᵀ = Σ_u inverse_us h_uᵀ
    return matmul(ops.swapaxes(inverse, -1, -2)[:, None], h)
