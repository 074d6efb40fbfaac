"""Where everything is on a map, fixed or dropped at random, and where the arrays point."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from sionna_cfisac.arguments import number, numbers
from sionna_cfisac.channel import draws, geometry
from sionna_cfisac.channel.geometry import Positions
from sionna_cfisac.state import Tensor

KINDS = ("aps", "ues", "targets")


class Layout:
    """The arguments of a topology channel that say where things are, checked and ready to draw.

    Parameters
    ----------
    counts : (int, int, int)
        Numbers of APs, UEs and targets
    area : (float, float)
        Extent in x and y in metres, from the origin
    positions : (None or [count, 2 or 3] floats) for APs, UEs and targets
        Positions in metres; None drops them
    heights : (float, float, float)
        Heights in metres of what is dropped or given in two dimensions
    ap_orientations : None or [M] floats
        Azimuth of each array's boresight in radian; None points it at the centre of the area

    Raises
    ------
    ValueError
        Naming the argument of the channel that is wrong
    """

    def __init__(
        self,
        counts: tuple[int, int, int],
        area: tuple[float, float],
        positions: tuple[Any, Any, Any],
        heights: tuple[float, float, float],
        ap_orientations: Sequence[float] | None,
    ) -> None:
        extent = numbers(area, "area", (2,), low=0.0)
        self.area = (float(extent[0]), float(extent[1]))
        self.counts = counts
        singular = [kind.removesuffix("s") for kind in KINDS]
        self.heights = tuple(
            number(height, f"{kind}_height") for kind, height in zip(singular, heights, strict=True)
        )
        self.fixed = tuple(
            geometry.fixed_positions(given, count, height, f"{kind}_positions")
            for kind, given, count, height in zip(
                singular, positions, counts, self.heights, strict=True
            )
        )
        self.orientations = (
            None
            if ap_orientations is None
            else numbers(ap_orientations, "ap_orientations", (counts[0],))
        )

    def heights_of(self, kind: str) -> list[float]:
        """Heights in metres of "aps", "ues" or "targets"; one for all where they are dropped."""
        index = KINDS.index(kind)
        fixed = self.fixed[index]
        return [self.heights[index]] if fixed is None else fixed[:, 2].tolist()

    def place(
        self, batch_size: int | Tensor, seeds: Mapping[str, draws.Seed], dtype: str
    ) -> Positions:
        """Positions for every channel; ``seeds`` has one for each of :data:`KINDS`."""
        return Positions(
            *(
                geometry.place(fixed, batch_size, count, self.area, height, seeds[kind], dtype)
                for kind, fixed, count, height in zip(
                    KINDS, self.fixed, self.counts, self.heights, strict=True
                )
            )
        )

    def boresight(self, aps: Tensor, dtype: str) -> Tensor:
        """Azimuth in radian of the boresight of APs at [B, M, 3]: [B, M]."""
        if self.orientations is None:
            return geometry.azimuth_towards(aps, (self.area[0] / 2, self.area[1] / 2))
        fixed = ops.convert_to_tensor(self.orientations.astype(dtype))
        return ops.broadcast_to(fixed, ops.shape(aps)[:2])

    def config(self) -> dict[str, Any]:
        """The channel's arguments, for Keras' serialisation."""
        values: dict[str, Any] = {"area": list(self.area)}
        for kind, fixed, height in zip(KINDS, self.fixed, self.heights, strict=True):
            name = kind.removesuffix("s")
            values[f"{name}_height"] = height
            values[f"{name}_positions"] = None if fixed is None else fixed.tolist()
        values["ap_orientations"] = (
            None if self.orientations is None else self.orientations.tolist()
        )
        return values
