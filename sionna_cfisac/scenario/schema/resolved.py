"""What a scenario comes to: defaults that depend on other keys, and every default written out."""

from collections.abc import Collection
from typing import Any

from sionna_cfisac.options import Role, only
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec

RESULT: tuple[Role, ...] = ("draw", "design", "measure")
"""What changes the numbers of a run."""


def resolved(scenario: ScenarioSpec) -> dict[str, Any]:
    """The scenario with every default written out, as plain values that validate again."""
    values = scenario.model_dump(mode="json", exclude_none=True)
    if scenario.network.ap_power is not None:
        # the two exclude each other
        del values["network"]["total_power"]
    if not scenario.beamformers:
        del values["beamformers"]
    values["channel"] = channel_options(scenario)
    values["noise_power"] = noise_power(scenario)
    values["sensing"]["noise_power"] = sensing_noise_power(scenario)
    values["sensing"]["gain"] = sensing_gain(scenario)
    link = scenario.link
    if link is not None:
        # what has no effect with a link, and is refused there
        del values["samples"]
        if link.snr_db is not None or "link.snr_db" in scenario.sweep:
            del values["noise_power"]
    return values


def part(scenario: ScenarioSpec, roles: Collection[Role]) -> dict[str, Any]:
    """The keys of the resolved scenario that change one of ``roles``.

    The reference is named by its place, since a label changes no number.
    """
    values = only(resolved(scenario), scenario, roles)
    names = [method.shown_name for method in scenario.beamformers]
    if values.get("reference") in names:
        values["reference"] = names.index(values["reference"])
    return values


def channel_options(scenario: ScenarioSpec) -> dict[str, Any]:
    """The channel as plain values: as it was written where that makes a difference."""
    channel = scenario.channel
    as_written = channel.written_defaults_count
    return channel.model_dump(mode="json", exclude_none=True, exclude_unset=as_written)


def sensing_gain(scenario: ScenarioSpec) -> str:
    """The sensing gain, or the default of the scenario's channel."""
    return scenario.sensing.gain or scenario.channel.default_gain


def noise_power(scenario: ScenarioSpec) -> float | list[float]:
    """Noise power of the UEs, or the default of the scenario's channel."""
    given = scenario.noise_power
    return scenario.channel.default_noise if given is None else given


def sensing_noise_power(scenario: ScenarioSpec) -> float | list[float]:
    """Noise power of the radar receivers, or the default of the scenario's channel."""
    given = scenario.sensing.noise_power
    return scenario.channel.default_noise if given is None else given
