"""Scenario files: what they may say, how they are run and what they leave behind.

Reading and checking a file (:func:`load_study`) imports neither Keras nor TensorFlow; running it
(:func:`run_study`) does. The rooms, each of which imports only from those before it: ``file``,
``schema``, ``engines``, ``rules``, ``study``, ``results``, ``runner``, ``report``, ``catalogue``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
