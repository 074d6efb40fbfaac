"""Communication channels: Keras layers from a batch size to a ``ChannelState``."""

from sionna_cfisac.channel.base import ChannelLayer
from sionna_cfisac.channel.csi import ImperfectCSI, jakes_correlation
from sionna_cfisac.channel.rayleigh import CellFreeChannel
from sionna_cfisac.channel.topology import TopologyChannel

__all__ = [
    "CellFreeChannel",
    "ChannelLayer",
    "ImperfectCSI",
    "TopologyChannel",
    "jakes_correlation",
]
