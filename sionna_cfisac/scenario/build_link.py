"""The link that the section ``link`` of a scenario stands for."""

from typing import Any

from sionna_cfisac.channel import ChannelLayer
from sionna_cfisac.link import CellFreeOFDMLink, LinkChannel, SionnaChannel, UrbanChannel
from sionna_cfisac.scenario.build import make_channel, make_csi
from sionna_cfisac.scenario.channel_specs import PlacedSpec, TDLSpec, UrbanSpec
from sionna_cfisac.scenario.link_specs import UNCODED
from sionna_cfisac.scenario.schema import ScenarioSpec

# what is said of the simulation, not of the link
_ABOUT = {"snr_db", "slots_per_batch", "stop", "skip_below", "code_rate"}


def make_link(scenario: ScenarioSpec) -> CellFreeOFDMLink:
    """The link of a scenario that has one.

    Raises
    ------
    ValueError
        If the link or its channel refuses an argument
    """
    spec = scenario.link
    assert spec is not None
    return CellFreeOFDMLink(
        _channel(scenario),
        csi=make_csi(scenario),
        precision=scenario.precision,
        code_rate=None if spec.code_rate == UNCODED else float(spec.code_rate),
        **spec.model_dump(exclude=_ABOUT),
    )


def _channel(scenario: ScenarioSpec) -> ChannelLayer | LinkChannel:
    spec = scenario.channel
    geometry = make_channel(scenario)
    if isinstance(spec, UrbanSpec):
        known = {"type", *PlacedSpec.geometry}
        options: dict[str, Any] = spec.model_dump(exclude_none=True, exclude=known)
        return UrbanChannel(spec.type, geometry, **options)
    if isinstance(spec, TDLSpec):
        from sionna.phy.channel.tr38901 import TDL

        model = TDL(
            spec.model,
            spec.delay_spread,
            spec.carrier_frequency,
            min_speed=spec.speed,
            num_tx_ant=scenario.network.num_tx_ant,
            precision=scenario.precision,
        )
        return SionnaChannel(model, geometry, time_varying=spec.speed > 0)
    return geometry
