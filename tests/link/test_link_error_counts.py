"""Counts of errors, and the rules that say when there are enough."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from sionna_cfisac.link import ErrorCounts, StopRule


def filled(block_errors: list[int], blocks: int) -> ErrorCounts:
    bits = np.array(block_errors) * 3
    return ErrorCounts(blocks, 16 * blocks, np.array(block_errors), bits)


def test_counts_of_blocks_and_bits() -> None:
    counts = ErrorCounts(blocks=4, bits=40)
    # [B, U, C]
    counts.add(np.array([[[0, 3], [1, 0]], [[0, 0], [0, 0]]]))
    counts.add(np.array([[[10, 10], [1, 2]]]))
    assert counts.block_errors.tolist() == [2, 0, 4]
    assert counts.bit_errors.tolist() == [4, 0, 23]
    assert counts.bler().value == pytest.approx(6 / 12, rel=1e-12)
    assert counts.ber().value == pytest.approx(27 / 120, rel=1e-12)
    for rate in (counts.bler, counts.ber):
        assert rate().low < rate(0.5).low < rate().value < rate(0.5).high < rate().high


@pytest.mark.parametrize(
    ("rule", "enough"),
    [
        ({"block_errors": 6}, True),
        ({"block_errors": 7}, False),
        ({"block_errors": None}, False),
        ({"block_errors": None, "max_blocks": 20}, True),
        ({"block_errors": None, "max_blocks": 21}, False),
        ({"block_errors": 7, "max_blocks": 20}, True),
        ({}, False),
    ],
)
def test_rules_end_a_point(rule: dict[str, Any], enough: bool) -> None:
    assert StopRule(**rule).reached(filled([1, 2, 0, 1, 2], 4)) is enough


def test_relative_width_is_that_of_half_the_interval() -> None:
    low, high = stats.binomtest(12, 50).proportion_ci(0.95, method="wilson")
    width, counts = float(high - low) / 2 / (12 / 50), filled([1] * 12 + [0] * 38, 1)
    for factor, enough in ((1.001, True), (0.999, False)):
        rule = StopRule(block_errors=None, relative_width=factor * width)
        assert rule.reached(counts) is enough
    # nothing is known about the relative width of an interval around zero
    assert not StopRule(block_errors=None, relative_width=1e9).reached(filled([0] * 50, 1))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"block_errors": 0}, "block_errors: expected an integer >= 1, got 0"),
        ({"block_errors": 1.5}, "block_errors: expected an integer"),
        ({"relative_width": 0.0}, "relative_width: expected a finite number above 0, got 0.0"),
        ({"relative_width": np.nan}, "relative_width: expected a finite number"),
        ({"max_blocks": 0}, "max_blocks: expected an integer >= 1, got 0"),
        ({"max_blocks": None}, "max_blocks: expected an integer"),
    ],
)
def test_wrong_rules_are_refused(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StopRule(**rule)
