"""The coded OFDM link: Sionna blocks from bits to bits, with joint precoding by many APs.

The names load on first use, because Sionna takes seconds to import; ``__init__.pyi`` says where
they are.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
