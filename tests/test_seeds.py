"""Streams of random numbers never change: results that somebody has would."""

import numpy as np
import pytest

from sionna_cfisac import seeds


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("echoes", [1206282609, 153966579]),
        ("sionna_channel", [3543069911, 701077820]),
        ("link", [3479688010, 3766494414]),
        ("csi_error", [1244265337, 1428190850]),
    ],
)
def test_words_of_a_seed(stream: seeds.Stream, expected: list[int]) -> None:
    assert seeds.words(42, stream, number=2) == expected


def test_words_of_a_block_of_slots() -> None:
    assert [seeds.words(42, "link_block", block)[0] for block in (0, 3)] == [2614043670, 412201550]


def test_words_of_a_training() -> None:
    first = seeds.training_sequence(42, "channel", 3, 1).generate_state(1)
    assert int(first[0]) == 1505161042
    assert int(seeds.training_sequence(42, "order", 3, 1).generate_state(1)[0]) == 4182188658
    parts: tuple[seeds.ScenarioStream, ...] = ("training", "validation", "test")
    words = [seeds.scenario_word(42, part) for part in parts]
    assert words == [3444837047, 3329053876, 955475868]


def test_no_two_streams_meet() -> None:
    for streams in (seeds._STREAMS, seeds._TRAINING_STREAMS, seeds._SCENARIO_STREAMS):
        assert len(set(streams.values())) == len(streams)
    drawn = [tuple(seeds.words(7, stream, number=4)) for stream in seeds._STREAMS]
    drawn.append(tuple(int(w) for w in np.random.SeedSequence(7).generate_state(4)))
    assert len(set(drawn)) == len(drawn)
