"""One registry of random streams: what is drawn from one seed without meeting in the same numbers.

A seed that a user gives stands for several draws: channels, errors of estimates, echoes, bits.
Each has a stream of its own, named here; a stream is a word, or several, that follow from the seed
alone. A new stream gets a new number at the end; the number of an old one never changes, since
results would.

The channels of a layer are drawn from the seed itself (``channel/base.py``), those of a condition
from a hash of what shapes them (``scenario/engines/seeds.py``).
"""

from typing import Literal

import numpy as np

Stream = Literal["echoes", "sionna_channel", "link", "link_block", "csi_error"]

_STREAMS: dict[Stream, int] = {
    # echoes of a multistatic channel: gains and receiver noise
    "echoes": 5,
    # Sionna's own generator while it draws a channel
    "sionna_channel": 6,
    # bits, noise and sensing symbols of the slots of a link
    "link": 7,
    # blocks of slots of a simulation, each with a seed of its own
    "link_block": 8,
    # errors of the channel estimates
    "csi_error": 9,
}

TrainingStream = Literal["channel", "sensing_weight", "noise_power", "sensing_noise_power", "order"]

_TRAINING_STREAMS: dict[TrainingStream, int] = {
    "channel": 0,
    "sensing_weight": 1,
    "noise_power": 2,
    "sensing_noise_power": 3,
    # of a fixed set of channels in each pass
    "order": 4,
}

ScenarioStream = Literal["training", "validation", "test"]

_SCENARIO_STREAMS: dict[ScenarioStream, int] = {"training": 0, "validation": 1, "test": 2}


def words(seed: int, stream: Stream, *index: int, number: int = 1) -> list[int]:
    """32-bit words of a stream.

    Parameters
    ----------
    seed : int
        What the user gave
    stream : str
        What is drawn
    index : int
        Which of many draws of the same kind
    number : int
        How many words
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(_STREAMS[stream], *index))
    return [int(word) for word in sequence.generate_state(number)]


def training_sequence(seed: int, stream: TrainingStream, *index: int) -> np.random.SeedSequence:
    """What a step of a training draws from; ``index`` is the step, or the pass, and the size."""
    return np.random.SeedSequence([seed, _TRAINING_STREAMS[stream], *index])


def scenario_word(seed: int, stream: ScenarioStream) -> int:
    """32-bit seed of the channels to train on, to validate on, or to test on."""
    sequence = np.random.SeedSequence([seed, _SCENARIO_STREAMS[stream]])
    return int(sequence.generate_state(1)[0])
