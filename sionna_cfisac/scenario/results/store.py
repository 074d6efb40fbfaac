"""Values of the conditions, one file each."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sionna_cfisac.measures import UPPER_BOUND
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.engines.result import ConditionResult
from sionna_cfisac.scenario.engines.timing import Call
from sionna_cfisac.scenario.results.files import write_atomic
from sionna_cfisac.scenario.results.folder import CONDITIONS
from sionna_cfisac.scenario.schema.resolved import RESULT, part
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.study import Condition


def condition_hash(condition: Condition) -> str:
    """Twelve hexadecimal digits that tell conditions with different numbers apart."""
    values = part(condition.scenario, RESULT)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def condition_file(folder: Path, condition: Condition) -> Path:
    """Where a condition's values are stored."""
    return folder / CONDITIONS / f"{condition.index:04d}-{condition_hash(condition)}.npz"


def write_condition(folder: Path, condition: Condition, result: ConditionResult) -> None:
    """Store the values of a finished condition."""
    methods = list(result.values)
    arrays: dict[str, Any] = {"target_angles": result.target_angles}
    for index, method in enumerate(methods):
        for metric, values in result.values[method].items():
            arrays[f"value_{index}_{metric}"] = values
        if method in result.beams:
            arrays[f"beams_{index}"] = result.beams[method]
    names = _names(condition.scenario)
    about = {
        "methods": methods,
        # a method that is labelled anew is found by its place
        "places": [names.index(method) for method in methods],
        "metrics": {method: list(values) for method, values in result.values.items()},
        "calls": result.calls,
        "overhead": result.overhead,
        "samples": condition.scenario.samples,
        "weights": result.weights,
    }
    arrays["about"] = np.array(json.dumps(about))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(condition_file(folder, condition), buffer.getvalue())


def read_condition(folder: Path, condition: Condition) -> ConditionResult:
    """Read the values of a finished condition.

    Raises
    ------
    FileNotFoundError
        If the condition is not finished
    ValueError
        If its file is damaged
    """
    file = condition_file(folder, condition)
    try:
        with np.load(file, allow_pickle=False) as stored:
            return _unpack(stored, condition.scenario)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file}: damaged: {error}") from error


def _unpack(stored: Any, scenario: ScenarioSpec) -> ConditionResult:
    about = json.loads(str(stored["about"]))
    result = ConditionResult(
        target_angles=stored["target_angles"],
        weights=about.get("weights", {}),
        overhead=about["overhead"],
    )
    engine, names = engine_of(scenario), _names(scenario)
    places = about.get("places") or [names.index(method) for method in about["methods"]]
    for index, (stored_name, place) in enumerate(zip(about["methods"], places, strict=True)):
        method = names[place]
        result.values[method] = {
            metric: stored[f"value_{index}_{metric}"] for metric in about["metrics"][stored_name]
        }
        expected = engine.num_values(result.values[method])
        for metric, values in result.values[method].items():
            if values.shape != (expected,):
                raise ValueError(f"{metric}: expected {expected} values, got {values.shape}")
        if f"beams_{index}" in stored:
            result.beams[method] = stored[f"beams_{index}"]
        if stored_name in about["calls"]:
            calls = about["calls"][stored_name]
            result.calls[method] = [Call(tuple(shape), *others) for shape, *others in calls]
    return result


def _names(scenario: ScenarioSpec) -> list[str]:
    """Methods by their place, the bound last."""
    return [*(method.shown_name for method in scenario.beamformers), UPPER_BOUND]
