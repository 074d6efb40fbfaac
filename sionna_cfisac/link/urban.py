"""3GPP TR 38.901 street channels between the APs and UEs of a topology."""

from typing import Any

import tensorflow as tf
from sionna.phy import config
from sionna.phy.channel.tr38901 import PanelArray, UMa, UMi

from sionna_cfisac.arguments import number, one_of
from sionna_cfisac.channel import TopologyChannel
from sionna_cfisac.link.channels import Drop
from sionna_cfisac.link.frame import Frame
from sionna_cfisac.link.sionna_channel import SionnaChannel, local_mean, seeded
from sionna_cfisac.radio import urban_conflicts
from sionna_cfisac.state import Tensor

_MODELS = {"umi": UMi, "uma": UMa}
PATTERNS = ("omni", "38.901")
"""Antenna patterns of the APs."""


class UrbanChannel(SionnaChannel):
    r"""Sionna's 38.901 UMi or UMa between APs and UEs where a topology channel puts them.

    Each draw drops the UEs anew and has path loss, shadowing, line of sight by the standard's
    probability, clusters and delays. The target is the topology's. The antennas of an AP are a row
    of vertically polarised elements at half a wavelength whose steering vectors are those of
    :func:`~sionna_cfisac.arrays.steering_vector`.

    Parameters
    ----------
    model : "umi" | "uma"
        Scenario of the standard
    geometry : TopologyChannel
        Positions, orientations, carrier frequency, powers and the target. Its own path-loss and
        fading options have no effect
    indoor_probability : float
        Share of UEs that are indoors
    line_of_sight : bool or "random"
        For outdoor UEs; "random" with the standard's probability
    shadowing : bool
        Whether there is shadow fading
    speed : float
        Speed of the UEs in m/s, in random directions; above zero the channel changes from symbol to
        symbol
    antenna_pattern : "omni" | "38.901"
        Pattern of the AP's elements

    Input
    -----
    batch_size : int
        Number B of channels
    frame : Frame
        Subcarriers and OFDM symbols
    seed : None or int
        Draws the channels of this seed

    Output
    ------
    Drop
        With K subcarriers

    Raises
    ------
    ValueError
        If an argument is out of range
    """

    def __init__(
        self,
        model: str,
        geometry: TopologyChannel,
        *,
        indoor_probability: float = 0.0,
        line_of_sight: bool | str = "random",
        shadowing: bool = True,
        speed: float = 0.0,
        antenna_pattern: str = "omni",
    ) -> None:
        one_of(model, "model", tuple(_MODELS))
        one_of(antenna_pattern, "antenna_pattern", PATTERNS)
        if not isinstance(geometry, TopologyChannel):
            raise ValueError(f"geometry: expected a TopologyChannel, got {type(geometry).__name__}")
        if not isinstance(line_of_sight, bool) and line_of_sight != "random":
            raise ValueError(
                f"line_of_sight: expected True, False or 'random', got {line_of_sight!r}"
            )
        for where, what in urban_conflicts(
            model,
            geometry.carrier_frequency,
            geometry.heights_of("aps"),
            geometry.heights_of("ues"),
        ):
            raise ValueError(f"geometry: {where}: {what}")
        self.indoor_probability = number(indoor_probability, "indoor_probability", 0.0, 1.0)
        self.speed = number(speed, "speed", 0.0)
        self._los = None if line_of_sight == "random" else line_of_sight
        precision = "double" if geometry.compute_dtype == "float64" else "single"
        element: dict[str, Any] = {
            "polarization": "single",
            "polarization_type": "V",
            "carrier_frequency": geometry.carrier_frequency,
            "precision": precision,
        }
        street = _MODELS[model](
            carrier_frequency=geometry.carrier_frequency,
            o2i_model="low",
            ut_array=PanelArray(1, 1, antenna_pattern="omni", **element),
            bs_array=PanelArray(1, geometry.num_tx_ant, antenna_pattern=antenna_pattern, **element),
            direction="downlink",
            enable_shadow_fading=shadowing,
            precision=precision,
        )
        super().__init__(street, geometry, time_varying=speed > 0)
        self._street = street

    def __call__(self, batch_size: int, frame: Frame, seed: int | None = None) -> Drop:
        """Draw the channels of a slot; see the class."""
        drop = self.geometry.drop(batch_size, seed)
        with seeded(seed):
            self._place(drop)
            # element n of Sionna's panel lies where the steering vector has its element N - 1 - n
            h = self._responses(batch_size, frame)[..., ::-1]
        h = tf.cast(h, drop.state.h.dtype)
        return Drop(drop.state, h, local_mean(h))

    def _place(self, drop: Any) -> None:
        """Tell the model where everything is."""
        aps, ues = drop.positions.aps, drop.positions.ues
        zeros = tf.zeros_like(aps[..., :2])
        outdoor_shape = tf.shape(ues)[:2]
        dtype = ues.dtype
        indoor = config.tf_rng.uniform(outdoor_shape, dtype=dtype) < self.indoor_probability
        self._street.set_topology(
            ut_loc=ues,
            bs_loc=aps,
            ut_orientations=tf.zeros_like(ues),
            bs_orientations=tf.concat([drop.boresight[..., None], zeros], axis=-1),
            ut_velocities=self._velocities(outdoor_shape, dtype),
            in_state=indoor,
            los=self._los,
        )

    def _velocities(self, shape: Tensor, dtype: tf.DType) -> Tensor:
        heading = config.tf_rng.uniform(shape, 0.0, 6.283185307179586, dtype=dtype)
        direction = tf.stack([tf.cos(heading), tf.sin(heading), tf.zeros_like(heading)], axis=-1)
        return self.speed * direction
