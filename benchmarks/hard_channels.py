"""How often the optimiser ends in a local optimum: line of sight, correlated and equal channels.

    python benchmarks/hard_channels.py [--channels 96] [--only NAME ...]

Every channel is solved by ``JointBeamformer`` as it comes, and for comparison once for every subset
of the UEs, the others switched off, each from eight starts: the best of those is the reference.
Prints a Markdown table: share of the channels more than 1e-3 below the reference, and the worst
channel. With ``--high-snr`` the reference is the best of 30 starts, with ``--crowded`` of 16.
"""

import argparse
import itertools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import JointBeamformer
from sionna_cfisac.state import ChannelState

SEED = 7


def complex_normal(rng, *shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def steering(angle, num_ant):
    """exp(j pi n cos(angle)) as in reference [6] of the paper, n counted from 0."""
    return np.exp(1j * np.pi * np.arange(num_ant) * np.cos(angle)[..., None])


def with_targets(rng, h, noise_power, power):
    batch, num_aps, _, num_ant = h.shape
    a = steering(rng.uniform(0, np.pi, (batch, num_aps, 1)), num_ant)
    gain = rng.exponential(size=(batch, num_aps, num_aps, 1))
    return ChannelState.from_arrays(
        h, a, sensing_gain=gain, noise_power=noise_power, ap_power=power
    )


def equal(channels, apart=0.0):
    rng = np.random.default_rng(SEED)
    h = complex_normal(rng, channels, 5, 1, 8)
    h = np.concatenate([h, h + apart * complex_normal(rng, channels, 5, 1, 8)], axis=2)
    return with_targets(rng, h, 0.1, 0.2)


def correlated(channels, num_aps):
    rng = np.random.default_rng(SEED)
    one, other = complex_normal(rng, 2, channels, num_aps, 8)
    h = np.stack([one, 0.91 * one + np.sqrt(1 - 0.91**2) * other], axis=2)
    return with_targets(rng, h, 0.1, 1.0 / num_aps)


def street(channels, noise_power):
    """Reference [6]: two APs, five UEs and a target on a line, line of sight without path loss."""
    rng = np.random.default_rng(SEED)
    aps = np.array([25.0, 75.0])
    x = rng.uniform(0, 100, (channels, 6))
    angle = np.arctan2(50.0, x[:, None, :] - aps[None, :, None])
    a = steering(angle, 16)
    return ChannelState.from_arrays(
        a[:, :, :5], a[:, :, 5:], sensing_gain=0.1, noise_power=noise_power,
        sensing_noise_power=2 * 0.5, ap_power=1.0,
    )  # fmt: skip


def line_of_sight(channels):
    rng = np.random.default_rng(SEED)
    h = steering(rng.uniform(0, np.pi, (channels, 4, 4)), 8)
    h = h * np.exp(2j * np.pi * rng.random((channels, 4, 4, 1)))
    return with_targets(rng, h, 0.1, 0.25)


def rayleigh(channels, num_aps, num_users, num_ant, noise_power=0.1):
    rng = np.random.default_rng(SEED)
    h = complex_normal(rng, channels, num_aps, num_users, num_ant)
    return with_targets(rng, h, noise_power, 1.0 / num_aps)


def urban(channels, snr_db):
    """UMi street channels with line of sight at a receive SNR, without sensing."""
    from sionna_cfisac.channel import TopologyChannel
    from sionna_cfisac.link import CellFreeOFDMLink, UrbanChannel

    geometry = TopologyChannel(3, 2, 4, seed=1, path_loss="umi")
    link = CellFreeOFDMLink(UrbanChannel("umi", geometry, line_of_sight=True), num_subcarriers=12)
    draw = link.draw(channels, seed=0)
    h = np.asarray(draw.h)[:, 0, 0].astype(complex)
    noise = (np.abs(h) ** 2).mean(-1).sum(1) / 3 / 10 ** (snr_db / 10)
    a = np.asarray(draw.state.a).astype(complex)
    return ChannelState.from_arrays(h, a, noise_power=noise, ap_power=1 / 3)


ROWS = {
    "equal, β=0": (equal, (), 0.0),
    "equal, β=2": (equal, (), 2.0),
    "equal to 1e-6, β=0": (equal, (1e-6,), 0.0),
    "equal to 1e-6, β=2": (equal, (1e-6,), 2.0),
    "correlation 0.91, M=1, β=0": (correlated, (1,), 0.0),
    "correlation 0.91, M=5, β=2": (correlated, (5,), 2.0),
    "street, noise 1, β=0": (street, (1.0,), 0.0),
    "street, noise 1, β=2": (street, (1.0,), 2.0),
    "street, noise 0.01, β=0": (street, (0.01,), 0.0),
    "crowded i.i.d., β=0": (rayleigh, (2, 6, 4), 0.0),
    "crowded i.i.d., β=2": (rayleigh, (2, 6, 4), 2.0),
    "line of sight, β=0": (line_of_sight, (), 0.0),
    "line of sight, β=2": (line_of_sight, (), 2.0),
    "i.i.d. with room, β=2": (rayleigh, (5, 2, 8), 2.0),
}


HIGH_SNR = {
    "i.i.d., noise 1e-5, β=2": (rayleigh, (3, 2, 4, 1e-5), 2.0),
    "i.i.d., noise 1e-6, β=2": (rayleigh, (3, 2, 4, 1e-6), 2.0),
    "UMi, line of sight, 60 dB, β=0": (urban, (60.0,), 0.0),
    "UMi, line of sight, 80 dB, β=0": (urban, (80.0,), 0.0),
}


CROWDED = {
    "i.i.d., M=2, U=8, Nt=4, β=0": (rayleigh, (2, 8, 4, 0.1), 0.0),
    "i.i.d., M=2, U=8, Nt=4, β=2": (rayleigh, (2, 8, 4, 0.1), 2.0),
}


def utility(state, f, weight):
    return np.asarray(metrics.utility(state, f, weight))


def best_of_subsets(state, weight, num_starts=8):
    """Largest utility [B] of all subsets of the UEs, each solved alone."""
    users = range(state.num_users)
    best = np.full(len(state.h), -np.inf)
    for size in range(1, state.num_users + 1):
        for chosen in itertools.combinations(users, size):
            some = state._replace(
                h=np.asarray(state.h)[:, :, list(chosen)],
                noise_power=np.asarray(state.noise_power)[:, list(chosen)],
            )
            f = JointBeamformer(weight, num_starts=num_starts)(some)
            best = np.maximum(best, utility(some, f, weight))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=96)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--high-snr", action="store_true")
    parser.add_argument("--crowded", action="store_true")
    options = parser.parse_args()
    print(
        "| channels | below the best by 1e-3 | worst | converged among those | mean steps "
        "| ms/channel |"
    )
    print("|---|---|---|---|---|---|")
    rows, starts = ROWS, None
    if options.high_snr:
        rows, starts = HIGH_SNR, 30
    elif options.crowded:
        rows, starts = CROWDED, 16
    for name, (make, arguments, weight) in rows.items():
        if options.only and not any(word in name for word in options.only):
            continue
        state = make(options.channels, *arguments)
        JointBeamformer(weight)(state)
        start = time.perf_counter()
        f, info = JointBeamformer(weight)(state, return_info=True)
        pace = 1e3 * (time.perf_counter() - start) / options.channels
        if starts is not None:
            reference = utility(state, JointBeamformer(weight, num_starts=starts)(state), weight)
        else:
            reference = best_of_subsets(state, weight)
        share = utility(state, f, weight) / reference
        below = share < 1 - 1e-3
        told = np.asarray(info.converged)[below].mean() if below.any() else 0.0
        steps = np.asarray(info.iterations).mean()
        row = f"| {name} | {below.mean():.1%} | {share.min():.4f} | {told:.0%} | {steps:.0f} "
        print(f"{row}| {pace:.1f} |", flush=True)


if __name__ == "__main__":
    main()
