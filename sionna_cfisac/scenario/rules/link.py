"""What does not fit together in the sections ``link``, ``csi`` and ``detection``."""

from collections.abc import Iterator

from sionna_cfisac.channel.rules import csi_conflicts
from sionna_cfisac.kinds import Conflict, KeyPath
from sionna_cfisac.link.rules import frame_conflicts, group_size
from sionna_cfisac.radio import LEAST_LOSS_DB
from sionna_cfisac.scenario.schema.link import LinkSpec
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.wording import dotted_names


def link_conflicts(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """Everything about link, CSI and detection that does not fit together."""
    if scenario.link is not None:
        yield from _link(scenario, scenario.link)
        yield from _frame(scenario, scenario.link)
    elif not scenario.channel.flat:
        yield Conflict(
            ("channel", "type"),
            f"{scenario.channel.type} is a channel of links: expected the section 'link', or "
            "channel rayleigh or topology",
            (("link",),),
        )
    yield from _csi(scenario)
    yield from _detection(scenario)


def _link(scenario: ScenarioSpec, link: LinkSpec) -> Iterator[Conflict]:
    if not any(measure.of == "link" for measure in scenario.measures):
        yield Conflict(
            ("measure",), "expected bler or ber, which the section 'link' is for", (("link",),)
        )
    if scenario.reference is not None:
        yield Conflict(
            ("reference",),
            "has no effect with a link, whose methods are simulated on different numbers of slots",
            (("link",),),
        )
    if "samples" in scenario.model_fields_set:
        yield Conflict(
            ("samples",), "has no effect with a link: link.stop says how long", (("link",),)
        )
    if link.skip_below is not None and "bler" not in scenario.measure:
        yield Conflict(("link", "skip_below"), "needs the measure bler to decide", (("measure",),))
    if link.snr_db is not None and "noise_power" in scenario.model_fields_set:
        yield Conflict(
            ("link", "snr_db"),
            "expected either link.snr_db or noise_power to say how strong the noise is, got both",
            (("noise_power",),),
        )
    if (
        scenario.channel.placed
        and link.snr_definition != "receive"
        and link.snr_db is not None
        # below it there is nothing to receive
        and link.snr_db < LEAST_LOSS_DB
    ):
        yield Conflict(
            ("link", "snr_definition"),
            f"expected receive on channel {scenario.channel.type}, whose links lose more than "
            f"{LEAST_LOSS_DB:g} dB, or link.snr_db above that, got {link.snr_definition} at "
            f"{link.snr_db:g} dB",
            (("link", "snr_db"), ("channel",)),
        )


_FRAME = (
    "num_subcarriers", "num_ofdm_symbols", "cyclic_prefix_length", "pilot_symbols", "modulation",
)  # fmt: skip
# key of the link -> what its rules depend on
_INPUTS: dict[str, tuple[KeyPath, ...]] = {
    "pilot_symbols": (("link", "num_ofdm_symbols"), ("link", "estimation")),
    "num_subcarriers": (
        ("link", "pilot_symbols"), ("link", "beams_per"), ("network", "num_users")
    ),
    "cyclic_prefix_length": (("link", "num_subcarriers"),),
    "code_rate": tuple(("link", key) for key in _FRAME),
}  # fmt: skip


def _frame(scenario: ScenarioSpec, link: LinkSpec) -> Iterator[Conflict]:
    for where, message in frame_conflicts(
        scenario.network.num_users,
        estimation=link.estimation,
        beams_per=link.beams_per,
        code_rate=link.rate,
        **{key: getattr(link, key) for key in _FRAME},
    ):
        place = where if isinstance(where, tuple) else (where,)
        message = dotted_names(message, "link", ["num_subcarriers", "num_ofdm_symbols"])
        yield Conflict(("link", *place), message, _INPUTS[str(place[0])])


def _csi(scenario: ScenarioSpec) -> Iterator[Conflict]:
    csi = scenario.csi
    if csi is None:
        return
    for where, message in csi_conflicts(csi.error_variance, csi.pilot_snr_db):
        yield Conflict(("csi", where), message, (("csi", "error_variance"),))
    if csi.allow_for_error and scenario.link is not None:
        yield Conflict(
            ("csi", "allow_for_error"),
            "the methods of a link are told the noise power alone; remove this key",
            (("link",),),
        )


def _detection(scenario: ScenarioSpec) -> Iterator[Conflict]:
    measured = any(measure.of == "echoes" for measure in scenario.measures)
    if scenario.detection is None or not measured or scenario.network.num_targets > 1:
        return
    least = _groups(scenario) * scenario.network.num_users
    if scenario.detection.num_symbols < least:
        yield Conflict(
            ("detection", "num_symbols"),
            f"expected at least {least}, a symbol for each stream of each group of subcarriers "
            f"with beams of its own, got {scenario.detection.num_symbols}",
            (("link",), ("channel",), ("network", "num_users")),
        )


def _groups(scenario: ScenarioSpec) -> int:
    """Groups of subcarriers that may have beams of their own."""
    link = scenario.link
    if link is None or scenario.channel.flat:
        return 1
    return link.num_subcarriers // group_size(link.num_subcarriers, link.beams_per)
