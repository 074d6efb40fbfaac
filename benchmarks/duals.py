"""The network of multipliers against the optimisers: speed at measured accuracy, side by side.

    python benchmarks/duals.py            # everything, 25 minutes
    python benchmarks/duals.py --weights 2
    python benchmarks/duals.py --quick    # one round, no sizes but the paper's

Every method gets the same channels in single precision on the same CPU, as a graph of tf.function;
with XLA only the paper's network, since for the others its factorisations are slower. RZF and the
optimisers compute in double precision inside. "At equal accuracy" divides a method's speed by that
of the fastest stopping point of the joint optimiser, of those listed, whose mean utility is at
least as high.
Prints Markdown tables; those of the README come from here.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from measure import draw, rate, table
from networks import compiled

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    ClosedFormDualBeamformer,
    DualGNNBeamformer,
    HeteroGNNBeamformer,
    JointBeamformer,
    RZFBeamformer,
)

PAPER, USERS, APS = (5, 2, 8), (5, 8, 8), (16, 2, 8)
WEIGHTS = (0.0, 2.0, 10.0)
STEPS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30)
TEST_CHANNELS = 2000
ROUNDS, REPETITIONS = 3, 5


def rivals(size, weight):
    """Methods by name."""
    methods = {"RZF": compiled(RZFBeamformer(), False)}
    if size[1] == 2:
        network = HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=weight)
        methods["conditioned GNN"] = compiled(network)
    for refine, polish in ((3, 0), (1, 3)):
        method = ClosedFormDualBeamformer(weight, refine=refine, polish=polish)
        methods[f"closed form, refine {refine}, polish {polish}"] = compiled(method, False)
    for refine, polish in ((0, 0), (2, 0), (0, 2), (1, 3)):
        method = DualGNNBeamformer.from_pretrained(
            sensing_weight=weight, refine=refine, polish=polish
        )
        default = " (default)" if (refine, polish) == (1, 3) else ""
        methods[f"dual GNN, refine {refine}, polish {polish}{default}"] = compiled(method, False)
    for steps in STEPS:
        name = f"joint, {steps} step{'s' if steps > 1 else ''}"
        methods[name] = compiled(JointBeamformer(weight, max_iterations=steps), False)
    methods["joint"] = compiled(JointBeamformer(weight), False)
    return methods


def compare(size, weight, batch, rounds):
    """Name -> text of channels per second, mean share, 1st percentile and factor of a method."""
    state, test = draw(*size, batch), draw(*size, TEST_CHANNELS, seed=1)
    optimum = metrics.utility(test, JointBeamformer(weight)(test), weight).numpy()
    methods = rivals(size, weight)
    speeds = dict.fromkeys(methods, 0.0)
    # in turns, so that a slow minute of the machine does not hit one method alone
    for _ in range(rounds):
        for name, method in methods.items():
            speeds[name] = max(speeds[name], rate(method, state, REPETITIONS))
    found = {}
    for name, method in methods.items():
        ratio = metrics.utility(test, method(test), weight).numpy() / optimum
        # the mean of the utilities over that of the optima, as everywhere
        share = np.average(ratio, weights=optimum)
        found[name] = (speeds[name], share, np.percentile(ratio, 1))
    factors = {}
    for name, (speed, share, _) in found.items():
        as_good = [
            other
            for rival, (other, least, _) in found.items()
            # the optimum itself is only reached to single precision
            if rival.startswith("joint") and least >= min(share, 1 - 1e-6)
        ]
        known = as_good and not name.startswith("joint")
        factors[name] = f" · ×{speed / max(as_good):.1f}" if known else ""
    return {
        name: f"{speed:,.0f} · {100 * share:.3f} ({100 * low:.2f}){factors[name]}"
        for name, (speed, share, low) in found.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, one size")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--weights", type=float, nargs="+", default=WEIGHTS, help="sensing weights")
    arguments = parser.parse_args()
    sizes = (PAPER,) if arguments.quick else (PAPER, USERS, APS)
    for weight in arguments.weights:
        columns = [
            compare(size, weight, arguments.batch, 1 if arguments.quick else ROUNDS)
            for size in sizes
        ]
        print(
            f"β = {weight:g}, batch {arguments.batch}: channels/s · mean share in % "
            f"(1st percentile), {TEST_CHANNELS:,} channels · times as fast as the joint optimiser "
            "at equal accuracy\n"
        )
        rows = [[name, *(column.get(name, "") for column in columns)] for name in columns[0]]
        table(["method", *("M={}, U={}, Nt={}".format(*size) for size in sizes)], rows)


if __name__ == "__main__":
    main()
