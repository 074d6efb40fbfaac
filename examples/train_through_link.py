"""Train beams on what counts in the end: the bits behind the channel, equaliser and demapper.

    python examples/train_through_link.py           # half a minute
    python examples/train_through_link.py --steps 40

A small graph neural network (GNN) designs the beams of an uncoded OFDM link. The loss is the binary
cross-entropy between the bits and their log-likelihood ratios at the users; its gradient passes
through demapper, equaliser, channel and precoder. No beams to imitate are needed, and no formula
for the rate. Prints the loss before and after on the same validation slots, beside those of two
closed forms: a hundred steps teach a small network to point beams at the users, about as well as
conjugate ones do. To null the interference as well takes thousands, which ``cfisac train`` is for.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import sionna.phy
import tensorflow as tf

from sionna_cfisac.beamforming import ConjugateBeamformer, HeteroGNNBeamformer, RZFBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import CellFreeOFDMLink

# TensorFlow warns of every gradient of a real number that is cast to a complex one
tf.get_logger().setLevel("ERROR")

VALIDATION_SEED, VALIDATION_SLOTS = 1000, 500


def cross_entropy(bits, llr):
    """Bits that a user lacks for each bit that is sent: 1 where the ratios tell nothing."""
    loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=bits, logits=llr)
    return tf.reduce_mean(loss) / tf.math.log(2.0)


def validate(link, snr_db):
    """Loss and bit error rate, on the same channels, bits and noise whatever the beams."""
    bits, bits_hat, signals = link(
        VALIDATION_SLOTS, snr_db, seed=VALIDATION_SEED, return_signals=True
    )
    return cross_entropy(bits, signals.llr), tf.reduce_mean(tf.abs(bits - bits_hat))


def main():
    """Train and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=128, help="slots in a step")
    parser.add_argument("--snr-db", type=float, default=0.0)
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    args = parser.parse_args()
    # Sionna's seed is for bits and noise; the first weights are Keras'
    sionna.phy.config.seed = 1
    keras.utils.set_random_seed(1)

    channel = CellFreeChannel(num_aps=5, num_users=2, num_tx_ant=8, seed=1)
    # uncoded, since a decoder takes time and gives hard decisions; a small grid, since the channel
    # is the same all over it; no pilots, since the users know their effective channels
    frame = {"modulation": "16qam", "code_rate": None, "pilot_symbols": ()}
    frame |= {"num_subcarriers": 4, "num_ofdm_symbols": 4}
    gnn = HeteroGNNBeamformer(num_tx_ant=8, hidden_dim=64, num_layers=2)
    link = CellFreeOFDMLink(channel, gnn, **frame)
    # a Block of Sionna tracks no weights; the link hands on those of its beamformer
    weights = link.trainable_variables
    optimiser = keras.optimizers.Adam(args.learning_rate)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            bits, _, signals = link(args.batch_size, args.snr_db, return_signals=True)
            loss = cross_entropy(bits, signals.llr)
        gradients = tape.gradient(loss, weights)
        optimiser.apply_gradients(zip(gradients, weights, strict=True))
        return loss, [tf.norm(gradient) for gradient in gradients]

    results = {"GNN before": validate(link, args.snr_db)}
    for index in range(args.steps):
        loss, norms = step()
        if index == 0:
            reached = [bool(tf.math.is_finite(norm) and norm > 0) for norm in norms]
            print(f"gradient reaches {sum(reached)} of {len(weights)} weights")
        if index % 20 == 0:
            print(f"step {index:3d}: loss {loss:.4f}")
    results["GNN after"] = validate(link, args.snr_db)
    for name, beams in {"conjugate": ConjugateBeamformer(), "RZF": RZFBeamformer()}.items():
        results[name] = validate(CellFreeOFDMLink(channel, beams, **frame), args.snr_db)
    print("validation       loss     BER")
    for name, (loss, ber) in results.items():
        print(f"{name:12s} {loss:8.4f}  {ber:.4f}")


if __name__ == "__main__":
    main()
