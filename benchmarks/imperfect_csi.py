"""What errors of the channel estimates cost, and what it helps to know their variance.

    python benchmarks/imperfect_csi.py            # about three minutes
    python benchmarks/imperfect_csi.py --quick    # a tenth of the channels

Mean utility as a share of the joint optimum that knows the channels, over 2,000 channels. The
estimates are MMSE ones from pilots of 20, 10 and 0 dB, whose error variance is 1/(1 + pilot SNR):
about -20, -10 and -3 dB of the channel's. Methods that are "told" add the errors' interference to
the noise; the network takes the error variance as an input. Prints Markdown tables; those of the
README come from here.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import warnings

import numpy as np
from measure import table

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import (
    DualGNNBeamformer,
    HeteroGNNBeamformer,
    JointBeamformer,
    RZFBeamformer,
    WMMSEBeamformer,
)
from sionna_cfisac.channel import CellFreeChannel, ImperfectCSI

PILOTS = (20.0, 10.0, 0.0)
CASES = [((5, 2, 8), 10, 0.0), ((5, 2, 8), 10, 2.0), ((5, 2, 8), 20, 0.0), ((5, 2, 8), 20, 2.0)]
CASES += [((5, 8, 8), 20, 0.0), ((5, 8, 8), 20, 2.0)]


def compare(size, snr, weight, num_channels):
    noise = 10 ** (-snr / 10)
    layer = CellFreeChannel(*size, noise_power=noise, sensing_noise_power=noise)
    state = layer(num_channels, seed=3)
    optimum = metrics.utility(state, JointBeamformer(weight)(state), weight).numpy()
    dual = DualGNNBeamformer.from_pretrained(sensing_weight=weight)
    paper = HeteroGNNBeamformer.from_pretrained("conditioned", sensing_weight=weight)
    joint = JointBeamformer(weight)
    rows = {}
    for pilot in PILOTS:
        csi = ImperfectCSI(pilot_snr_db=pilot)
        known = csi(state, seed=4)
        error = np.asarray(csi.error_power(np.ones(state.h.shape[:3], np.float32)))
        told = ImperfectCSI(pilot_snr_db=pilot, allow_for_error=True)(state, seed=4)
        beams = {
            "dual GNN, told": dual(known, error_variance=error),
            "dual GNN": dual(known),
            "WMMSE": WMMSEBeamformer()(known),
            "WMMSE, told": WMMSEBeamformer()(told),
            "joint": joint(known),
            "joint, told": joint(told),
            "RZF": RZFBeamformer()(known),
            "RZF, told": RZFBeamformer()(told),
        }
        if size[1] == 2:
            beams["conditioned GNN"] = paper(known)
            beams["conditioned GNN, told"] = paper(told)
        for name, f in beams.items():
            utility = metrics.utility(state, f, weight).numpy()
            share = utility.mean() / optimum.mean()
            error_of_mean = (utility - share * optimum).std(ddof=1) / np.sqrt(num_channels)
            half = 1.96 * error_of_mean / optimum.mean()
            rows.setdefault(name, []).append(f"{100 * share:.2f} ± {100 * half:.2f}")
    print(
        "M={}, U={}, Nt={}".format(*size)
        + f", SNR {snr} dB, β = {weight:g}: share of the informed optimum in %\n"
    )
    table(["method", *(f"pilots {p:g} dB" for p in PILOTS)], [[n, *r] for n, r in rows.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the channels")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="noise_power")  # 0.01 is the end of the range
    for size, snr, weight in CASES:
        compare(size, snr, weight, 200 if arguments.quick else 2000)


if __name__ == "__main__":
    main()
