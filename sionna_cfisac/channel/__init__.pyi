from .base import ChannelLayer as ChannelLayer
from .csi import ImperfectCSI as ImperfectCSI
from .csi import jakes_correlation as jakes_correlation
from .rayleigh import CellFreeChannel as CellFreeChannel
from .topology import TopologyChannel as TopologyChannel
