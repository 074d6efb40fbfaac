"""Training the network of a scenario: ``cfisac train``."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from sionna_cfisac import beamforming
from sionna_cfisac.beamforming.networks.learned import LearnedBeamformer
from sionna_cfisac.channel import ChannelLayer
from sionna_cfisac.scenario.build import BEAMFORMER_CLASSES, find_weights, make_channel
from sionna_cfisac.scenario.errors import RunError
from sionna_cfisac.scenario.schema import ScenarioSpec, resolved
from sionna_cfisac.scenario.training_specs import (
    HeteroGNNNetworkSpec,
    SizeSpec,
    TrainingSpec,
    WeightRangeSpec,
)
from sionna_cfisac.scenario.versions import versions
from sionna_cfisac.training import (
    Draw,
    Progress,
    Score,
    TrainingData,
    TrainingError,
    TrainingPlan,
    Validation,
    train,
)

_SEEDS = {"training": 0, "validation": 1, "test": 2}


def train_network(
    scenario: ScenarioSpec,
    folder: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[Path, list[Score]]:
    """Train the network of a scenario and write its weights and their card.

    Parameters
    ----------
    scenario : ScenarioSpec
        With a section ``training``
    folder : Path
        Gets ``NAME.weights.h5`` and ``NAME.json``, and the logs and checkpoints
    resume : bool
        Continue from the checkpoint in the folder
    on_progress : callable, optional
        Told about the progress

    Returns
    -------
    file : Path
        The weights
    scores : list of Score
        Of the network as it was written, on channels that it has not seen

    Raises
    ------
    ValueError
        If the scenario has no section ``training``, or its initial weights do not fit
    RunError
        If the training cannot go on
    """
    spec = _section(scenario)
    # Keras takes 32 bits
    keras.utils.set_random_seed(scenario.seed % 2**32)
    network = make_network(scenario)
    channels = make_channels(scenario)
    data = TrainingData(
        channels,
        batch_size=spec.batch_size,
        steps_per_epoch=min(spec.validation.every, spec.steps),
        seed=_seed(scenario, "training"),
        sensing_weight=_weight(spec, scenario.objective.sensing_weight),
        noise_power=None
        if spec.noise_power is None
        else Draw(spec.noise_power.low, spec.noise_power.high),
        noise_scale=None
        if spec.noise_scale is None
        else Draw(spec.noise_scale.low, spec.noise_scale.high),
        num_samples=spec.samples,
    )
    weights = spec.validation.sensing_weights or [
        scenario.objective.sensing_weight
        if spec.sensing_weight is None or isinstance(spec.sensing_weight, WeightRangeSpec)
        else spec.sensing_weight
    ]
    validation = Validation(
        channels, spec.validation.samples, weights, _seed(scenario, "validation")
    )
    plan = TrainingPlan(
        num_epochs=-(-spec.steps // data.steps_per_epoch),
        learning_rate=spec.learning_rate,
        warmup_steps=spec.warmup_steps,
        loss=spec.loss,
        clip_norm=spec.clip_norm,
    )
    try:
        seconds = train(
            network, data, validation, plan, folder, resume=resume, on_progress=on_progress
        )
    except TrainingError as error:
        raise RunError(str(error)) from error
    steps = plan.num_epochs * data.steps_per_epoch
    backend = keras.backend.backend()
    about: dict[str, Any] = {
        "name": scenario.name,
        "description": scenario.description,
        "scenario": resolved(scenario),
        "seed": scenario.seed,
        "training": {
            "backend": backend,
            "steps": steps,
            "channels": spec.samples or steps * spec.batch_size,
            "seconds": round(seconds),
            "num_cpus": os.cpu_count(),
            "finished": time.strftime("%Y-%m-%d", time.gmtime()),
        },
        "versions": versions(backend),
    }
    file = folder / f"{scenario.name}.weights.h5"
    with TemporaryDirectory() as place:
        # what is measured is what the file will hold, after rounding
        rounded = type(network).load(network.save(Path(place) / scenario.name, half=True))
    test = Validation(channels, spec.validation.test_samples, weights, _seed(scenario, "test"))
    scores = test(rounded)
    network.save(file, {**about, "measured": [asdict(score) for score in scores]}, half=True)
    return file, scores


def make_network(scenario: ScenarioSpec) -> LearnedBeamformer:
    """The network to train, with its initial weights."""
    spec = _section(scenario)
    options = spec.beamformer.model_dump(exclude_none=True, exclude={"type"})
    if isinstance(spec.beamformer, HeteroGNNNetworkSpec):
        options["num_tx_ant"] = scenario.network.num_tx_ant
    network: LearnedBeamformer = getattr(beamforming, BEAMFORMER_CLASSES[spec.beamformer.type])(
        **options
    )
    if spec.initial_weights is not None:
        file = find_weights(spec.initial_weights, scenario.objective.sensing_weight)
        network.start_from(type(network).load(file))
    return network


def make_channels(scenario: ScenarioSpec) -> list[ChannelLayer]:
    """The channel layer of every size to train on, in single precision."""
    sizes = _section(scenario).sizes or [SizeSpec.model_validate({})]
    single = scenario.model_copy(update={"precision": "single"})
    return [make_channel(size.of(single)) for size in sizes]


def _section(scenario: ScenarioSpec) -> TrainingSpec:
    if scenario.training is None:
        raise ValueError(f"scenario: expected a section training, got none in '{scenario.name}'")
    return scenario.training


def _weight(spec: TrainingSpec, default: float) -> float | Draw:
    given = spec.sensing_weight
    if isinstance(given, WeightRangeSpec):
        return Draw(given.low, given.high, "log1p", given.low_share)
    return default if given is None else given


def _seed(scenario: ScenarioSpec, part: str) -> int:
    """Seeds of training, validation and test channels, which must not meet."""
    return int(np.random.SeedSequence([scenario.seed, _SEEDS[part]]).generate_state(1)[0])
