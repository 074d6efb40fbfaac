"""Throughput of the coded link for each beamformer, and where its time goes.

    python benchmarks/link.py            # about six minutes
    python benchmarks/link.py --quick    # one repetition

The paper's set-up with 16-QAM at rate 1/2 on 12 subcarriers and 14 OFDM symbols, perfect channel
knowledge, 20 iterations of the decoder, single precision. The link to compare with is Sionna's own
of equal size: its RZF precoder for one transmitter with all 40 antennas. Both draw channels, bits
and noise anew in every call and are compiled, once as graphs and once with XLA. Prints Markdown
tables; those of the README come from here.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from measure import main, seconds, table
from sionna.phy.channel import AWGN, GenerateOFDMChannel, RayleighBlockFading
from sionna.phy.mapping import BinarySource
from sionna.phy.ofdm import LMMSEEqualizer, ResourceGridMapper, RZFPrecoder

from sionna_cfisac.beamforming import (
    ConjugateBeamformer,
    HeteroGNNBeamformer,
    JointBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    WMMSEBeamformer,
)
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import CellFreeOFDMLink

# every stage is a function of its own, which TensorFlow finds worth a warning
tf.get_logger().setLevel("ERROR")

SNR_DB = -3.0
METHODS = {
    "conjugate": ConjugateBeamformer(),
    "RZF": RZFBeamformer(),
    "null-space sensing": NullspaceSensingBeamformer(),
    "WMMSE": WMMSEBeamformer(),
    "joint, 3 steps": JointBeamformer(2.0, max_iterations=3),
    "joint": JointBeamformer(2.0),
    "GNN": HeteroGNNBeamformer.from_pretrained("paper-beta2"),
}


class SionnaLink:
    """One transmitter with 40 antennas, Sionna's blocks only, in the frame of ``link``."""

    def __init__(self, link):
        frame = self.frame = link.frame
        self.grid = frame.grid(frame.num_users)
        antennas = link.channel.num_aps * link.channel.num_tx_ant
        fading = RayleighBlockFading(frame.num_users, 1, 1, antennas)
        self.channel = GenerateOFDMChannel(fading, self.grid)
        self.map = ResourceGridMapper(self.grid)
        self.precode = RZFPrecoder(self.grid, frame.streams, return_effective_channel=True)
        self.equalise = LMMSEEqualizer(self.grid, frame.streams)
        self.awgn = AWGN()

    def __call__(self, batch, snr_db):
        frame, users = self.frame, self.frame.num_users
        noise = users / tf.pow(10.0, snr_db / 10.0)
        bits = BinarySource()([batch, 1, users, frame.info_bits])
        x = self.map(frame.mapper(frame.encoder(bits)))
        h = self.channel(batch)
        _, h_eff = self.precode(x, h, noise)
        y = tf.reduce_sum(h_eff * x[:, None, None], axis=(3, 4))
        x_hat, variance = self.equalise(self.awgn(y, noise), h_eff, 0.0, noise)
        return bits, frame.decoder(frame.demapper(x_hat, variance))


def compiled(call, xla):
    function = tf.function(call, jit_compile=xla)
    return lambda *arguments: tf.nest.map_structure(np.asarray, function(*arguments))


def stages(link, method, batch, xla, repetitions):
    """Seconds of the parts of a slot: draw, design, and within the rest those that are Sionna's."""
    snr = tf.constant(SNR_DB)
    draw = link.draw(batch)
    f, noise = link.beams(draw, snr, method)
    _, signals = link.send(draw, f, noise)
    streams = f.shape[3]

    def time(call, *arguments, xla=xla):
        function = compiled(call, xla)
        return seconds(lambda: function(*arguments), repetitions)

    return {
        "draw": time(lambda: link.draw(batch)[:-1]),
        # the optimisers take no profit from XLA
        "design": time(lambda d: link.beams(d, snr, method), draw, xla=False),
        "send": time(lambda *a: link.send(*a)[0], draw, f, noise),
        "map": time(lambda d: link._resource_elements(d, streams), draw),
        "equalise": time(link._receiver, signals.y, signals.z, noise),
        "decode": time(
            lambda x, v: link.frame.decoder(link.frame.demapper(x, v)[:, :, None]),
            signals.x_hat,
            1.0 / signals.sinr,
        ),
    }


def everything(batch, repetitions):
    link = CellFreeOFDMLink(CellFreeChannel(5, 2, 8), num_subcarriers=12)
    blocks = batch * link.frame.num_users * link.frame.num_blocks
    for xla in (False, True):
        plain = SionnaLink(link)
        call = compiled(lambda snr, plain=plain: plain(batch, snr), xla)
        reference = seconds(lambda call=call: call(tf.constant(SNR_DB)), repetitions)
        rows = [["Sionna's link, its RZF", f"{blocks / reference:,.0f}", "", "", ""]]
        for name, method in METHODS.items():
            t = stages(link, method, batch, xla, repetitions)
            total = t["draw"] + t["design"] + t["send"]
            blocks_of_sionna = t["map"] + t["equalise"] + t["decode"]
            own = t["draw"] + t["design"] + max(t["send"] - blocks_of_sionna, 0.0)
            rows.append(
                [
                    name,
                    f"{blocks / total:,.0f}",
                    f"{100 * t['design'] / total:.1f} %",
                    f"{100 * own / total:.0f} %",
                    f"{100 * own / reference:.0f} %",
                ]
            )
        how = "XLA" if xla else "graph"
        print(f"Blocks of {link.frame.info_bits} bits, {how}, batches of {batch} slots\n")
        table(
            [
                "beamformer",
                "blocks/s",
                "design of the beams",
                "the package's own code",
                "the same, of Sionna's link",
            ],
            rows,
        )


if __name__ == "__main__":
    main(__doc__, everything, None)
