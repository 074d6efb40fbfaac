"""The optimiser's theory, twice: complex in TensorFlow (``normalised``), real in ``keras.ops``."""
