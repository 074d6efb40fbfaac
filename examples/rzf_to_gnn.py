"""A plain Sionna downlink, and the one line that puts learned beams into it.

    python examples/rzf_to_gnn.py                   # about a minute
    python examples/rzf_to_gnn.py --snr-db 9 --batches 1

Source, LDPC code, 256-QAM, resource grid, Rayleigh fading, equaliser and decoder are Sionna's. Two
users hear one transmitter with 40 antennas; only ``make_precoder`` knows that these may be five
access points (APs) whose beams come from a graph neural network (GNN). Prints the error rates of
Sionna's precoder and of two of the package, on the same channels, bits and noise.
"""

import argparse
import os
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import sionna.phy
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from sionna.phy.channel import ApplyOFDMChannel, GenerateOFDMChannel, RayleighBlockFading
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import BinarySource, Demapper, Mapper
from sionna.phy.mimo import StreamManagement
from sionna.phy.ofdm import LMMSEEqualizer, ResourceGrid, ResourceGridMapper, RZFPrecoder

from sionna_cfisac.beamforming import HeteroGNNBeamformer, RZFBeamformer
from sionna_cfisac.link import CellFreePrecoder, error_rate_interval

NUM_USERS, NUM_APS, NUM_TX_ANT = 2, 5, 8
BITS_PER_SYMBOL, CODE_RATE = 8, 0.75
VARIANTS = ("RZF of Sionna", "RZF, limit per AP", "GNN, limit per AP")
GNN = HeteroGNNBeamformer.from_pretrained("paper-beta0")


def make_precoder(variant, grid, streams, noise_power):
    """All that differs between the variants: one of three lines."""
    if variant == "RZF of Sionna":
        # without its alpha it would be zero-forcing
        return partial(RZFPrecoder(grid, streams, return_effective_channel=True), alpha=noise_power)
    # The total power is the same: one for each stream, of which every AP has an equal share. Only,
    # RZFPrecoder normalises the columns of its matrix and may move power from one AP to another,
    # which real APs cannot do. RZFBeamformer has the limits of the GNN; compare that with it.
    options = {"num_aps": NUM_APS, "noise_power": noise_power, "return_effective_channel": True}
    if variant == "RZF, limit per AP":
        return CellFreePrecoder(RZFBeamformer(), grid, streams, **options)
    # its stream for sensing, nearly silent at a weight of zero, is not sent
    return CellFreePrecoder(GNN, grid, streams, **options)


class Downlink:
    """Bits to bits over one resource block and one slot, a code block for each user."""

    def __init__(self, variant, snr_db):
        # defined directly: ebnodb2no divides by the number of streams, which here are users
        self.noise_power = NUM_USERS / 10 ** (snr_db / 10)
        # to Sionna, joint transmission is one virtual transmitter with a stream for each user
        streams = StreamManagement(np.ones([NUM_USERS, 1], int), NUM_USERS)
        pilots = {"pilot_pattern": "kronecker", "pilot_ofdm_symbol_indices": [2, 11]}
        grid = ResourceGrid(14, 12, 30e3, num_streams_per_tx=NUM_USERS, **pilots)
        coded_bits = int(grid.num_data_symbols) * BITS_PER_SYMBOL
        self.info_bits = int(coded_bits * CODE_RATE)
        self.source = BinarySource()
        self.encoder = LDPC5GEncoder(self.info_bits, coded_bits, BITS_PER_SYMBOL)
        self.mapper = Mapper("qam", BITS_PER_SYMBOL)
        self.grid_mapper = ResourceGridMapper(grid)
        fading = RayleighBlockFading(NUM_USERS, 1, 1, NUM_APS * NUM_TX_ANT)
        self.draw_channel = GenerateOFDMChannel(fading, grid)
        self.precoder = make_precoder(variant, grid, streams, self.noise_power)
        self.apply_channel = ApplyOFDMChannel()
        self.equaliser = LMMSEEqualizer(grid, streams)
        self.demapper = Demapper("app", "qam", BITS_PER_SYMBOL)
        self.decoder = LDPC5GDecoder(self.encoder)

    @tf.function
    def __call__(self, batch_size):
        """Bit errors [batch, user]."""
        bits = self.source([batch_size, 1, NUM_USERS, self.info_bits])
        x = self.grid_mapper(self.mapper(self.encoder(bits)))
        h = self.draw_channel(batch_size)
        x, h_eff = self.precoder(x, h)
        y = self.apply_channel(x, h, self.noise_power)
        # the users know their effective channels; nothing is estimated from the pilots
        x_hat, no_eff = self.equaliser(y, h_eff, 0.0, self.noise_power)
        bits_hat = self.decoder(self.demapper(x_hat, no_eff))
        return tf.reduce_sum(tf.cast(bits != bits_hat, tf.int32), axis=(1, 3))


def shown(rate):
    """An error rate and its interval as text."""
    return f"{rate.value:.4f} [{rate.low:.4f}, {rate.high:.4f}]"


def main():
    """Simulate every variant at every SNR and print the error rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snr-db", type=float, nargs="+", default=[8.0, 9.0])
    parser.add_argument("--batch-size", type=int, default=128, help="slots in a batch")
    parser.add_argument("--batches", type=int, default=4, help="batches at every SNR")
    args = parser.parse_args()
    table = Table("SNR (dB)", "precoder", "BLER [95 %]", "BER [95 %]")
    for snr_db in args.snr_db:
        for variant in VARIANTS:
            # the precoders draw nothing: all of them see the same channels, bits and noise
            sionna.phy.config.seed = 1
            link = Downlink(variant, snr_db)
            errors = np.concatenate([link(args.batch_size) for _ in range(args.batches)])
            # the users of a slot fail together, so it is slots that the intervals count
            bler = error_rate_interval((errors > 0).sum(axis=1), NUM_USERS)
            ber = error_rate_interval(errors.sum(axis=1), NUM_USERS * link.info_bits)
            table.add_row(f"{snr_db:g}", variant, shown(bler), shown(ber))
    Console(width=90).print(table)


if __name__ == "__main__":
    main()
