"""What a scenario says, before anything is drawn, of the quantities that a training covers."""

from sionna_cfisac.beamforming.methods import Network
from sionna_cfisac.beamforming.trained_on import QUANTITIES, Interval
from sionna_cfisac.scenario.schema.resolved import noise_power
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec


def seen_by(
    network: Network, scenario: ScenarioSpec, trained_gain: Interval | None
) -> dict[str, list[float]]:
    """Values of :data:`~sionna_cfisac.beamforming.trained_on.QUANTITIES` that are known.

    Parameters
    ----------
    network : Network
        Trained network of the scenario
    scenario : ScenarioSpec
        A scenario, or a condition of its sweep
    trained_gain : None or (float, float)
        Mean |h|^2 in the training. Of a channel whose own is only known to lie between two ends,
        the one nearer to it counts
    """
    sizes = scenario.network
    seen = {name: [float(getattr(sizes, name))] for name in QUANTITIES if hasattr(sizes, name)}
    seen["sensing_weight"] = [network.weight(scenario.objective.sensing_weight)]
    ends, total = scenario.channel.gain(), _total_power(scenario)
    gain = ends[0] if ends is not None and ends[0] == ends[1] else None
    noise = _noise(scenario, total, gain)
    if noise:
        seen["noise_power"] = noise
    link = scenario.link
    if link is not None and link.snr_db is not None and link.snr_definition == "receive":
        seen["snr"] = [10 ** (link.snr_db / 10)]
    elif gain is not None and noise:
        seen["snr"] = [total * gain * len(noise) / sum(noise)]
    if ends is not None and trained_gain is not None:
        seen["channel_gain"] = [min(max(trained_gain[0], ends[0]), ends[1])]
    return seen


def _total_power(scenario: ScenarioSpec) -> float:
    network, power = scenario.network, scenario.network.ap_power
    if power is None:
        return network.total_power
    return sum(power) if isinstance(power, list) else power * network.num_aps


def _noise(scenario: ScenarioSpec, total: float, gain: float | None) -> list[float]:
    """Noise powers of the UEs, as far as they are known; ``gain`` is the mean |h|^2."""
    link = scenario.link
    if link is None or link.snr_db is None:
        noise = noise_power(scenario)
        return noise if isinstance(noise, list) else [noise]
    received = {"transmit": total, "ap": total / scenario.network.num_aps}
    if gain is not None:
        received["receive"] = total * gain
    snr = 10 ** (link.snr_db / 10)
    return [received[link.snr_definition] / snr] if link.snr_definition in received else []


def judged(network: Network, scenario: ScenarioSpec) -> frozenset[str]:
    """Quantities that are known without a draw; the network need not warn of them again."""
    # whatever the training's gain, the same quantities are known
    return frozenset(seen_by(network, scenario, (1.0, 1.0)))
