"""Seeds that depend on what is drawn, and on nothing else."""

import hashlib
import json

from sionna_cfisac.options import only
from sionna_cfisac.scenario.schema.resolved import sensing_gain
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec

BLOCK = 256
"""Channels per draw; fixed, so that numbers depend neither on the batch size nor on ``samples``."""

_SIZES = ("num_aps", "num_users", "num_tx_ant", "num_targets")


def condition_seed(scenario: ScenarioSpec) -> str:
    """Seed of a condition: a hash of the scenario's seed and of what shapes the random draws.

    That is every key whose field says that it changes the draw: sizes, channel and kind of sensing
    gain. Weights, powers and noise do not, so that conditions that differ only in those see the
    same channels and their differences are paired.

    Returns
    -------
    str
        64 hexadecimal digits
    """
    network, channel = scenario.network, scenario.channel
    options = channel.model_dump(
        mode="json",
        exclude_none=True,
        exclude_unset=channel.written_defaults_count,
        exclude_defaults=not channel.written_defaults_count,
    )
    shape = {
        "seed": scenario.seed,
        "sizes": [getattr(network, name) for name in _SIZES],
        "channel": {**options, "type": channel.type},
        "sensing_gain": sensing_gain(scenario),
    }
    # defaults stay out, so that a field added to the schema later changes no old numbers
    given = scenario.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    others = only(given, scenario, ["draw"])
    for key in ("seed", "channel"):
        others.pop(key, None)
    others["network"] = {k: v for k, v in others.pop("network", {}).items() if k not in _SIZES}
    others["sensing"] = {k: v for k, v in others.pop("sensing", {}).items() if k != "gain"}
    shape |= {key: value for key, value in others.items() if value}
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()


def block_seed(seed: str, block: int) -> int:
    """32-bit seed of one block of :data:`BLOCK` channels."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{block}".encode()).digest()[:4], "big")
