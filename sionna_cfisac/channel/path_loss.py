"""Large-scale gains: path loss between AP and UE, radar equation between AP, target and AP."""

import math
from typing import NamedTuple

from keras import ops

from sionna_cfisac.state import Tensor

SPEED_OF_LIGHT = 299_792_458.0
"""Speed of light in m/s."""

MIN_DISTANCE = 1.0
"""Distances below this many metres count as this, so that no gain is infinite."""

MIN_URBAN_DISTANCE = 10.0
"""Smallest horizontal distance in metres for which 3GPP TR 38.901 gives path loss."""


class _Urban(NamedTuple):
    """Coefficients of a scenario in tables 7.4.1-1 and 7.4.2-1 of 3GPP TR 38.901."""

    los_offset: float
    los_slope: float
    breakpoint_slope: float
    nlos_offset: float
    nlos_slope: float
    nlos_frequency_slope: float
    nlos_height_slope: float
    los_decay: float


_URBAN = {
    "umi": _Urban(32.4, 21.0, 9.5, 22.4, 35.3, 21.3, 0.3, 36.0),
    "uma": _Urban(28.0, 22.0, 9.0, 13.54, 39.08, 20.0, 0.6, 63.0),
}


def free_space(distance: Tensor, carrier_frequency: float) -> Tensor:
    r"""Free-space path loss between isotropic antennas, :math:`20 \log_{10}(4 \pi d f / c)`.

    Parameters
    ----------
    distance : [...], float
        Distance in metres, at least :data:`MIN_DISTANCE` is assumed
    carrier_frequency : float
        Carrier frequency in Hz

    Returns
    -------
    [...], float
        Path loss in dB
    """
    return log_distance(distance, 2.0, free_space_reference(carrier_frequency))


def free_space_reference(carrier_frequency: float) -> float:
    """Free-space path loss at 1 m in dB, for a carrier frequency in Hz."""
    return 20.0 * math.log10(4.0 * math.pi * carrier_frequency / SPEED_OF_LIGHT)


def log_distance(distance: Tensor, exponent: float, reference_loss_db: float) -> Tensor:
    r"""Log-distance path loss, :math:`L_0 + 10 \eta \log_{10}(d / 1\,\mathrm{m})`.

    Parameters
    ----------
    distance : [...], float
        Distance d in metres, at least :data:`MIN_DISTANCE` is assumed
    exponent : float
        Path loss exponent η
    reference_loss_db : float
        Path loss :math:`L_0` at 1 m in dB

    Returns
    -------
    [...], float
        Path loss in dB
    """
    distance = ops.maximum(distance, MIN_DISTANCE)
    return reference_loss_db + 10.0 * exponent * ops.log10(distance)


def urban(
    model: str,
    distance_2d: Tensor,
    ap_height: Tensor,
    ue_height: Tensor,
    carrier_frequency: float,
) -> tuple[Tensor, Tensor]:
    r"""Path loss of the street canyon (UMi) and the urban macro cell (UMa) of 3GPP.

    With :math:`d` the 3-D distance in metres, :math:`f` the carrier frequency in GHz and, for UMi,

    .. math::
        \begin{align}
        L_\mathrm{LOS} &= \begin{cases}
        32.4 + 21 \log_{10} d + 20 \log_{10} f & d_\mathrm{2D} < d_\mathrm{BP} \\
        32.4 + 40 \log_{10} d + 20 \log_{10} f
        - 9.5 \log_{10}(d_\mathrm{BP}^2 + (h_\mathrm{AP} - h_\mathrm{UE})^2) & \text{otherwise}
        \end{cases} \\
        L_\mathrm{NLOS} &= \max(L_\mathrm{LOS},\;
        22.4 + 35.3 \log_{10} d + 21.3 \log_{10} f - 0.3 (h_\mathrm{UE} - 1.5)) \\
        d_\mathrm{BP} &= 4 (h_\mathrm{AP} - 1)(h_\mathrm{UE} - 1) f_\mathrm{Hz} / c
        \end{align}

    and for UMa with 28, 22, 9 and 13.54, 39.08, 20, 0.6 in their places. The environment height is
    1 m, which for UMa is exact up to a UE height of 13 m.

    Source: 3GPP TR 38.901, table 7.4.1-1.

    Parameters
    ----------
    model : "umi" | "uma"
        Scenario
    distance_2d : [...], float
        Horizontal distance in metres, at least :data:`MIN_URBAN_DISTANCE` is assumed
    ap_height, ue_height : [...], float
        Heights in metres, above 1 m
    carrier_frequency : float
        Carrier frequency in Hz

    Returns
    -------
    los, nlos : [...], float
        Path loss with and without line of sight in dB
    """
    c = _URBAN[model]
    distance_2d = ops.maximum(distance_2d, MIN_URBAN_DISTANCE)
    drop = ops.square(ap_height - ue_height)
    log_d = 0.5 * ops.log10(ops.square(distance_2d) + drop)
    log_f = math.log10(carrier_frequency / 1e9)
    d_bp = 4.0 * (ap_height - 1.0) * (ue_height - 1.0) * (carrier_frequency / SPEED_OF_LIGHT)
    near = c.los_offset + c.los_slope * log_d + 20.0 * log_f
    far = c.los_offset + 40.0 * log_d + 20.0 * log_f
    far = far - c.breakpoint_slope * ops.log10(ops.square(d_bp) + drop)
    los = ops.where(distance_2d < d_bp, near, far)
    nlos = c.nlos_offset + c.nlos_slope * log_d + c.nlos_frequency_slope * log_f
    nlos = nlos - c.nlos_height_slope * (ue_height - 1.5)
    return los, ops.maximum(los, nlos)


def los_probability(model: str, distance_2d: Tensor) -> Tensor:
    r"""Probability of a line of sight outdoors, for UE heights up to 13 m.

    .. math::
        p = \min\!\left(1, \frac{18}{d}\right)
        + e^{-d / d_0} \left(1 - \min\!\left(1, \frac{18}{d}\right)\right)

    with :math:`d_0` = 36 m for UMi and 63 m for UMa. Source: 3GPP TR 38.901, table 7.4.2-1.

    Parameters
    ----------
    model : "umi" | "uma"
        Scenario
    distance_2d : [...], float
        Horizontal distance d in metres

    Returns
    -------
    [...], float
        Probability
    """
    near = 18.0 / ops.maximum(distance_2d, 18.0)
    return near + ops.exp(-distance_2d / _URBAN[model].los_decay) * (1.0 - near)


def bistatic_radar_gain(
    distance_tx: Tensor, distance_rx: Tensor, carrier_frequency: float, rcs: float
) -> Tensor:
    r"""Bistatic radar equation between isotropic elements.

    .. math:: \zeta^2 = \frac{\lambda^2 \sigma_\mathrm{RCS}}
        {(4 \pi)^3 d_\mathrm{tx}^2 d_\mathrm{rx}^2}

    Parameters
    ----------
    distance_tx, distance_rx : [...], float
        Distances transmitter–target and target–receiver in metres, each at least
        :data:`MIN_DISTANCE` is assumed
    carrier_frequency : float
        Carrier frequency in Hz
    rcs : float
        Mean radar cross section in m²

    Returns
    -------
    [...], float
        Received over transmitted power
    """
    wavelength = SPEED_OF_LIGHT / carrier_frequency
    constant = wavelength**2 * rcs / (4.0 * math.pi) ** 3
    tx = ops.square(ops.maximum(distance_tx, MIN_DISTANCE))
    rx = ops.square(ops.maximum(distance_rx, MIN_DISTANCE))
    return constant / (tx * rx)
