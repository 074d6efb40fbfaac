"""One condition: draw the channels, design the beams, measure."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops

from sionna_cfisac import beamforming
from sionna_cfisac.feasible import check_feasible
from sionna_cfisac.scenario.beamformer_specs import JointSpec, label_of
from sionna_cfisac.scenario.build import (
    Beamformer,
    make_beamformer,
    make_channel,
    make_csi,
    precision_dtype,
)
from sionna_cfisac.scenario.errors import RunError
from sionna_cfisac.scenario.evaluate import evaluator
from sionna_cfisac.scenario.measures import UPPER_BOUND
from sionna_cfisac.scenario.schema import ScenarioSpec
from sionna_cfisac.scenario.seeds import BLOCK, block_seed, condition_seed
from sionna_cfisac.scenario.weights import weights_in_use
from sionna_cfisac.state import ChannelState, check_beams

Values = dict[str, dict[str, np.ndarray]]
"""Method -> metric -> value of every channel."""


@dataclass
class ConditionResult:
    """What a condition leaves behind.

    Attributes
    ----------
    values : dict
        Method -> metric -> [samples] values
    seconds : dict
        Method -> wall time
    beams : dict
        Method -> beams [M, S, Nt] of the first channel
    target_angles : [M, T] array
        Angles of the first channel's targets from broadside in radian; nan with one antenna
    weights : dict
        Place of every trained network in the scenario -> SHA-256 of its weights
    """

    values: Values = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    beams: dict[str, np.ndarray] = field(default_factory=dict)
    target_angles: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    weights: dict[str, str] = field(default_factory=dict)


def simulate(
    scenario: ScenarioSpec, on_batch: Callable[[int, Values], None] | None = None
) -> ConditionResult:
    """Run one condition.

    Parameters
    ----------
    scenario : ScenarioSpec
        The condition
    on_batch : callable, optional
        Called after every batch with the number of channels done and all values so far

    Returns
    -------
    ConditionResult
        Values of every method and measure on every channel

    Raises
    ------
    RunError
        If a method fails, or gives beams of another shape, not finite or over the power limit
    """
    weight = scenario.objective.sensing_weight
    methods = {
        label_of(spec): guard(
            label_of(spec), make_beamformer, spec, weight, precision_dtype(scenario)
        )
        for spec in scenario.beamformers
    }
    names = [name for name in scenario.measure if name != UPPER_BOUND]
    if scenario.reference is not None and "utility" not in names:
        names.append("utility")
    result = ConditionResult(weights=guard("weights", weights_in_use, scenario))
    evaluate = evaluator(names, scenario)
    batches: dict[str, list[dict[str, np.ndarray]]] = {}
    for done, state, known in draw_batches(scenario):
        beams: dict[str, Any] = {}
        for label, method in methods.items():
            start = time.perf_counter()
            beams[label] = guard(label, _design, method, known)
            _add(result.seconds, label, start)
            batches.setdefault(label, []).append(guard(label, evaluate, state, beams[label]))
        if UPPER_BOUND in scenario.measure:
            start = time.perf_counter()
            bound = guard(UPPER_BOUND, _bound, scenario, state, beams)
            _add(result.seconds, UPPER_BOUND, start)
            batches.setdefault(UPPER_BOUND, []).append({"utility": bound})
        if not result.beams:
            result.beams = {label: ops.convert_to_numpy(f[0]) for label, f in beams.items()}
            result.target_angles = target_angles(ops.convert_to_numpy(state.a[0]))
        result.values = _join(batches)
        if on_batch is not None:
            on_batch(done, result.values)
    return result


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
            cut = _cut(state, part)
            pieces.append((cut, cut if known is state else _cut(known, part)))
        state = _concatenate([piece[0] for piece in pieces])
        same = all(piece[0] is piece[1] for piece in pieces)
        yield stop, state, state if same else _concatenate([piece[1] for piece in pieces])


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


def _cut(state: ChannelState, part: slice) -> ChannelState:
    return ChannelState(*(value[part] for value in state))


def _concatenate(pieces: list[ChannelState]) -> ChannelState:
    if len(pieces) == 1:
        return pieces[0]
    return ChannelState(*(ops.concatenate(parts) for parts in zip(*pieces, strict=True)))


def _design(method: Beamformer, state: ChannelState) -> Any:
    f = check_beams(method(state), state)
    check_feasible(state, f)
    return f


def _bound(scenario: ScenarioSpec, state: ChannelState, beams: dict[str, Any]) -> np.ndarray:
    weight = scenario.objective.sensing_weight
    # the optimum of the same objective is the best point to bound from
    optimal = [
        beams[label_of(spec)]
        for spec in scenario.beamformers
        if isinstance(spec, JointSpec)
        and spec.sensing_weight in (None, weight)
        and spec.max_iterations is None
    ]
    f = optimal[0] if optimal else None
    bound = beamforming.upper_bound(
        state, f, sensing_weight=weight, method=scenario.upper_bound.method
    )
    return np.asarray(ops.convert_to_numpy(bound), float)


def guard(label: str, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run somebody's code and say whose it was when it fails."""
    try:
        return action(*arguments, **options)
    except RunError:
        raise  # says so already
    except Exception as error:
        raise RunError(f"{label}: {type(error).__name__}: {error}") from error


def _add(seconds: dict[str, float], label: str, start: float) -> None:
    seconds[label] = seconds.get(label, 0.0) + time.perf_counter() - start


def _join(batches: dict[str, list[dict[str, np.ndarray]]]) -> Values:
    return {
        label: {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for label, parts in batches.items()
    }


def target_angles(a: np.ndarray) -> np.ndarray:
    """Angles from broadside that steering vectors [M, T, Nt] point to, [M, T]."""
    if a.shape[-1] < 2:
        return np.full(a.shape[:2], np.nan)
    return np.arcsin(np.clip(np.angle(a[..., 1] * a[..., 0].conj()) / np.pi, -1.0, 1.0))
