"""How far the optimisers are from the global optimum: certified gaps, starts if crowded.

    python benchmarks/certificate.py            # about ten minutes

Prints Markdown tables; the figures of the README come from here.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


from sionna_cfisac import metrics
from sionna_cfisac.beamforming import JointBeamformer, upper_bound
from sionna_cfisac.channel import CellFreeChannel, TopologyChannel

STREET = {
    "path_loss": "umi",
    "line_of_sight": "random",
    "k_factor_db": 9.0,
    "shadowing_std_db": 8.0,
    "num_aps": 6,
    "num_users": 3,
    "num_tx_ant": 8,
}
CASES = [
    ("i.i.d. Rayleigh, M=5, U=2, Nt=8", CellFreeChannel(dtype="float64"), 200),
    ("i.i.d. Rayleigh, M=5, U=4, Nt=8", CellFreeChannel(5, 4, 8, dtype="float64"), 50),
    ("i.i.d. Rayleigh, M=5, U=8, Nt=8", CellFreeChannel(5, 8, 8, dtype="float64"), 10),
    ("UMi streets, M=6, U=3, Nt=8, 0.1 W", TopologyChannel(**STREET, total_power=0.1), 100),
    ("UMi streets, M=6, U=3, Nt=8, 10 W", TopologyChannel(**STREET, total_power=10.0), 100),
]
CROWDED = [(2, 3, 4), (2, 4, 4), (2, 8, 8), (2, 8, 4)]


def certificates():
    print("Gap between bound and joint optimum, in shares of the utility\n")
    print("| channels | n | β | dpc: mean | worst | branch and bound: mean | worst |")
    print("|---|---|---|---|---|---|---|")
    for name, channel, number in CASES:
        state = channel(number, seed=3)
        for weight in (0.0, 2.0, 10.0):
            f = JointBeamformer(weight)(state)
            best = metrics.utility(state, f, weight).numpy()
            cells = []
            for method in ("dpc", "branch_and_bound"):
                bound = upper_bound(state, f, sensing_weight=weight, method=method).numpy()
                gap = bound / best - 1
                cells += [f"{gap.mean():.1e}", f"{gap.max():.1e}"]
            print(f"| {name} | {number} | {weight:g} | " + " | ".join(cells) + " |", flush=True)
    print()


def starts(number=200, many=30):
    print(
        f"Channels whose utility is more than 1e-4 below the best of {many} starts, n = {number}\n"
    )
    print("| network, σ² = 0.1 | β | 1 start | mean loss | 8 starts (default) | mean loss |")
    print("|---|---|---|---|---|---|")
    for size in CROWDED:
        state = CellFreeChannel(*size, dtype="float64")(number, seed=1)
        for weight in (0.0, 5.0):
            values = {
                n: metrics.utility(
                    state, JointBeamformer(weight, num_starts=n)(state), weight
                ).numpy()
                for n in (1, 8, many)
            }
            cells = []
            for n in (1, 8):
                loss = 1 - values[n] / values[many]
                cells += [f"{(loss > 1e-4).mean():.1%}", f"{loss.mean():.1e}"]
            name = "M={}, U={}, Nt={}".format(*size)
            print(f"| {name} | {weight:g} | " + " | ".join(cells) + " |", flush=True)
    print()


if __name__ == "__main__":
    certificates()
    starts()
