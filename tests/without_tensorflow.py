"""Programs, in a process of their own, that can import no TensorFlow and no Sionna."""

import os
import subprocess
import sys

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


def run_without_tensorflow(program, *arguments):
    """Run a program that starts with the text above; it must succeed."""
    run = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
