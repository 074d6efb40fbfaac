"""What the benchmarks share: timing, memory, tables."""

import argparse
import subprocess
import sys
import time

import numpy as np

from sionna_cfisac.channel import CellFreeChannel


def seconds(call, repetitions):
    """Time of the fastest of some calls, the one that others on the machine disturbed least."""
    call(), call()  # the first ones trace
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def rate(method, state, repetitions):
    """Channels per second."""
    return state.h.shape[0] / seconds(lambda: np.asarray(method(state)), repetitions)


def draw(num_aps, num_users, num_tx_ant, batch, seed=0):
    """Channels in single precision; the optimisers iterate in double precision inside."""
    return CellFreeChannel(num_aps, num_users, num_tx_ant)(batch, seed=seed)


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def peak_memory():
    """Peak resident memory of this process in GiB.

    Not from getrusage: its figure outlives exec, so that a process begins with its parent's.
    """
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def memory_table(script, calls, batch):
    """Peak memory of every call in a process of its own, which ``script --peak CALL`` prints."""
    rows = []
    for name in calls:
        command = [sys.executable, script, "--peak", name, "--batch", str(batch)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows.append([name, f"{float(out.split()[-1]):.2f}"])
    print(f"Peak memory of a process, M=5, U=2, Nt=8, batch {batch:,}\n")
    table(["call", "GiB"], rows)


def main(about, everything, peak):
    """Parse the command line of a script and run it, or what its process for memory is to call."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one repetition")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        peak(arguments.peak, arguments.batch)
    else:
        everything(arguments.batch, 1 if arguments.quick else 10)
