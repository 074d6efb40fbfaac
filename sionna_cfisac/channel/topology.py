"""Rician fading with path loss and shadowing between points of a map."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from sionna_cfisac.arguments import number, one_of
from sionna_cfisac.arrays import steering_vector
from sionna_cfisac.channel import draws, geometry
from sionna_cfisac.channel import path_loss as gains
from sionna_cfisac.channel.base import ChannelLayer, Powers, check_batch_size
from sionna_cfisac.channel.geometry import Positions
from sionna_cfisac.channel.large_scale import LargeScale
from sionna_cfisac.channel.layout import Layout
from sionna_cfisac.channel.rician import k_factors, rician, scale
from sionna_cfisac.radio import THERMAL_NOISE, URBAN_UE_HEIGHTS, urban_conflicts
from sionna_cfisac.state import ChannelState, Tensor

SENSING_GAINS = ("radar", "exponential", "unit")

_URBAN_ARGUMENTS = {"ap": "ap_height, ap_positions", "ue": "ue_height, ue_positions"}
_DRAWS = ("aps", "ues", "targets", "line_of_sight", "shadowing", "phase", "scattering", "sensing")


class TopologyDrop(NamedTuple):
    """Channels with what they come from.

    Attributes
    ----------
    state : ChannelState
        B channels
    link_gain : [B, M, U], float
        Path loss and shadowing as a factor of power
    positions : Positions
        APs, UEs and targets in metres
    boresight : [B, M], float
        Azimuth of every array's broadside in radian
    """

    state: ChannelState
    link_gain: Tensor
    positions: Positions
    boresight: Tensor


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class TopologyChannel(ChannelLayer):
    r"""Cell-free channel whose gains and angles follow from positions.

    .. math::
        \mathbf{h}_{mu} = \sqrt{g_{mu}} \left( \sqrt{\tfrac{K_{mu}}{K_{mu} + 1}}\, e^{j \phi_{mu}}
        \mathbf{a}(\theta_{mu}) + \sqrt{\tfrac{1}{K_{mu} + 1}}\, \mathbf{w}_{mu} \right), \quad
        \phi_{mu} \sim \mathcal{U}[0, 2\pi), \quad
        \mathbf{w}_{mu} \sim \mathcal{CN}(0, \mathbf{I})

    where :math:`10 \log_{10} g_{mu}` is minus the path loss over the 3-D distance minus a shadowing
    :math:`\mathcal{N}(0, \sigma_\mathrm{SF}^2)`, independent for each link. The angle of a UE or a
    target is measured from the broadside of the AP's array, a horizontal uniform linear array:
    :math:`\sin\theta` is the cosine of the angle between direction and array axis. Such an array
    cannot tell front from back: a UE behind the AP has the channel of its mirror image.

    Powers are in W. Distances below 1 m count as 1 m, horizontal ones below 10 m as 10 m in "umi"
    and "uma"; no gain is infinite. Positions may lie outside the area.

    Parameters
    ----------
    num_aps, num_users, num_tx_ant, num_targets, total_power, ap_power, seed, dtype, name
        As in :class:`~sionna_cfisac.channel.ChannelLayer`
    noise_power : float or [U] floats
        Noise power σ² of the UEs in W; by default 20 MHz at a noise figure of 9 dB
    sensing_noise_power : float or [M] floats
        Radar receiver noise power ς² in W, the same by default
    area : (float, float)
        Extent in x and y in metres, from the origin
    ap_positions : None, [M, 2] or [M, 3] floats
        Positions in metres; None drops them uniformly in the area, anew for every channel
    ue_positions : None, [U, 2] or [U, 3] floats
        As ``ap_positions``
    target_positions : None, [T, 2] or [T, 3] floats
        As ``ap_positions``
    ap_height, ue_height, target_height : float
        Heights in metres of what is dropped or given in two dimensions
    ap_orientations : None or [M] floats
        Azimuth in radian of each array's boresight, from the x axis towards the y axis; None points
        each at the centre of the area
    carrier_frequency : float
        Carrier frequency in Hz
    path_loss : "log_distance" (default) | "umi" | "uma" | "free_space"
        Path loss between AP and UE, see :mod:`sionna_cfisac.channel.path_loss`
    path_loss_exponent : float
        Exponent of "log_distance"
    reference_loss_db : None or float
        Path loss of "log_distance" at 1 m in dB; None takes that of free space
    line_of_sight : bool or "random" (default)
        Which of the "umi" and "uma" formulas holds; "random" draws it for each link with the
        probability of 3GPP TR 38.901, table 7.4.2-1
    shadowing_std_db : float
        Standard deviation of the shadowing in dB
    k_factor_db : None, float or [M, U] floats
        Rician K-factor in dB; None stands for Rayleigh fading. In "umi" and "uma" links without
        line of sight are Rayleigh whatever it is
    sensing_gain : "radar" (default) | "exponential" | "unit"
        ζ² from the bistatic radar equation, :math:`\lambda^2 \sigma_\mathrm{RCS} /
        ((4\pi)^3 d_\mathrm{tx}^2 d_\mathrm{rx}^2)`; exponential with unit mean; or 1
    rcs : float
        Mean radar cross section of the targets in m², for "radar"

    Input
    -----
    batch_size : int
        Number of channels to draw
    seed : None or int
        Draws exactly the channels of this seed. The same seed gives the same positions, shadowing
        and fading when only other arguments change. Code compiled by XLA has other random numbers
        than TensorFlow without it, of the same distribution

    Output
    ------
    ChannelState
        Batch of channels

    Raises
    ------
    ValueError
        If an argument is out of range

    Examples
    --------
    >>> channel = TopologyChannel(num_aps=4, path_loss="umi", k_factor_db=9.0, seed=1)
    >>> tuple(channel(16).h.shape)
    (16, 4, 2, 8)
    """

    def __init__(
        self,
        num_aps: int = 5,
        num_users: int = 2,
        num_tx_ant: int = 8,
        num_targets: int = 1,
        *,
        total_power: float = 1.0,
        ap_power: Powers | None = None,
        noise_power: Powers = THERMAL_NOISE,
        sensing_noise_power: Powers = THERMAL_NOISE,
        area: tuple[float, float] = (400.0, 400.0),
        ap_positions: Any = None,
        ue_positions: Any = None,
        target_positions: Any = None,
        ap_height: float = 10.0,
        ue_height: float = 1.5,
        target_height: float = 1.5,
        ap_orientations: Sequence[float] | None = None,
        carrier_frequency: float = 3.5e9,
        path_loss: str = "log_distance",
        path_loss_exponent: float = 3.0,
        reference_loss_db: float | None = None,
        line_of_sight: bool | str = "random",
        shadowing_std_db: float = 0.0,
        k_factor_db: Any = None,
        sensing_gain: str = "radar",
        rcs: float = 1.0,
        seed: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            num_aps,
            num_users,
            num_tx_ant,
            num_targets,
            total_power=total_power,
            ap_power=ap_power,
            noise_power=noise_power,
            sensing_noise_power=sensing_noise_power,
            seed=seed,
            dtype=dtype,
            name=name,
        )
        self.sensing_gain = one_of(sensing_gain, "sensing_gain", SENSING_GAINS)
        self._layout = Layout(
            (self.num_aps, self.num_users, self.num_targets),
            area,
            (ap_positions, ue_positions, target_positions),
            (ap_height, ue_height, target_height),
            ap_orientations,
        )
        self.large_scale = LargeScale(
            path_loss,
            path_loss_exponent,
            reference_loss_db,
            line_of_sight,
            shadowing_std_db,
            carrier_frequency,
        )
        self.carrier_frequency = self.large_scale.carrier_frequency
        self.rcs = number(rcs, "rcs", 0.0, above=True)
        self._k_factor = k_factors(k_factor_db, num_aps, num_users)
        if path_loss in URBAN_UE_HEIGHTS:
            for where, what in urban_conflicts(
                path_loss,
                self.carrier_frequency,
                self.heights_of("aps"),
                self.heights_of("ues"),
            ):
                raise ValueError(f"{_URBAN_ARGUMENTS.get(where, where)}: {what}")

    def heights_of(self, kind: str) -> list[float]:
        """Heights in metres of "aps", "ues" or "targets"; one for all where they are dropped."""
        return self._layout.heights_of(kind)

    def draw(self, batch_size: int | Tensor, seeds: Iterator[draws.Seed]) -> ChannelState:
        """Draw the state, see the class."""
        return self._drop(batch_size, _assign(seeds)).state

    def drop(self, batch_size: int | Tensor, seed: int | None = None) -> TopologyDrop:
        """Draw channels as a call does, with the places and gains that they have.

        Parameters
        ----------
        batch_size : int
            Number of channels to draw
        seed : None or int
            As in a call

        Returns
        -------
        TopologyDrop
            State, link gains, positions and boresights
        """
        check_batch_size(batch_size)
        return self._drop(batch_size, _assign(self._seeds(seed)))

    def with_link_gain(
        self, batch_size: int | Tensor, seed: int | None = None
    ) -> tuple[ChannelState, Tensor]:
        """Draw channels and their path gains, with shadowing; see the base class."""
        drop = self.drop(batch_size, seed)
        return drop.state, drop.link_gain

    def _drop(self, batch_size: int | Tensor, seed: dict[str, draws.Seed]) -> TopologyDrop:
        where = self._layout.place(batch_size, seed, self.compute_dtype)
        boresight = self._layout.boresight(where.aps, self.compute_dtype)
        to_ues = geometry.displacement(where.aps, where.ues)
        to_targets = geometry.displacement(where.aps, where.targets)
        theta = geometry.broadside_angle(to_targets, boresight)
        link_gain, sight = self.large_scale.gain(to_ues, where, seed, self.compute_dtype)
        state = ChannelState(
            h=self._fading(link_gain, sight, to_ues, boresight, seed),
            a=steering_vector(theta, self.num_tx_ant),
            sensing_gain=self._sensing_gain(batch_size, to_targets, seed),
            **self._constants(batch_size),
        )
        return TopologyDrop(state, link_gain, where, boresight)

    def positions(self, batch_size: int, seed: int) -> Positions:
        """Positions in metres that ``call(batch_size, seed)`` has its channels from.

        Parameters
        ----------
        batch_size : int
            Number of channels
        seed : int
            Seed of the call

        Returns
        -------
        Positions
            APs [B, M, 3], UEs [B, U, 3] and targets [B, T, 3]
        """
        seeds = _assign(self._seeds(seed))
        return self._layout.place(batch_size, seeds, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for Keras' serialisation."""
        return {
            **super().get_config(),
            **self._layout.config(),
            **self.large_scale.config(),
            "sensing_gain": self.sensing_gain,
            "rcs": self.rcs,
            "k_factor_db": None if self._k_factor is None else self._k_factor.tolist(),
        }

    def _fading(
        self,
        link_gain: Tensor,
        sight: Tensor,
        to_ues: Tensor,
        boresight: Tensor,
        seed: dict[str, draws.Seed],
    ) -> Tensor:
        """Channels h [B, M, U, Nt]."""
        dtype = self.compute_dtype
        links = ops.shape(link_gain)
        h = draws.complex_normal((*links, self.num_tx_ant), seed["scattering"], dtype)
        if self._k_factor is not None:
            k = ops.convert_to_tensor((10.0 ** (self._k_factor / 10.0)).astype(dtype)) * sight
            theta = geometry.broadside_angle(to_ues, boresight)
            h = rician(h, theta, k, seed["phase"], dtype)
        return scale(h, ops.sqrt(link_gain))

    def _sensing_gain(
        self, batch_size: int | Tensor, to_targets: Tensor, seed: dict[str, draws.Seed]
    ) -> Tensor:
        """Variance ζ² [B, Mr, M, T]; every AP receives."""
        pairs = (batch_size, self.num_aps, self.num_aps, self.num_targets)
        if self.sensing_gain == "unit":
            return ops.ones(pairs, dtype=self.compute_dtype)
        if self.sensing_gain == "exponential":
            return draws.exponential(pairs, seed["sensing"], self.compute_dtype)
        distance = geometry.length(to_targets)
        return gains.bistatic_radar_gain(
            distance[:, None, :, :], distance[:, :, None, :], self.carrier_frequency, self.rcs
        )


def _assign(seeds: Iterator[draws.Seed]) -> dict[str, draws.Seed]:
    # each draw has its place, so that an option which needs one more does not shift the others
    return {name: next(seeds) for name in _DRAWS}
