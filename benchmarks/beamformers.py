"""Channels per second of every beamformer, their accuracy, growth with the network, and memory.

    python benchmarks/beamformers.py            # everything, a few minutes
    python benchmarks/beamformers.py --quick    # fewer repetitions

Prints Markdown tables; those of the README come from here.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from measure import draw, main, memory_table, peak_memory, rate, seconds, table

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    JointBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    SensingConjugateBeamformer,
    WMMSEBeamformer,
    upper_bound,
)

WEIGHT = 2.0
METHODS = {
    "conjugate": ConjugateBeamformer(),
    "sensing_conjugate": SensingConjugateBeamformer(),
    "rzf": RZFBeamformer(),
    "nullspace_sensing": NullspaceSensingBeamformer(),
    "wmmse": WMMSEBeamformer(),
    "joint": JointBeamformer(WEIGHT),
    "upper_bound dpc": lambda state: upper_bound(state, sensing_weight=WEIGHT),
    "upper_bound branch_and_bound": lambda state: upper_bound(
        state, sensing_weight=WEIGHT, method="branch_and_bound"
    ),
}
GROWTH = {
    "M": [(m, 2, 8) for m in (2, 5, 10, 20)],
    "U": [(5, u, 8) for u in (1, 2, 4, 8)],
    "Nt": [(5, 2, n) for n in (4, 8, 32, 64)],
}


def speed(batch, repetitions):
    print(f"Channels per second, M=5, U=2, Nt=8, batch {batch}, β = {WEIGHT:g}\n")
    state = draw(5, 2, 8, batch)
    table(
        ["method", "channels/s"],
        [[m, f"{rate(METHODS[m], state, repetitions):,.0f}"] for m in METHODS],
    )


def accuracy(batch, repetitions):
    """Time to 99.99 % of the converged utility, over the weights of the paper's figure."""
    print(f"Accuracy of the optimisers at M=5, U=2, Nt=8, batch {batch}\n")
    state = draw(5, 2, 8, batch)
    rows = []
    for weight in (0.0, 0.5, 1.0, 2.0, 5.0, 10.0):
        exact = JointBeamformer(weight, tolerance=1e-14, max_iterations=1000)(state)
        best = metrics.utility(state, exact, weight).numpy()
        for tolerance in (1e-5, 1e-8):
            beamformer = JointBeamformer(weight, tolerance=tolerance)
            f, info = beamformer(state, return_info=True)
            share = metrics.utility(state, f, weight).numpy() / best
            per_second = batch / seconds(lambda b=beamformer: np.asarray(b(state)), repetitions)
            steps = info.iterations.numpy()
            row = [f"{weight:g}", f"{tolerance:g}", f"{steps.mean():.1f}", f"{steps.max()}"]
            row += [f"{1 - share.mean():.0e}", f"{1 - share.min():.0e}", f"{per_second:,.0f}"]
            rows.append(row)
    header = ["β", "tolerance", "mean steps", "most steps", "mean loss", "worst loss"]
    table([*header, "channels/s"], rows)


def growth(batch, repetitions):
    methods = ("conjugate", "rzf", "wmmse", "joint", "upper_bound dpc")
    for axis, sizes in GROWTH.items():
        print(f"Growth with {axis}, batch {batch}: channels per second\n")
        rows = []
        for size in sizes:
            state = draw(*size, batch)
            rates = [rate(METHODS[m], state, repetitions) for m in methods]
            name = "M={}, U={}, Nt={}".format(*size)
            rows.append([name, *(f"{r:,.0f}" for r in rates)])
        table(["network", *methods], rows)


def memory(batch):
    memory_table(__file__, ("import only", "wmmse", "joint", "upper_bound dpc"), batch)


def peak(name, batch):
    state = draw(5, 2, 8, batch)
    if name != "import only":
        np.asarray(METHODS[name](state))
    print(peak_memory())


def everything(batch, repetitions):
    speed(batch, repetitions)
    accuracy(batch, repetitions)
    growth(batch, repetitions)
    memory(4096)


if __name__ == "__main__":
    main(__doc__, everything, peak)
