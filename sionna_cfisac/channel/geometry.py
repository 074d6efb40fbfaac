"""Positions in metres, and the distances and array angles that follow from them."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from sionna_cfisac.channel import draws
from sionna_cfisac.state import Tensor


class Positions(NamedTuple):
    """Where everything is, in metres.

    Attributes
    ----------
    aps : [B, M, 3], float
        Access points
    ues : [B, U, 3], float
        User equipments
    targets : [B, T, 3], float
        Targets
    """

    aps: Tensor
    ues: Tensor
    targets: Tensor


def fixed_positions(value: Any, count: int, height: float, name: str) -> np.ndarray | None:
    """Positions [count, 3] from ``count`` points [x, y] or [x, y, z], which may be mixed, or None.

    Raises
    ------
    ValueError
        If ``value`` has another shape or is not finite; ``name`` is what the message calls it.
    """
    if value is None:
        return None
    rows = [np.asarray(row, dtype=float) for row in value]
    shapes = sorted({row.shape for row in rows})
    if len(rows) != count or not set(shapes) <= {(2,), (3,)}:
        raise ValueError(
            f"{name}: expected {count} points [x, y] or [x, y, z], "
            f"got {len(rows)} rows of shape {shapes}"
        )
    array = np.stack([row if len(row) == 3 else np.append(row, height) for row in rows])
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {value!r}")
    return array


def place(
    fixed: np.ndarray | None,
    batch_size: int | Tensor,
    count: int,
    area: tuple[float, float],
    height: float,
    seed: draws.Seed,
    dtype: str,
) -> Tensor:
    """The fixed positions for every channel, or else a uniform drop in the area.

    Parameters
    ----------
    fixed : None or [count, 3] array
        Positions in metres
    batch_size : int
        Number of channels
    count : int
        Number of points
    area : (float, float)
        Extent of the area in x and y in metres; a corner is the origin
    height : float
        Height of the points that are dropped, in metres
    seed : int or SeedGenerator
        Seed of the drop
    dtype : str
        Real dtype

    Returns
    -------
    [batch_size, count, 3], float
        Positions in metres
    """
    if fixed is not None:
        constant = ops.convert_to_tensor(fixed.astype(dtype))
        return ops.broadcast_to(constant, (batch_size, count, 3))
    drop = draws.uniform((batch_size, count, 3), 0.0, 1.0, seed, dtype)
    extent = ops.convert_to_tensor(np.array([*area, 0.0], dtype))
    return drop * extent + ops.convert_to_tensor(np.array([0.0, 0.0, height], dtype))


def displacement(origins: Tensor, points: Tensor) -> Tensor:
    """Vectors from every origin [B, M, 3] to every point [B, K, 3]: [B, M, K, 3]."""
    return points[:, None, :, :] - origins[:, :, None, :]


def length(vectors: Tensor) -> Tensor:
    """Euclidean length of vectors [..., 2 or 3]: [...]."""
    return ops.sqrt(ops.sum(ops.square(vectors), axis=-1))


def azimuth_towards(origins: Tensor, point: tuple[float, float]) -> Tensor:
    """Azimuth in radian of the direction from origins [B, M, 3] to one point: [B, M].

    Measured from the x axis towards the y axis; 0 for an origin right at the point.
    """
    return ops.arctan2(point[1] - origins[..., 1], point[0] - origins[..., 0])


def broadside_angle(vectors: Tensor, boresight: Tensor) -> Tensor:
    r"""Angle between a direction and the broadside plane of a horizontal uniform linear array.

    .. math:: \sin\theta = \frac{\mathbf{v}^T \mathbf{e}(\psi)}{\|\mathbf{v}\|}, \quad
        \mathbf{e}(\psi) = (-\sin\psi, \cos\psi, 0)^T

    with the array along :math:`\mathbf{e}(\psi)`. For a point at the height of the array in front
    of it, θ is the azimuth from the boresight, counter-clockwise; a point behind it has the angle
    of its mirror image, since such an array cannot tell front from back.

    Parameters
    ----------
    vectors : [B, M, K, 3], float
        Directions, of any length
    boresight : [B, M], float
        Azimuth ψ of each array's boresight in radian

    Returns
    -------
    [B, M, K], float
        Angle θ in radian, on [-π/2, π/2]; 0 for a vector of length zero
    """
    psi = boresight[:, :, None]
    along = vectors[..., 1] * ops.cos(psi) - vectors[..., 0] * ops.sin(psi)
    sine = along / ops.maximum(length(vectors), 1e-6)
    # rounding may exceed one by an ulp, where arcsin is not a number
    return ops.arcsin(ops.clip(sine, -1.0, 1.0))
