"""The graph neural network against the optimisers: speed at measured accuracy, memory, size.

    python benchmarks/networks.py            # everything, about five minutes
    python benchmarks/networks.py --quick    # one repetition

Every method gets the same channels in single precision on the same CPU, as a compiled graph; RZF
and the optimisers compute in double precision inside. Prints Markdown tables; those of the README
come from here.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from measure import draw, main, memory_table, peak_memory, rate, table

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    HeteroGNNBeamformer,
    JointBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    WMMSEBeamformer,
)

WEIGHTS = (0.0, 2.0, 10.0)
SIZES = [(5, 2, 8), (2, 2, 8), (10, 2, 8), (20, 2, 8), (5, 1, 8), (5, 4, 8), (5, 8, 8)]
SIZES += [(5, 2, 4), (5, 2, 32)]
BATCHES = (1, 16, 256, 2048)
OTHERS = {
    "RZF": RZFBeamformer(),
    "WMMSE": WMMSEBeamformer(),
    "joint, 3 steps": JointBeamformer(2.0, max_iterations=3),
    "joint": JointBeamformer(2.0),
}


def compiled(method, jit_compile=True):
    """The method as one graph, without the checks of values that only eager calls make."""

    @tf.function(jit_compile=jit_compile)
    def call(state):
        return method(state)

    return call


def rivals(weight):
    """Methods by name, the optimiser also stopped after a few steps."""
    methods = {
        "RZF": compiled(RZFBeamformer(), False),
        "GNN, graph": compiled(HeteroGNNBeamformer.from_pretrained(f"paper-beta{weight:g}"), False),
        "GNN, XLA": compiled(HeteroGNNBeamformer.from_pretrained(f"paper-beta{weight:g}")),
        "conditioned GNN, XLA": compiled(
            HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=weight)
        ),
    }
    for steps in (1, 3, 10):
        name = f"joint, {steps} step{'s' if steps > 1 else ''}"
        methods[name] = compiled(JointBeamformer(weight, max_iterations=steps), False)
    methods["joint"] = compiled(JointBeamformer(weight), False)
    if weight == 0:
        methods["WMMSE"] = compiled(WMMSEBeamformer(), False)
    else:
        methods["null-space sensing"] = compiled(NullspaceSensingBeamformer(), False)
    return methods


def accuracy(batch, repetitions):
    """Speed of every method beside what its beams are worth, on the paper's set-up."""
    state, test = draw(5, 2, 8, batch), draw(5, 2, 8, 2000, seed=1)
    for weight in WEIGHTS:
        print(f"β = {weight:g}, M=5, U=2, Nt=8, batch {batch}; shares over 2,000 channels\n")
        optimum = metrics.utility(test, JointBeamformer(weight)(test), weight).numpy()
        rows = []
        for name, method in rivals(weight).items():
            utility = metrics.utility(test, method(test), weight).numpy()
            row = [name, f"{rate(method, state, repetitions):,.0f}"]
            row += [f"{100 * utility.mean() / optimum.mean():.2f} %"]
            rows.append([*row, f"{100 * np.percentile(utility / optimum, 1):.2f} %"])
        table(["method", "channels/s", "mean share of the optimum", "1st percentile"], rows)


def growth(batch, repetitions):
    """Speed over the size; the network's weights are random, which its speed does not depend on."""
    print(f"Channels per second over the size of the network, β = 2, batch {batch}\n")
    rows = []
    for size in SIZES:
        state = draw(*size, batch)
        network = HeteroGNNBeamformer(size[2])
        methods = [
            compiled(network, False),
            compiled(network),
            *(compiled(method, False) for method in OTHERS.values()),
        ]
        rates = [f"{rate(method, state, repetitions):,.0f}" for method in methods]
        rows.append(["M={}, U={}, Nt={}".format(*size), *rates])
    table(["network", "GNN, graph", "GNN, XLA", *OTHERS], rows)


def batches(repetitions):
    print("Channels per second over the batch, β = 2, M=5, U=2, Nt=8\n")
    rows = []
    for batch in BATCHES:
        state = draw(5, 2, 8, batch)
        network = HeteroGNNBeamformer.from_pretrained("paper-beta2")
        methods = [compiled(network, False), compiled(network)]
        methods += [compiled(method, False) for method in OTHERS.values()]
        rows.append([f"{batch:,}", *(f"{rate(m, state, repetitions):,.0f}" for m in methods)])
    table(["batch", "GNN, graph", "GNN, XLA", *OTHERS], rows)


def memory(batch):
    memory_table(__file__, ("import only", "GNN", "WMMSE", "joint"), batch)
    for name in ("paper-beta2", "conditioned"):
        count = HeteroGNNBeamformer.from_pretrained(name).count_params()
        print(f"{name}: {count:,} parameters")


def peak(name, batch):
    state = draw(5, 2, 8, batch)
    if name == "GNN":
        np.asarray(compiled(HeteroGNNBeamformer.from_pretrained("paper-beta2"))(state))
    elif name != "import only":
        np.asarray({"WMMSE": WMMSEBeamformer(), "joint": JointBeamformer(2.0)}[name](state))
    print(peak_memory())


def everything(batch, repetitions):
    accuracy(batch, repetitions)
    growth(batch, repetitions)
    batches(repetitions)
    memory(4096)


if __name__ == "__main__":
    main(__doc__, everything, peak)
