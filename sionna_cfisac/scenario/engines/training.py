"""Training the network of a scenario: ``cfisac train``."""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sionna_cfisac.scenario.engines.base import Engine
from sionna_cfisac.scenario.file.errors import RunError
from sionna_cfisac.scenario.schema.resolved import resolved
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.schema.training import (
    NoiseRangeSpec,
    SizeSpec,
    TrainingSpec,
    WeightRangeSpec,
)
from sionna_cfisac.seeds import scenario_word

if TYPE_CHECKING:
    from sionna_cfisac.beamforming.networks.learned import LearnedBeamformer
    from sionna_cfisac.channel import ChannelLayer
    from sionna_cfisac.training import Draw, Progress, Score, TrainingData, Validation


class Trained(NamedTuple):
    """What a training leaves behind.

    Attributes
    ----------
    file : Path
        The weights; their card is beside them
    scores : list of Score
        Of the network as it was written, on channels that it has not seen
    """

    file: Path
    scores: "list[Score]"


class TrainingEngine(Engine[Trained]):
    """Trains the network of the section ``training`` and writes its weights and their card.

    Parameters
    ----------
    scenario : ScenarioSpec
        With a section ``training``
    folder : Path
        Gets ``NAME.weights.h5`` and ``NAME.json``, and the logs and checkpoints
    resume : bool
        Continue from the checkpoint in the folder

    Raises
    ------
    ValueError
        If the scenario has no section ``training``
    """

    unit = "steps"
    amount_key = "training.steps"

    def __init__(self, scenario: ScenarioSpec, folder: Path, *, resume: bool = False) -> None:
        super().__init__(scenario)
        if scenario.training is None:
            raise ValueError(
                f"scenario: expected a section training, got none in '{scenario.name}'"
            )
        self.spec: TrainingSpec = scenario.training
        self.folder = folder
        self.resume = resume

    def run(
        self,
        observe: "Callable[[int, Progress], None] | None" = None,
        skip: Collection[str] = (),
    ) -> Trained:
        """Train.

        Parameters
        ----------
        observe : callable, optional
            Told the step and the progress
        skip : collection of str
            Nothing can be left out

        Raises
        ------
        ValueError
            If the initial weights do not fit
        RunError
            If the training cannot go on
        """
        import keras

        from sionna_cfisac.training import (
            TrainingError,
            TrainingPlan,
            Validation,
            train,
        )

        scenario, spec = self.scenario, self.spec
        # Keras takes 32 bits
        keras.utils.set_random_seed(scenario.seed % 2**32)
        network = make_network(scenario)
        channels = make_channels(scenario)
        data = self.make_data(channels)
        weights = self._weights_to_score()
        validation = Validation(
            channels, spec.validation.samples, weights, scenario_word(scenario.seed, "validation")
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
                network,
                data,
                validation,
                plan,
                self.folder,
                resume=self.resume,
                on_progress=None if observe is None else lambda p: observe(p.step, p),
            )
        except TrainingError as error:
            raise RunError(str(error)) from error
        test = Validation(
            channels, spec.validation.test_samples, weights, scenario_word(scenario.seed, "test")
        )
        return self._save(network, data, test, plan.num_epochs * data.steps_per_epoch, seconds)

    def make_data(self, channels: "list[ChannelLayer]") -> "TrainingData":
        """The batches to train on, from the channel layers of :func:`make_channels`."""
        from sionna_cfisac.training import TrainingData

        spec = self.spec
        return TrainingData(
            channels,
            batch_size=spec.batch_size,
            steps_per_epoch=min(spec.validation.every, spec.steps),
            seed=scenario_word(self.scenario.seed, "training"),
            sensing_weight=self._weight(),
            noise_power=_range(spec.noise_power),
            noise_scale=_range(spec.noise_scale),
            num_samples=spec.samples,
        )

    def _save(
        self,
        network: "LearnedBeamformer",
        data: "TrainingData",
        test: "Validation",
        steps: int,
        seconds: float,
    ) -> Trained:
        import os
        from dataclasses import asdict
        from tempfile import TemporaryDirectory

        import keras

        from sionna_cfisac.scenario.engines.versions import versions
        from sionna_cfisac.training.extent import trained_on

        scenario, spec = self.scenario, self.spec
        backend = keras.backend.backend()
        file = self.folder / f"{scenario.name}.weights.h5"
        with TemporaryDirectory() as place:
            # what is measured is what the file will hold, after rounding
            rounded = type(network).load(network.save(Path(place) / scenario.name, half=True))
        scores = test(rounded)
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
            "trained_on": trained_on(data, scale_free=network.scale_free),
            "versions": versions(backend),
            "measured": [asdict(score) for score in scores],
        }
        network.save(file, about, half=True)
        return Trained(file, scores)

    def _weight(self) -> "float | Draw":
        from sionna_cfisac.training import Draw

        given = self.spec.sensing_weight
        if isinstance(given, WeightRangeSpec):
            return Draw(given.low, given.high, "log1p", given.low_share)
        return self.scenario.objective.sensing_weight if given is None else given

    def _weights_to_score(self) -> list[float]:
        given = self.spec.sensing_weight
        usual = self.scenario.objective.sensing_weight
        one = usual if given is None or isinstance(given, WeightRangeSpec) else given
        return self.spec.validation.sensing_weights or [one]


def make_network(scenario: ScenarioSpec) -> "LearnedBeamformer":
    """The network to train, with its initial weights."""
    from sionna_cfisac.beamforming.pretrained import find_weights

    spec = scenario.training
    assert spec is not None
    options = spec.beamformer.arguments()
    if spec.beamformer.antennas == "fixed":
        options["num_tx_ant"] = scenario.network.num_tx_ant
    network: LearnedBeamformer = spec.beamformer.implementation()(**options)
    if spec.initial_weights is not None:
        file = find_weights(spec.initial_weights, scenario.objective.sensing_weight)
        network.start_from(type(network).load(file))
    return network


def make_channels(scenario: ScenarioSpec) -> "list[ChannelLayer]":
    """The channel layer of every size to train on, in single precision."""
    from sionna_cfisac.scenario.engines.channels import make_channel

    assert scenario.training is not None
    sizes = scenario.training.sizes or [SizeSpec.model_validate({})]
    single = scenario.model_copy(update={"precision": "single"})
    return [make_channel(size.of(single)) for size in sizes]


def _range(given: NoiseRangeSpec | None) -> "Draw | None":
    from sionna_cfisac.training import Draw

    return None if given is None else Draw(given.low, given.high)
