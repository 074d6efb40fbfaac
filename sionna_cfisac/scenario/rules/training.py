"""What in the section ``training`` of a valid scenario does not fit together."""

from collections.abc import Iterator
from typing import Any

from sionna_cfisac.beamforming.pretrained import find_weights
from sionna_cfisac.beamforming.rules import architecture_conflicts, range_conflicts
from sionna_cfisac.beamforming.weights import NOISE_RANGE, SENSING_WEIGHT_RANGE
from sionna_cfisac.kinds import Conflict, KeyPath
from sionna_cfisac.scenario.rules.scenario import channel_conflicts
from sionna_cfisac.scenario.schema.resolved import noise_power
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.schema.training import RangeSpec, TrainingSpec
from sionna_cfisac.training.rules import batch_conflicts, noise_conflicts
from sionna_cfisac.wording import dotted_names


def training_conflicts(scenario: ScenarioSpec, weights: bool = True) -> Iterator[Conflict]:
    """Everything in the section ``training`` that does not fit together.

    Parameters
    ----------
    scenario : ScenarioSpec
        A scenario
    weights : bool
        Whether the initial weights must be there and fit
    """
    if scenario.training is None:
        return
    if weights and scenario.training.initial_weights is not None:
        yield from _initial_weights(scenario, scenario.training)
    yield from _sizes(scenario, scenario.training)
    if scenario.training.sizes is None:
        yield from _targets(scenario.training, scenario)
    # without a link, such a channel is refused whatever is trained
    if scenario.link is not None:
        yield from _flat(scenario)
    yield from _steps(scenario.training)
    yield from _validation(scenario.training)
    yield from _conditions(scenario, scenario.training)


def _initial_weights(scenario: ScenarioSpec, spec: TrainingSpec) -> Iterator[Conflict]:
    path, weight = ("training", "initial_weights"), scenario.objective.sensing_weight
    try:
        file = find_weights(spec.initial_weights or "", weight)
        stored = spec.beamformer.checked_card(file)["architecture"]
    except (OSError, ValueError) as error:
        yield Conflict(path, str(error), (("objective", "sensing_weight"),))
        return
    network = spec.beamformer.fixed_options()
    if spec.beamformer.antennas == "fixed":
        network = {"num_tx_ant": scenario.network.num_tx_ant, **network}
    different = [f"{key} {what}" for key, what in architecture_conflicts(stored, network)]
    if different:
        yield Conflict(
            path,
            f"expected the architecture to train, but {file.name} has {', '.join(different)}",
            (("training", "beamformer"), ("network", "num_tx_ant")),
        )


def _sizes(scenario: ScenarioSpec, spec: TrainingSpec) -> Iterator[Conflict]:
    sizes = spec.sizes or []
    already = list(channel_conflicts(scenario))
    for index, size in enumerate(sizes):
        of_size = size.of(scenario)
        if size in sizes[:index]:
            yield Conflict(("training", "sizes", index), "this size is already in the list")
        antennas = scenario.network.num_tx_ant
        if spec.beamformer.antennas == "fixed" and size.num_tx_ant not in (None, antennas):
            yield Conflict(
                ("training", "sizes", index, "num_tx_ant"),
                f"the weights of a {spec.beamformer.type} are for network.num_tx_ant {antennas}, "
                f"got {size.num_tx_ant}",
                (("network", "num_tx_ant"),),
            )
        if spec.noise_power is not None and (
            size.noise_power is not None or (size.sensing and size.sensing.noise_power is not None)
        ):
            yield Conflict(
                ("training", "sizes", index),
                "expected no noise powers beside training.noise_power, which is drawn in their "
                "place; training.noise_scale is a factor on those of the sizes",
                (("training", "noise_power"),),
            )
        found = [x for x in channel_conflicts(of_size) if x not in already]
        found += _targets(spec, of_size)
        # the scenario's own channel is checked once
        found += _flat(of_size) if size.channel is not None else []
        for conflict in found:
            yield Conflict(
                ("training", "sizes", index),
                f"does not fit {'.'.join(map(str, conflict.path))}: {conflict.message}",
                (conflict.path,),
            )


def _flat(scenario: ScenarioSpec) -> Iterator[Conflict]:
    if not scenario.channel.flat:
        yield Conflict(
            ("channel", "type"),
            "training draws flat channels: expected rayleigh or topology, got "
            f"{scenario.channel.type}",
            (("training",),),
        )


def _targets(spec: TrainingSpec, scenario: ScenarioSpec) -> Iterator[Conflict]:
    if spec.beamformer.targets == "one" and scenario.network.num_targets > 1:
        yield Conflict(
            ("network", "num_targets"),
            f"a {spec.beamformer.type} is trained for one target, got "
            f"{scenario.network.num_targets}",
            (("training", "beamformer"),),
        )


def _steps(spec: TrainingSpec) -> Iterator[Conflict]:
    every = spec.validation.every
    if spec.steps > every and spec.steps % every:
        yield Conflict(
            ("training", "validation", "every"),
            f"expected a divisor of training.steps, got {every} and {spec.steps} steps",
            (("training", "steps"),),
        )
    num_sizes = len(spec.sizes or [None])
    for where, message in batch_conflicts(spec.batch_size, num_sizes, spec.samples):
        yield Conflict(
            ("training", where.removeprefix("num_")),
            dotted_names(message, "training", ["batch_size", "sizes"]),
            (("training", "batch_size"), ("training", "sizes")),
        )
    weights = spec.validation.sensing_weights or []
    for index, weight in enumerate(weights):
        if weight in weights[:index]:
            yield Conflict(
                ("training", "validation", "sensing_weights", index),
                f"{weight:g} is already in the list",
            )


def _validation(spec: TrainingSpec) -> Iterator[Conflict]:
    num_sizes = len(spec.sizes or [None])
    for key in ("samples", "test_samples"):
        for _, message in batch_conflicts(getattr(spec.validation, key), num_sizes, None):
            message = dotted_names(message, "training", ["sizes"])
            yield Conflict(("training", "validation", key), message, (("training", "sizes"),))


def _conditions(scenario: ScenarioSpec, spec: TrainingSpec) -> Iterator[Conflict]:
    """Ranges need a network that can tell their values apart."""
    network = spec.beamformer
    for where, message in noise_conflicts(spec.noise_power, spec.noise_scale):
        yield Conflict(("training", where), message, (("training", "noise_power"),))
    # one that reads any weight and any noise has nothing to say of it
    conditioned = getattr(network, "conditioned", None)
    if conditioned is None:
        return
    drawn = {
        "sensing_weight": spec.sensing_weight,
        "noise_power": spec.noise_power,
        "noise_scale": spec.noise_scale,
    }
    for key, value in drawn.items():
        if not conditioned and isinstance(value, RangeSpec):
            yield Conflict(
                ("training", key),
                "a range needs a network that reads it: training.beamformer.conditioned: true",
                (("training", "beamformer"),),
            )
    if not conditioned:
        return
    own = _ends(noise_power(scenario))
    values: list[tuple[KeyPath, Any, tuple[float, float]]] = [
        (("training", "sensing_weight"), _ends(spec.sensing_weight), SENSING_WEIGHT_RANGE),
        (("training", "noise_power"), _ends(spec.noise_power), NOISE_RANGE),
        (("training", "noise_scale"), _scaled(spec, own), NOISE_RANGE),
        (
            ("training", "validation", "sensing_weights"),
            spec.validation.sensing_weights or [],
            SENSING_WEIGHT_RANGE,
        ),
    ]
    if spec.sensing_weight is None or not spec.validation.sensing_weights:
        weight = scenario.objective.sensing_weight
        values.append((("objective", "sensing_weight"), [weight], SENSING_WEIGHT_RANGE))
    # the scores are for the scenario's own noise, whatever the network is trained with
    values.append((("noise_power",), own, NOISE_RANGE))
    for index, size in enumerate(spec.sizes or []):
        if size.noise_power is not None:
            noise = _ends(size.noise_power)
            trained = noise if spec.noise_scale is None else _scaled(spec, noise)
            values.append((("training", "sizes", index), trained, NOISE_RANGE))
    for path, numbers, allowed in values:
        for _, message in range_conflicts("", numbers, allowed):
            yield Conflict(path, message, (("training", "beamformer"),))


def _scaled(spec: TrainingSpec, noise: list[float]) -> list[float]:
    """The noise powers at both ends of the range of the factor on them, if there is one."""
    return [end * value for end in _ends(spec.noise_scale) for value in noise]


def _ends(value: RangeSpec | list[float] | float | None) -> list[float]:
    if isinstance(value, RangeSpec):
        return [value.low, value.high]
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
