"""Cell-free massive MIMO with integrated sensing and communication, for Sionna.

Submodules load on first use, so that ``import sionna_cfisac`` costs nothing and works where
neither TensorFlow nor Sionna is installed.
"""

import lazy_loader

from sionna_cfisac._version import __version__

__getattr__, __dir__, _lazy = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*_lazy, "__version__"]
