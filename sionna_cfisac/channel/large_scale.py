"""Path loss and shadowing of the links between positions."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from sionna_cfisac.arguments import number, one_of
from sionna_cfisac.channel import draws, geometry
from sionna_cfisac.channel import path_loss as models
from sionna_cfisac.channel.geometry import Positions
from sionna_cfisac.state import Tensor

PATH_LOSS_MODELS = ("log_distance", "umi", "uma", "free_space")


class LargeScale:
    """The arguments of a topology channel that path loss and shadowing depend on, checked.

    Parameters
    ----------
    path_loss, path_loss_exponent, reference_loss_db, line_of_sight, shadowing_std_db, \
    carrier_frequency
        As in :class:`~sionna_cfisac.channel.TopologyChannel`

    Raises
    ------
    ValueError
        Naming the argument of the channel that is wrong
    """

    def __init__(
        self,
        path_loss: str,
        path_loss_exponent: float,
        reference_loss_db: float | None,
        line_of_sight: bool | str,
        shadowing_std_db: float,
        carrier_frequency: float,
    ) -> None:
        self.path_loss = one_of(path_loss, "path_loss", PATH_LOSS_MODELS)
        if not isinstance(line_of_sight, bool) and line_of_sight != "random":
            raise ValueError(
                f"line_of_sight: expected True, False or 'random', got {line_of_sight!r}"
            )
        self.line_of_sight = line_of_sight
        self.carrier_frequency = number(carrier_frequency, "carrier_frequency", 0.0, above=True)
        self.path_loss_exponent = number(path_loss_exponent, "path_loss_exponent", 0.0, above=True)
        self.reference_loss_db = (
            None if reference_loss_db is None else number(reference_loss_db, "reference_loss_db")
        )
        self.shadowing_std_db = number(shadowing_std_db, "shadowing_std_db", 0.0)

    def gain(
        self, to_ues: Tensor, where: Positions, seeds: Mapping[str, draws.Seed], dtype: str
    ) -> tuple[Tensor, Tensor]:
        """Gains of the links, and which of them may have a direct path.

        Parameters
        ----------
        to_ues : [B, M, U, 3], float
            From every AP to every UE in metres
        where : Positions
            APs and UEs
        seeds : dict
            Seeds of "line_of_sight" and "shadowing"
        dtype : "float32" | "float64"
            Precision

        Returns
        -------
        link_gain : [B, M, U], float
            Path loss and shadowing as a factor of power
        sight : [B, M, U], float
            1 for links that may have a direct path, else 0
        """
        links = tuple(ops.shape(to_ues)[:3])
        loss, sight = self._path_loss(links, where, to_ues, seeds, dtype)
        if self.shadowing_std_db > 0:
            loss = loss + self.shadowing_std_db * draws.normal(links, seeds["shadowing"], dtype)
        return ops.power(ops.cast(10.0, dtype), -loss / 10.0), sight

    def config(self) -> dict[str, Any]:
        """The channel's arguments, for Keras' serialisation."""
        return dict(vars(self))

    def _path_loss(
        self,
        links: tuple,
        where: Positions,
        to_ues: Tensor,
        seeds: Mapping[str, draws.Seed],
        dtype: str,
    ) -> tuple[Tensor, Tensor]:
        """Path loss in dB [B, M, U], and 1.0 for links that may have a direct path, else 0.0."""
        sight = ops.ones(links, dtype=dtype)
        distance = geometry.length(to_ues)
        if self.path_loss == "free_space":
            return models.free_space(distance, self.carrier_frequency), sight
        if self.path_loss == "log_distance":
            reference = self.reference_loss_db
            if reference is None:
                reference = models.free_space_reference(self.carrier_frequency)
            return models.log_distance(distance, self.path_loss_exponent, reference), sight
        horizontal = geometry.length(to_ues[..., :2])
        heights = where.aps[:, :, None, 2], where.ues[:, None, :, 2]
        los, nlos = models.urban(self.path_loss, horizontal, *heights, self.carrier_frequency)
        if self.line_of_sight == "random":
            draw = draws.uniform(links, 0.0, 1.0, seeds["line_of_sight"], dtype)
            chance = models.los_probability(self.path_loss, horizontal)
            sight = ops.cast(draw < chance, dtype)
        elif not self.line_of_sight:
            sight = ops.zeros_like(sight)
        return ops.where(sight > 0, los, nlos), sight
