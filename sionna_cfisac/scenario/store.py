"""Values of the conditions, one file each."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sionna_cfisac.scenario.files import write_atomic
from sionna_cfisac.scenario.output import CONDITIONS
from sionna_cfisac.scenario.schema import ScenarioSpec, resolved
from sionna_cfisac.scenario.simulate import ConditionResult
from sionna_cfisac.scenario.sweep import Condition

# keys that change no number of a condition, or hold for the whole study
_IRRELEVANT = (
    "name", "description", "sweep", "fast", "figures", "batch_size", "confidence", "training",
)  # fmt: skip


def condition_hash(condition: Condition) -> str:
    """Twelve hexadecimal digits that tell conditions with different numbers apart."""
    values = resolved(condition.scenario)
    for key in _IRRELEVANT:
        values.pop(key, None)
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
    about = {
        "methods": methods,
        "metrics": {method: list(values) for method, values in result.values.items()},
        "seconds": result.seconds,
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
        seconds=about["seconds"],
        target_angles=stored["target_angles"],
        weights=about.get("weights", {}),
    )
    for index, method in enumerate(about["methods"]):
        result.values[method] = {
            metric: stored[f"value_{index}_{metric}"] for metric in about["metrics"][method]
        }
        # with a link every method has as many slots as it took
        first = next(iter(result.values[method].values()))
        expected = (scenario.samples,) if scenario.link is None else (max(1, len(first)),)
        for metric, values in result.values[method].items():
            if values.shape != expected:
                raise ValueError(f"{metric}: expected {expected[0]} values, got {values.shape}")
        if f"beams_{index}" in stored:
            result.beams[method] = stored[f"beams_{index}"]
    return result
