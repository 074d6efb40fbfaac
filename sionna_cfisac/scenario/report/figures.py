"""Which figures a result folder gets, and drawing them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sionna_cfisac import plotting
from sionna_cfisac.measures import DETECTION, ERROR_RATES
from sionna_cfisac.plots.style import metric_label
from sionna_cfisac.plots.tradeoff import SENSING_METRICS
from sionna_cfisac.scenario.results.files import write_json
from sionna_cfisac.scenario.results.folder import RESULTS, RUN, RunFolder
from sionna_cfisac.scenario.results.store import read_condition
from sionna_cfisac.scenario.runner import SNR
from sionna_cfisac.scenario.study import Condition, Study, value_at


def draw_figures(study: Study, folder: Path) -> list[Path]:
    """Draw the figures of a finished run into its folder, as PDF and PNG.

    ``figures`` of the scenario says which. By default: the trade-off between rate and sensing where
    both are measured, a curve of every measure over every swept number, and where nothing is swept
    the distribution over the channels and the beam patterns. The last two show one condition: that
    with the scenario's own values of the swept keys, or the middle of the sweep.

    Parameters
    ----------
    study : Study
        The study that was run
    folder : Path
        Its output folder

    Returns
    -------
    list of Path
        Files written

    Raises
    ------
    ValueError
        If the folder does not hold the results of the study
    """
    table = pd.read_csv(folder / RESULTS)
    files: list[Path] = []
    for name, figure in _figures(study, folder, table):
        plotting.save_figure(figure, folder / name)
        files += [folder / f"{name}.{suffix}" for suffix in ("pdf", "png")]
    run = RunFolder(folder, study).read()
    if run is not None:
        known = [*run.get("figures", []), *(file.name for file in files)]
        write_json(folder / RUN, {**run, "figures": sorted(set(known))})
    return files


def _figures(study: Study, folder: Path, table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    scenario = study.scenario
    kinds: list[str] = ["tradeoff", "curves"] + ([] if study.columns else ["cdf", "beampattern"])
    if scenario.figures is not None:
        kinds = list(scenario.figures)
    both = "sum_rate" in scenario.measure and any(m in scenario.measure for m in SENSING_METRICS)
    if "tradeoff" in kinds and both:
        yield "tradeoff", plotting.plot_tradeoff(_without_detection(study, table), _units(study))
    if "curves" in kinds:
        yield from _curves(study, table)
    if "cdf" in kinds or "beampattern" in kinds:
        yield from _single(kinds, folder, shown_condition(study))


def _curves(study: Study, table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    numeric = {
        key: values
        for key, values in ((key, study.values(key)) for key in study.columns)
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    }
    # error rates are looked at over the SNR
    axes = {SNR: numeric[SNR]} if SNR in numeric else numeric
    # two values make a curve only where there is no better axis
    longest = max((len(values) for values in axes.values()), default=0)
    for key, values in axes.items():
        if len(values) < min(3, longest) or len(values) < 2:
            continue
        others = [other for other in study.columns if other != key]
        parts = list(table.groupby(others, sort=False)) if others else [((), table)]
        for point, part in parts:
            # which part of the grid it shows
            at = "".join(
                f"-{_plain(other)}-{re.sub(r'[^A-Za-z0-9_.]+', '-', str(value))}"
                for other, value in zip(others, point, strict=True)
            )
            for metric in part["metric"].unique():
                if not metric.startswith(DETECTION) and _about_detection(study, key, others, point):
                    continue
                name = f"curve-{_plain(key)}-{metric}{at}"
                draw = plotting.plot_waterfall if metric in ERROR_RATES else plotting.plot_curves
                yield name, draw(part, key, metric, _units(study))


def _without_detection(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """The results at one value of what only detection depends on."""
    for key in study.columns:
        if key.startswith("detection."):
            table = table[table[key] == study.values(key)[0]].drop(columns=key)
    return table


def _about_detection(study: Study, key: str, others: list[str], point: tuple) -> bool:
    """Whether a curve of anything but detection is flat, or that of another value once more."""
    first = {other: study.values(other)[0] for other in others}
    return key.startswith("detection.") or any(
        other.startswith("detection.") and value != first[other]
        for other, value in zip(others, point, strict=True)
    )


def _single(kinds: list[str], folder: Path, condition: Condition) -> Iterator[tuple[str, Any]]:
    result = read_condition(folder, condition)
    if "cdf" in kinds:
        for measure in condition.scenario.measures:
            metric = measure.name
            values = {m: v[metric] for m, v in result.values.items() if metric in v}
            if measure.of in ("channel", "echoes") and values:
                label = metric_label(metric, measure.unit)
                yield f"cdf-{metric}", plotting.plot_cdf(values, label)
    if "beampattern" in kinds and np.isfinite(result.target_angles).all():
        yield "beampattern", plotting.plot_beampattern(result.beams, result.target_angles)


def shown_condition(study: Study) -> Condition:
    """The condition with the scenario's own values, or that in the middle of the sweep."""
    for condition in study.conditions:
        if all(value_at(study.resolved, key) == value for key, value in condition.columns.items()):
            return condition
    return study.conditions[len(study.conditions) // 2]


def _units(study: Study) -> dict[str, str]:
    """Units of the swept keys; powers have one where path loss relates them to a distance."""
    if not study.scenario.channel.placed:
        return {}
    return {key: "W" for key in study.columns if key.endswith("_power")}


def _plain(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", key.rsplit(".", 1)[-1])
