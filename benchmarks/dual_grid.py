"""How close the network of multipliers comes to the joint optimum, over sizes, weights and SNRs.

    python benchmarks/dual_grid.py                    # everything, hours
    python benchmarks/dual_grid.py --coarse           # 1, 2, 4 and 8 UEs (or the most), no M=8
    python benchmarks/dual_grid.py --quick            # 20 channels a cell, a few minutes
    python benchmarks/dual_grid.py --cache FOLDER     # keep the optima, which take the longest
    python benchmarks/dual_grid.py --crowded --channels 100  # instead, more UEs than it is made for

Every cell has 500 fresh channels and compares mean utilities with the joint optimiser's at its
defaults: with the steps that the network ships with (``default``), without steps (``raw``) and with
other numbers of them. Prints Markdown tables and writes every cell to ``dual_grid.csv`` (or
``dual_grid_crowded.csv``) in the cache folder, or the working one.
"""

import argparse
import csv
import itertools
import os
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from measure import table

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import DualGNNBeamformer, JointBeamformer
from sionna_cfisac.channel import CellFreeChannel, TopologyChannel

WEIGHTS = (0.0, 2.0, 10.0)
PAPER_WEIGHTS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
SNRS = (0, 10, 20)
ANTENNAS = (4, 8, 32)
APS = (2, 3, 5, 8, 16)
VARIANTS = {
    "default": {},
    "raw": {"refine": 0, "polish": 0},
    "refine 0, polish 2": {"refine": 0, "polish": 2},
    "refine 0, polish 3": {"refine": 0, "polish": 3},
    "refine 1, polish 12": {"refine": 1, "polish": 12},
}
# columns of a cell's row before those of the variants
SHARES = range(6, 6 + 2 * len(VARIANTS), 2)
SEED = 2026
# more UEs than half the antennas, of which the optimum may switch some off: M, U, Nt, SNR, β
CROWDED = [(1, 12, 8, 30, 2.0), (2, 12, 8, 10, 2.0), (4, 12, 1, 10, 2.0), (2, 10, 8, 20, 0.0)]
THERMAL = 6.3e-13  # 20 MHz, noise figure 9 dB, in W


def rayleigh(num_aps, num_users, num_tx_ant, snr):
    noise = 10 ** (-snr / 10)
    return CellFreeChannel(
        num_aps, num_users, num_tx_ant, noise_power=noise, sensing_noise_power=noise
    )


def topology(num_aps, num_users, num_tx_ant, gain, power):
    """A square of 400 m with 8 dB of shadowing; the radar noise is the UEs' with gain radar."""
    return TopologyChannel(
        num_aps,
        num_users,
        num_tx_ant,
        total_power=power,
        area=(400.0, 400.0),
        path_loss_exponent=3.7,
        shadowing_std_db=8.0,
        noise_power=THERMAL,
        sensing_noise_power=THERMAL if gain == "radar" else 0.1,
        sensing_gain=gain,
    )


def user_counts(aps, antennas, coarse):
    most = min(8, aps * antennas // 2)
    return sorted({1, 2, 4, most}) if coarse else range(1, most + 1)


def crowded_cells():
    """As :func:`cells`, for networks that are too full."""
    for cell in CROWDED:
        yield ("crowded", *cell), rayleigh(*cell[:4]), cell[4]


def cells(coarse):
    """Columns of every cell, its channel layer and its sensing weight."""
    for weight in PAPER_WEIGHTS:
        yield ("paper", 5, 2, 8, 10, weight), rayleigh(5, 2, 8, 10), weight
    for antennas, aps, snr, weight in itertools.product(ANTENNAS, APS, SNRS, WEIGHTS):
        if coarse and aps == 8:
            continue
        for users in user_counts(aps, antennas, coarse):
            layer = rayleigh(aps, users, antennas, snr)
            yield ("rayleigh", aps, users, antennas, snr, weight), layer, weight
    sizes = [(5, 2, 8), (5, 4, 16), (8, 4, 8), (16, 8, 4), (3, 6, 8), (2, 3, 4)]
    for size, gain, power, weight in itertools.product(
        sizes, ("exponential", "radar"), (0.01, 1.0), WEIGHTS
    ):
        layer = topology(*size, gain, power)
        yield (f"topology, {gain}", *size, f"{power:g} W", weight), layer, weight


def draw_cell(layer, cell, num_channels):
    # of the cell's own name, so that a coarse grid has the same channels
    words = np.random.SeedSequence([SEED, zlib.crc32(repr(cell).encode())]).generate_state(1)
    return layer(num_channels, seed=int(words[0]))


def optimum(cell, state, weight, cache):
    file = (
        None
        if cache is None
        else cache / ("_".join(map(str, cell)) + f"_{len(state.h)}_{SEED}.npy")
    )
    if file is not None and file.is_file():
        return np.load(file)
    utility = metrics.utility(state, JointBeamformer(weight)(state), weight).numpy()
    if file is not None:
        np.save(file, utility)
    return utility


def run(cache, num_channels, only, grid):
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    networks = {}
    if not only:
        networks = {
            name: DualGNNBeamformer.from_pretrained(**options) for name, options in VARIANTS.items()
        }
    rows = []
    for index, (cell, layer, weight) in enumerate(grid):
        state = draw_cell(layer, cell, num_channels)
        best = optimum(cell, state, weight, cache)
        row = [*cell]
        for network in networks.values():
            utility = metrics.utility(state, network(state, weight), weight).numpy()
            row += [utility.mean() / best.mean(), np.percentile(utility / best, 1)]
        rows.append(row)
        if index % 100 == 0:
            print(f"\r{index} cells", end="", flush=True)
    print("\r", end="")
    return rows


def report(rows, num_channels):
    percent = "{:.2f}".format
    print(
        f"Share of the joint optimum in %, {num_channels} channels a cell: mean (1st percentile)\n"
    )
    for kind in ("paper", "crowded"):
        lines = [
            [
                "M={}, U={}, Nt={}, {} dB".format(*row[1:5]) + f", β={row[5]:g}",
                *(f"{percent(100 * row[i])} ({percent(100 * row[i + 1])})" for i in SHARES),
            ]
            for row in rows
            if row[0] == kind
        ]
        if lines:
            table([f"{kind}: channels", *VARIANTS], lines)
    for kind in ("rayleigh", "topology"):
        groups = {}
        for row in rows:
            if row[0].startswith(kind):
                key = (row[3], row[4]) if kind == "rayleigh" else (row[0], row[4])
                groups.setdefault(key, []).append(row)
        if not groups:
            continue
        limit = 0.995 if kind == "rayleigh" else 0.985
        lines = []
        for key, group in groups.items():
            line = [*map(str, key), str(len(group))]
            for i in SHARES:
                worst = min(group, key=lambda row: row[i])
                below = sum(row[i] < limit for row in group)
                where = "M={}, U={}, Nt={}".format(*worst[1:4]) + f", β={worst[5]:g}"
                line.append(f"{percent(100 * worst[i])} ({where}); {below}")
            lines.append(line)
        first = ["Nt", "SNR in dB"] if kind == "rayleigh" else ["channel", "power"]
        print(f"{kind}: the worst cell's mean, and how many are below {100 * limit:g} %\n")
        table([*first, "cells", *VARIANTS], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 channels a cell")
    parser.add_argument("--channels", type=int, default=500, help="channels a cell")
    parser.add_argument("--coarse", action="store_true", help="about a third of the cells")
    parser.add_argument(
        "--cache",
        type=Path,
        help="folder for the optima; to be emptied when channels or optimisers change",
    )
    parser.add_argument("--crowded", action="store_true", help="only networks that are too full")
    parser.add_argument("--optima", action="store_true", help="only fill the cache")
    arguments = parser.parse_args()
    num_channels = 20 if arguments.quick else arguments.channels
    grid = crowded_cells() if arguments.crowded else cells(arguments.coarse)
    rows = run(arguments.cache, num_channels, arguments.optima, grid)
    if arguments.optima:
        return
    name = "dual_grid_crowded.csv" if arguments.crowded else "dual_grid.csv"
    with ((arguments.cache or Path()) / name).open("w", newline="") as file:
        writer = csv.writer(file)
        names = [f"{name} {what}" for name in VARIANTS for what in ("mean", "p1")]
        writer.writerow(
            ["channel", "num_aps", "num_users", "num_tx_ant", "snr or power", "weight", *names]
        )
        writer.writerows(rows)
    report(rows, num_channels)


if __name__ == "__main__":
    main()
