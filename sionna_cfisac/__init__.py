"""Cell-free massive MIMO with integrated sensing and communication, for Sionna.

Submodules load on first use, so that ``import sionna_cfisac`` costs nothing and works where
neither TensorFlow nor Sionna is installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

from sionna_cfisac._version import __version__

if TYPE_CHECKING:
    from sionna_cfisac import arrays, beamforming, channel, metrics, sensing
    from sionna_cfisac.state import ChannelState

__all__ = ["ChannelState", "__version__", "arrays", "beamforming", "channel", "metrics", "sensing"]


def __getattr__(name: str) -> Any:
    if name == "ChannelState":
        return importlib.import_module("sionna_cfisac.state").ChannelState
    if name in __all__:
        return importlib.import_module(f"sionna_cfisac.{name}")
    raise AttributeError(f"module 'sionna_cfisac' has no attribute '{name}'")
