"""Channels of a condition: the layer that a scenario stands for, and its draws in batches."""

from collections.abc import Callable, Iterator
from typing import Any

from sionna_cfisac.channel import ChannelLayer, ImperfectCSI
from sionna_cfisac.scenario.engines.base import guard
from sionna_cfisac.scenario.engines.seeds import BLOCK, block_seed, condition_seed
from sionna_cfisac.scenario.schema.resolved import noise_power, sensing_gain, sensing_noise_power
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.state import ChannelState


def make_channel(scenario: ScenarioSpec) -> ChannelLayer:
    """The channel layer of a scenario; for a channel of links, the one that places everything.

    Raises
    ------
    ValueError
        If the layer refuses its arguments
    """
    network = scenario.network
    arguments: dict[str, Any] = {
        "num_aps": network.num_aps,
        "num_users": network.num_users,
        "num_tx_ant": network.num_tx_ant,
        "num_targets": network.num_targets,
        "total_power": network.total_power,
        "ap_power": network.ap_power,
        "noise_power": noise_power(scenario),
        "sensing_noise_power": sensing_noise_power(scenario),
        "sensing_gain": sensing_gain(scenario),
        "dtype": precision_dtype(scenario),
    }
    if scenario.sensing.rcs is not None:
        arguments["rcs"] = scenario.sensing.rcs
    layer: ChannelLayer = scenario.channel.make(arguments)
    return layer


def make_csi(scenario: ScenarioSpec) -> ImperfectCSI | None:
    """What the transmitters know; None for everything.

    Raises
    ------
    ValueError
        If the layer refuses its arguments
    """
    if scenario.csi is None:
        return None
    return ImperfectCSI(**scenario.csi.model_dump(), dtype=precision_dtype(scenario))


def precision_dtype(scenario: ScenarioSpec) -> str:
    """Real dtype of the scenario's precision."""
    return "float64" if scenario.precision == "double" else "float32"


def draw_batches(scenario: ScenarioSpec) -> Iterator[tuple[int, ChannelState, ChannelState]]:
    """Channels of a condition in batches, and what the transmitters know of them.

    They come in fixed blocks with a seed each and are cut into batches afterwards: the k-th channel
    is the same for every batch size and every number of samples.

    Yields
    ------
    drawn : int
        Number of channels so far
    state : ChannelState
        True channels
    known : ChannelState
        Those that beams are made from; the same object where everything is known

    Raises
    ------
    RunError
        If the channel refuses its options
    """
    draw = guard("channel", _block_drawer, scenario)
    drawn: tuple[int, Any] = (-1, None)
    for start in range(0, scenario.samples, scenario.batch_size):
        stop = min(start + scenario.batch_size, scenario.samples)
        pieces: list[tuple[ChannelState, ChannelState]] = []
        for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
            if drawn[0] != block:
                drawn = (block, draw(block))
            part = slice(max(start - block * BLOCK, 0), min(stop - block * BLOCK, BLOCK))
            state, known = drawn[1]
            cut = state.cut(part)
            pieces.append((cut, cut if known is state else known.cut(part)))
        state = ChannelState.concat([piece[0] for piece in pieces])
        same = all(piece[0] is piece[1] for piece in pieces)
        yield stop, state, state if same else ChannelState.concat([piece[1] for piece in pieces])


def _block_drawer(scenario: ScenarioSpec) -> Callable[[int], tuple[ChannelState, ChannelState]]:
    layer, csi = make_channel(scenario), make_csi(scenario)
    seed = condition_seed(scenario)

    def draw(block: int) -> tuple[ChannelState, ChannelState]:
        own = block_seed(seed, block)
        if csi is None:
            state = layer(BLOCK, seed=own)
            return state, state
        state, link_gain = layer.with_link_gain(BLOCK, seed=own)
        return state, csi(state, link_gain=link_gain, seed=own)

    return draw
