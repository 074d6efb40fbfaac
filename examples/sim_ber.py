"""Error rates of the package's link, with Sionna's own tools and with confidence.

    python examples/sim_ber.py                      # about a minute
    python examples/sim_ber.py --snr-db -6 -5 --blocks 500 --output my_figure

``CellFreeOFDMLink`` maps a batch size and an SNR to bits and their estimates, as Sionna's
``sim_ber`` and ``PlotBER`` want it. ``simulate_errors`` goes on where they end: every method on the
same channels, confidence intervals, and the gaps between methods in dB. Writes the figures of both,
``OUTPUT_sionna.png``, and ``OUTPUT.png`` and ``.pdf``, by default in the current folder.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib

matplotlib.use("Agg")  # ahead of PlotBER, which loads pyplot: there may be no display

import matplotlib.pyplot as plt
import sionna.phy
from sionna.phy.utils import PlotBER

from sionna_cfisac.beamforming import DualGNNBeamformer, RZFBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import CellFreeOFDMLink, StopRule, simulate_errors
from sionna_cfisac.plotting import plot_waterfall, save_figure
from sionna_cfisac.snr_gap import snr_at

METHODS = {
    "rzf": RZFBeamformer(),
    "dual_gnn": DualGNNBeamformer.from_pretrained(sensing_weight=0.0),
}


def make_link(beamformer=None):
    """Five APs and two users, 16-QAM at rate 1/2 on one resource block."""
    channel = CellFreeChannel(num_aps=5, num_users=2, num_tx_ant=8, seed=1)
    return CellFreeOFDMLink(
        channel, beamformer, modulation="16qam", code_rate=0.5, num_subcarriers=12
    )


def with_sionna(args):
    """Block error rates by Sionna's sim_ber, and its figure."""
    plot = PlotBER("Five APs, two users, 16-QAM at rate 1/2")
    rates = {}
    for name, beamformer in METHODS.items():
        # with a new channel layer: the methods begin with the same draws
        sionna.phy.config.seed = 1
        link = make_link(beamformer)
        blocks_per_batch = args.batch_size * link.frame.num_users * link.frame.num_blocks
        _, rates[name] = plot.simulate(
            # sim_ber names the SNR ebno_db but hands it on as it is: here, power over noise
            lambda batch_size, ebno_db, link=link: link(batch_size, ebno_db),
            ebno_dbs=args.snr_db,
            batch_size=args.batch_size,
            max_mc_iter=-(-args.blocks // blocks_per_batch),
            num_target_block_errors=100,
            # with early stop, points that were skipped would have an error rate of zero
            early_stop=False,
            graph_mode="graph",
            legend=name,
            add_bler=True,
            show_fig=False,
            verbose=False,
        )
    plot()
    plt.gca().set_xlabel("SNR (dB)", fontsize=25)  # PlotBER knows no other than Eb/N0
    plt.savefig(f"{args.output}_sionna.png", dpi=50)
    return rates


def main():
    """Simulate with Sionna's tools and with the package's, and compare the methods."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snr-db", type=float, nargs="+", default=[-7.0, -6.0, -5.0, -4.0])
    parser.add_argument("--batch-size", type=int, default=128, help="slots in a batch")
    parser.add_argument("--blocks", type=int, default=1000, help="most code blocks at a point")
    parser.add_argument("--output", type=Path, default=Path("sim_ber"), help="without suffix")
    args = parser.parse_args()
    sionna_bler = with_sionna(args)

    # sim_ber counts every bit and block as a trial of its own and gives no intervals. But the users
    # of a slot share its channel and fail together: here slots are the trials, every method sees
    # the same ones, and where nothing failed there is still an upper limit
    stop = StopRule(block_errors=100, max_blocks=args.blocks)
    table = simulate_errors(
        make_link(), METHODS, args.snr_db, stop=stop, batch_size=args.batch_size
    )
    bler = table[table["metric"] == "bler"].drop(columns=["metric", "unit"])
    bler["sim_ber"] = [
        float(sionna_bler[name][args.snr_db.index(snr)])
        for snr, name in zip(bler["snr_db"], bler["method"], strict=True)
    ]
    print("Block error rates\n" + bler.round(4).to_string(index=False))
    save_figure(plot_waterfall(table, "snr_db", "bler"), args.output)
    gaps = snr_at(table, "snr_db", "bler", target=0.1, reference="rzf")
    print("\nSNR for a BLER of 0.1, and the gap to RZF, in dB")
    print(gaps.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
