"""Seeds that depend on what is drawn, and on nothing else."""

import hashlib
import json

from sionna_cfisac.scenario.schema import ScenarioSpec, sensing_gain

BLOCK = 256
"""Channels per draw; fixed, so that numbers depend neither on the batch size nor on ``samples``."""


def condition_seed(scenario: ScenarioSpec) -> str:
    """Seed of a condition: a hash of the scenario's seed and of what shapes the random draws.

    Sizes, channel and kind of sensing gain enter; weights, powers and noise do not, so that
    conditions that differ only in those see the same channels and their differences are paired.

    Returns
    -------
    str
        64 hexadecimal digits
    """
    network = scenario.network
    # defaults stay out, so that a field added to the schema later changes no old numbers
    channel = scenario.channel.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    shape = {
        "seed": scenario.seed,
        "sizes": [network.num_aps, network.num_users, network.num_tx_ant, network.num_targets],
        "channel": {**channel, "type": scenario.channel.type},
        "sensing_gain": sensing_gain(scenario),
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()


def block_seed(seed: str, block: int) -> int:
    """32-bit seed of one block of :data:`BLOCK` channels."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{block}".encode()).digest()[:4], "big")
