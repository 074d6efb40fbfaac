"""Unsupervised training of learned beamformers, with the TensorFlow and JAX backends of Keras.

The names load on first use; ``__init__.pyi`` says where they are.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
