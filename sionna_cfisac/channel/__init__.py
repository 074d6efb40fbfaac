"""Communication channels: Keras layers from a batch size to a ``ChannelState``.

The names load on first use; ``__init__.pyi`` says where they are.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
