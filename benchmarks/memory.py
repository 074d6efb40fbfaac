"""Peak memory of a condition, beside what ``cfisac check`` expects of it.

    python benchmarks/memory.py [--only TEXT]

Every condition runs in a process of its own. Prints a Markdown table; the estimate should be within
a factor of two, and rather too high than too low.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from sionna_cfisac.scenario.engines.base import LOADED
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.study import load_study

FLAT = "samples: 256\nmeasure: [utility]\n"
LINK = "measure: [bler]\nlink: {snr_db: 0, slots_per_batch: 64, stop: {max_blocks: 100}}\n"
MIDDLE, LARGE = (16, 16, 32), (64, 16, 32)
ROWS = [
    *((FLAT, method, MIDDLE, []) for method in ("rzf", "wmmse", "joint", "dual_gnn")),
    *((FLAT, method, LARGE, []) for method in ("rzf", "joint", "dual_gnn")),
    *((FLAT, "hetero_gnn", (aps, 16, 8), []) for aps in (16, 64)),
    (FLAT, "{type: dual_gnn, switch_off: true}", (8, 16, 4), []),
    (FLAT, "rzf", MIDDLE, ["measure=[utility, upper_bound]"]),
    (LINK, "rzf", (5, 2, 8), ["link.slots_per_batch=1024"]),
    (LINK, "rzf", (5, 2, 8), ["link.slots_per_batch=256", "link.num_subcarriers=120"]),
    (LINK, "rzf", (32, 8, 16), []),
    (LINK, "rzf", (5, 2, 8), ["channel=tdl", "link.num_subcarriers=48"]),
    (LINK, "rzf", (5, 2, 8), ["channel={type: tdl, speed: 30}", "link.num_subcarriers=48"]),
    (LINK, "wmmse", (5, 2, 8), ["channel=tdl", "link.num_subcarriers=48"]),
    (LINK, "rzf", (5, 2, 8), ["channel=umi", "link.snr_definition=receive",
                              "link.num_subcarriers=48"]),
]  # fmt: skip

PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
# kilobytes on Linux, bytes on macOS
unit = 1 if sys.platform == "darwin" else 1000
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
sys.exit(code)
"""


def measure(text: str, method: str, sizes: tuple[int, int, int], more: list[str]) -> None:
    names = ("num_aps", "num_users", "num_tx_ant")
    options = [f"network.{n}={v}" for n, v in zip(names, sizes, strict=True)] + more
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "s.yaml"
        file.write_text(f"schema_version: 1\nname: m\nfigures: []\nbeamformers: [{method}]\n{text}")
        (condition,) = load_study(file, options).conditions
        expected = LOADED + sum(engine_of(condition.scenario).memory().values())
        run = [sys.executable, "-m", "sionna_cfisac.cli", "run", str(file), "-o", f"{place}/out"]
        for option in options:
            run += ["--set", option]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *run], stdout=subprocess.PIPE, text=True, check=True
        )
    peak = float(done.stdout)
    print(
        f"| {method} | {sizes} | {' '.join(more)} | {peak / 1e9:.2f} | {expected / 1e9:.2f} "
        f"| {expected / peak:.2f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="rows that contain this text")
    chosen = parser.parse_args().only
    print("| method | M, U, Nt | options | peak (GB) | estimate (GB) | ratio |")
    print("|---|---|---|---|---|---|")
    for row in ROWS:
        if chosen in str(row):
            measure(*row)


if __name__ == "__main__":
    main()
