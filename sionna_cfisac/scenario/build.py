"""Channels and beamformers that the sections of a scenario stand for."""

from collections.abc import Callable
from typing import Any

from sionna_cfisac import beamforming, channel
from sionna_cfisac.beamforming.weights import read_card
from sionna_cfisac.channel import ChannelLayer, ImperfectCSI
from sionna_cfisac.scenario.base_specs import type_of
from sionna_cfisac.scenario.beamformer_specs import (
    BEAMFORMER_CLASSES,
    BEAMFORMERS,
    BeamformerBase,
    NetworkBase,
    NullspaceSensingSpec,
    PluginSpec,
)
from sionna_cfisac.scenario.channel_specs import SLOT_CHANNELS, PlacedSpec
from sionna_cfisac.scenario.plugins import make_plugin
from sionna_cfisac.scenario.schema import (
    ScenarioSpec,
    noise_power,
    sensing_gain,
    sensing_noise_power,
)
from sionna_cfisac.scenario.weights import find_weights
from sionna_cfisac.state import ChannelState, Tensor

Beamformer = Callable[[ChannelState], Tensor]


def make_channel(scenario: ScenarioSpec) -> ChannelLayer:
    """The channel layer of a scenario; for a channel of links, the one that places everything.

    Raises
    ------
    ValueError
        If the layer refuses its arguments
    """
    network, spec = scenario.network, scenario.channel
    options: dict[str, Any] = spec.model_dump(exclude_none=True, exclude={"type"})
    if isinstance(spec, SLOT_CHANNELS):
        # the rest is for the model of the slot, see build_link.py
        places = spec.geometry if isinstance(spec, PlacedSpec) else ()
        options = {name: value for name, value in options.items() if name in places}
    if scenario.sensing.rcs is not None:
        options["rcs"] = scenario.sensing.rcs
    kind = channel.TopologyChannel if isinstance(spec, PlacedSpec) else channel.CellFreeChannel
    layer: ChannelLayer = kind(
        network.num_aps,
        network.num_users,
        network.num_tx_ant,
        network.num_targets,
        total_power=network.total_power,
        ap_power=network.ap_power,
        noise_power=noise_power(scenario),
        sensing_noise_power=sensing_noise_power(scenario),
        sensing_gain=sensing_gain(scenario),
        dtype=precision_dtype(scenario),
        **options,
    )
    return layer


def make_csi(scenario: ScenarioSpec) -> ImperfectCSI | None:
    """What the transmitters know; None for everything.

    Raises
    ------
    ValueError
        If the layer refuses its arguments
    """
    if scenario.csi is None:
        return None
    return ImperfectCSI(
        **scenario.csi.model_dump(exclude_none=True), dtype=precision_dtype(scenario)
    )


def precision_dtype(scenario: ScenarioSpec) -> str:
    """Real dtype of the scenario's precision."""
    return "float64" if scenario.precision == "double" else "float32"


def make_beamformer(
    spec: BeamformerBase, sensing_weight: float, dtype: str | None = None
) -> Beamformer:
    """The beamformer of an entry.

    Parameters
    ----------
    spec : BeamformerBase
        Entry of ``beamformers``
    sensing_weight : float
        Weight of the scenario, for the methods that have one and whose entry gives none
    dtype : None, "float32" or "float64"
        Precision inside networks, by default their own; the other methods have the channels'

    Returns
    -------
    callable
        ``ChannelState -> f`` [B, M, S, Nt], complex

    Raises
    ------
    ValueError
        If the method refuses its options
    """
    kind: str = getattr(spec, "type")  # noqa: B009
    if isinstance(spec, PluginSpec) and kind not in BEAMFORMERS:
        return make_plugin(kind, spec.arguments, sensing_weight)
    if isinstance(spec, NetworkBase):
        return load_network(spec, sensing_weight, dtype)
    options = spec.model_dump(exclude_none=True, exclude={"type", "label", "communication"})
    if "sensing_weight" in type(spec).model_fields:
        options.setdefault("sensing_weight", sensing_weight)
    if isinstance(spec, NullspaceSensingSpec) and spec.communication is not None:
        options["communication"] = make_beamformer(spec.communication, sensing_weight, dtype)
    beamformer: Beamformer = getattr(beamforming, BEAMFORMER_CLASSES[kind])(**options)
    return beamformer


def load_network(spec: NetworkBase, sensing_weight: float, dtype: str | None = None) -> Beamformer:
    """The trained network of an entry; one that reads the sensing weight is told it.

    Raises
    ------
    ValueError
        If there are no such weights, or they are damaged or of another type
    """
    file = find_weights(spec.weights, sensing_weight)
    kind = getattr(beamforming, BEAMFORMER_CLASSES[str(type_of(spec))])
    options = spec.model_dump(exclude_none=True, exclude={"type", "label", "weights"})
    if kind.conditioned or read_card(file)["architecture"].get("conditioned"):
        options.setdefault("sensing_weight", sensing_weight)
    network: Beamformer = kind.load(file, dtype=dtype, **options)
    return network
