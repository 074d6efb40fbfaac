"""What of a method's wall time is compiling."""

import time

import pytest

from sionna_cfisac.scenario.engines.timing import Call, Calls, compile_seconds, mark_first, timed


def test_compiling_is_what_first_calls_take_longer_than_later_ones_of_their_shape() -> None:
    conditions: list[Calls] = [
        {
            "slow": [Call((20, 4), 5.0, True), Call((20, 4), 1.0), Call((8, 4), 0.3, True)],
            "even": [Call((20, 4), 1.0, True), Call((20, 4), 1.5)],
            "alone": [Call((20, 4), 1.0, True)],
            "before": [Call((20, 4), 1.0)],
        },
        {
            # resumed in another process: compiled anew
            "slow": [Call((20, 4), 7.0, True), Call((20, 4), 2.0), Call((20, 4), 9.0)],
        },
    ]
    found = compile_seconds(conditions)
    # the median of 1, 2 and 9 is what computing takes; (8, 4) was never called again
    assert found.pop("slow") == pytest.approx((5.0 - 2.0) + (7.0 - 2.0))
    assert found == {"even": 0.0, "alone": None, "before": None}


def test_first_calls_are_those_of_a_new_method_or_shape() -> None:
    seen: set[tuple[str, tuple[int, ...]]] = set()
    calls: Calls = {
        "a": [Call((2,), 1.0), Call((2,), 1.0), Call((3,), 1.0)],
        "b": [Call((2,), 1.0)],
    }
    mark_first(calls, seen)
    assert [call.first for call in calls["a"]] == [True, False, True]
    assert [call.first for call in calls["b"]] == [True]
    again: Calls = {"a": [Call((3,), 1.0)]}
    mark_first(again, seen)
    assert not again["a"][0].first


def test_a_slow_first_call_is_measured() -> None:
    pause = iter([0.3, 0.02, 0.02, 0.02])
    calls: Calls = {}
    for _ in range(4):
        timed(calls, "method", (5,), lambda: time.sleep(next(pause)))
    mark_first(calls, set())
    assert compile_seconds([calls])["method"] == pytest.approx(0.28, abs=0.15)
