"""One condition with a link: simulate its slots bit by bit."""

import time
from collections.abc import Callable, Collection
from functools import cache, partial
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from sionna_cfisac.link.beams import join_groups
from sionna_cfisac.link.error_counts import ErrorCounts, StopRule
from sionna_cfisac.link.monte_carlo import ErrorSimulation, evaluate_beams
from sionna_cfisac.scenario.beamformer_specs import label_of
from sionna_cfisac.scenario.build import make_beamformer, precision_dtype
from sionna_cfisac.scenario.build_link import make_link
from sionna_cfisac.scenario.evaluate import evaluator
from sionna_cfisac.scenario.link_specs import LinkSpec
from sionna_cfisac.scenario.measures import DETECTION, ERROR_RATES
from sionna_cfisac.scenario.schema import ScenarioSpec
from sionna_cfisac.scenario.seeds import condition_seed
from sionna_cfisac.scenario.simulate import ConditionResult, Values, guard, target_angles
from sionna_cfisac.scenario.weights import weights_in_use


def simulate_link(
    scenario: ScenarioSpec,
    on_batch: Callable[[int, Values], None] | None = None,
    skip: Collection[str] = (),
) -> ConditionResult:
    """Run one condition of a scenario that has a link.

    Parameters
    ----------
    scenario : ScenarioSpec
        The condition
    on_batch : callable, optional
        Called after every batch with the most code blocks done by a method and all values so far
    skip : collection of str
        Methods that are not simulated

    Returns
    -------
    ConditionResult
        Values of every method and measure on every slot. The error rates are numbers of errors, of
        blocks for ``bler`` and of bits for ``ber``; different methods have different numbers of
        slots, the first of which they share

    Raises
    ------
    RunError
        If a method fails, or gives beams of another shape, not finite or over the power limit
    """
    spec = scenario.link
    assert spec is not None
    others = [name for name in scenario.measure if name not in ERROR_RATES]
    detectors = [name for name in others if name.startswith(DETECTION)]
    evaluate = evaluator([name for name in others if name not in detectors], scenario)
    detect = evaluator(detectors, scenario)
    simulation = _simulation(_compiled_part(scenario))
    result = ConditionResult(weights=guard("weights", weights_in_use, scenario))
    started = time.perf_counter()
    parts: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in simulation.methods}

    def observe(draw: Any, beams: dict[str, Any], counts: dict[str, ErrorCounts]) -> None:
        for name, (f, noise_power) in beams.items():
            if others:
                values = guard(name, evaluate_beams, draw, f, noise_power, evaluate)
                # the echoes of all subcarriers make one decision
                values |= guard(name, detect, draw.state, join_groups(f))
                parts[name].append(values)
            result.beams.setdefault(name, ops.convert_to_numpy(f[0, 0]))
        if not result.target_angles.size:
            result.target_angles = target_angles(ops.convert_to_numpy(draw.state.a[0]))
        result.values = _values(scenario, counts, parts)
        if on_batch is not None:
            done = max(len(c.block_errors) * c.blocks for c in counts.values())
            on_batch(min(done, spec.stop.max_blocks), result.values)

    counts = guard(
        "link",
        simulation.run,
        spec.snr_db,
        stop=StopRule(**spec.stop.model_dump()),
        seed=int(condition_seed(scenario)[:15], 16),
        skip=skip,
        observe=observe,
    )
    result.seconds = {name: c.seconds for name, c in counts.items()}
    result.seconds["link"] = time.perf_counter() - started - sum(result.seconds.values())
    return result


@cache
def start_compiler() -> None:
    """Let XLA print at its first use what it prints only once."""
    tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(0.0))


def _compiled_part(scenario: ScenarioSpec) -> ScenarioSpec:
    """The scenario without what may change from point to point without compiling anew."""
    assert scenario.link is not None
    usual = LinkSpec.model_validate({})
    link = scenario.link.model_copy(
        update={"snr_db": 0.0, "stop": usual.stop, "skip_below": usual.skip_below}
    )
    return scenario.model_copy(update={"link": link, "sweep": {}})


# the last simulation, so that the points of a curve need not compile it anew
_LAST: dict[str, ErrorSimulation] = {}


def _simulation(scenario: ScenarioSpec) -> ErrorSimulation:
    # weights of the same name may have changed
    key = f"{scenario.model_dump_json()} {weights_in_use(scenario)}"
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = guard("link", _make_simulation, scenario)
    return _LAST[key]


def _make_simulation(scenario: ScenarioSpec) -> ErrorSimulation:
    assert scenario.link is not None
    weight = scenario.objective.sensing_weight
    methods = {}
    for entry in scenario.beamformers:
        name = label_of(entry)
        method = guard(name, make_beamformer, entry, weight, precision_dtype(scenario))
        methods[name] = partial(guard, name, method)
    link = make_link(scenario)
    return ErrorSimulation(link, methods, batch_size=scenario.link.slots_per_batch)


def _values(
    scenario: ScenarioSpec,
    counts: dict[str, ErrorCounts],
    parts: dict[str, list[dict[str, np.ndarray]]],
) -> Values:
    values: Values = {}
    for name, count in counts.items():
        errors = {"bler": count.block_errors, "ber": count.bit_errors}
        values[name] = {metric: errors[metric] for metric in scenario.measure if metric in errors}
        for metric in parts[name][0] if parts[name] else ():
            values[name][metric] = np.concatenate([part[metric] for part in parts[name]])
    return values
