"""What the optimisers leave in the temporary folder of a process that is killed."""

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os
import tensorflow as tf
from sionna_cfisac.beamforming import JointBeamformer, upper_bound
from sionna_cfisac.channel import CellFreeChannel

state = CellFreeChannel(num_aps=2, num_users=3, num_tx_ant=2, noise_power=0.01, seed=1)(2)
f = JointBeamformer(1.0, num_starts=2, max_iterations=3)(state)
JointBeamformer(1.0, start="network", max_iterations=3)(state)
upper_bound(state, f, sensing_weight=1.0)
%s
# no handler of atexit runs, as after a signal
os._exit(7)
"""


_CONVERTED = """
@tf.function
def doubled(x):
    return 2.0 * x

doubled(1.0)
"""


def _left(place: Path, more: str = "") -> list[str]:
    # AutoGraph needs a file to read the source from
    program = place.with_suffix(".py")
    program.write_text(_PROGRAM % more)
    place.mkdir()
    environment = {**os.environ, "TMPDIR": str(place)}
    done = subprocess.run([sys.executable, program], env=environment)
    assert done.returncode == 7
    return [file.name for file in place.iterdir()]


def test_a_process_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    assert _left(tmp_path / "own") == []
    # the folder is where TensorFlow would leave files
    left = _left(tmp_path / "autograph", _CONVERTED)
    assert any(name.startswith("__autograph_generated_file") for name in left)
