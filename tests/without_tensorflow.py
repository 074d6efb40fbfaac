"""Start of a program, for a process of its own, that can import no TensorFlow and no Sionna."""

WITHOUT_TENSORFLOW = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "sionna", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())

import keras

assert keras.backend.backend() == "jax"
"""
