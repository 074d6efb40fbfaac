"""Programs, in a process of their own, that can import no TensorFlow and no Sionna."""

import json
import os
import subprocess
import sys

import numpy as np

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


_BEAMS = (
    WITHOUT_TENSORFLOW
    + r"""
import json

import jax
import numpy as np

from sionna_cfisac import ChannelState, beamforming

channels, weights, results, kind, options = sys.argv[1:]
data = np.load(channels)
state = ChannelState(*(data[name] for name in ChannelState._fields))
network = getattr(beamforming, kind).load(weights, **json.loads(options))
np.savez(results, eager=network(state), jit=jax.jit(network)(state))
assert not {"tensorflow", "sionna"} & {name.split(".")[0] for name in sys.modules}
"""
)


def beams_of_jax(folder, network, state, **options):
    """The beams of a network that JAX loads with these options, by how it runs."""
    weights, channels, results = (folder / x for x in ("net.weights.h5", "in.npz", "out.npz"))
    network.save(weights)
    np.savez(channels, **state._asdict())
    kind = type(network).__name__
    run_without_tensorflow(_BEAMS, channels, weights, results, kind, json.dumps(options))
    return np.load(results)
