"""What does not fit together in the sections ``link``, ``csi`` and ``detection``."""

from collections.abc import Iterator

from sionna_cfisac.link.code_blocks import segment
from sionna_cfisac.radio import MODULATIONS, RESOURCE_BLOCK
from sionna_cfisac.scenario.channel_specs import SLOT_CHANNELS, PlacedSpec
from sionna_cfisac.scenario.conflict import Conflict
from sionna_cfisac.scenario.link_specs import UNCODED, LinkSpec
from sionna_cfisac.scenario.measures import DETECTION, ERROR_RATES, UPPER_BOUND
from sionna_cfisac.scenario.schema import ScenarioSpec

# what the shortest links of a map lose at the least; below it there is nothing to receive
_LOSS_DB = 50.0


def link_conflicts(scenario: ScenarioSpec) -> Iterator[Conflict]:
    """Everything about link, CSI and detection that does not fit together."""
    if scenario.link is None:
        yield from _without_link(scenario)
    else:
        yield from _link(scenario, scenario.link)
        yield from _frame(scenario, scenario.link)
    yield from _csi(scenario)
    yield from _detection(scenario)


def _without_link(scenario: ScenarioSpec) -> Iterator[Conflict]:
    for index, name in enumerate(scenario.measure):
        if name in ERROR_RATES:
            yield Conflict(("measure", index), f"{name} needs the section 'link'", (("link",),))
    if isinstance(scenario.channel, SLOT_CHANNELS):
        yield Conflict(
            ("channel", "type"),
            f"{scenario.channel.type} is a channel of links: expected the section 'link', or "
            "channel rayleigh or topology",
            (("link",),),
        )


def _link(scenario: ScenarioSpec, link: LinkSpec) -> Iterator[Conflict]:
    rates = [name for name in scenario.measure if name in ERROR_RATES]
    if not rates:
        yield Conflict(
            ("measure",), "expected bler or ber, which the section 'link' is for", (("link",),)
        )
    if UPPER_BOUND in scenario.measure:
        yield Conflict(
            ("measure", scenario.measure.index(UPPER_BOUND)),
            "upper_bound cannot be measured together with a link",
            (("link",),),
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
        isinstance(scenario.channel, PlacedSpec)
        and link.snr_definition != "receive"
        and link.snr_db is not None
        and link.snr_db < _LOSS_DB
    ):
        yield Conflict(
            ("link", "snr_definition"),
            f"expected receive on channel {scenario.channel.type}, whose links lose more than "
            f"{_LOSS_DB:g} dB, or link.snr_db above that, got {link.snr_definition} at "
            f"{link.snr_db:g} dB",
            (("link", "snr_db"), ("channel",)),
        )


def _frame(scenario: ScenarioSpec, link: LinkSpec) -> Iterator[Conflict]:
    pilots = link.pilot_symbols
    for index, symbol in enumerate(pilots):
        if symbol >= link.num_ofdm_symbols:
            yield Conflict(
                ("link", "pilot_symbols", index),
                f"expected an index below link.num_ofdm_symbols {link.num_ofdm_symbols}, "
                f"got {symbol}",
                (("link", "num_ofdm_symbols"),),
            )
        elif symbol in pilots[:index]:
            yield Conflict(("link", "pilot_symbols", index), f"{symbol} is already in the list")
    if link.estimation == "ls" and not pilots:
        yield Conflict(
            ("link", "pilot_symbols"),
            "expected some for estimation: ls, got none",
            (("link", "estimation"),),
        )
    if pilots and link.num_subcarriers < scenario.network.num_users:
        yield Conflict(
            ("link", "num_subcarriers"),
            "expected at least one for the pilots of each of the network.num_users "
            f"{scenario.network.num_users} streams, got {link.num_subcarriers}",
            (("link", "pilot_symbols"), ("network", "num_users")),
        )
    if link.beams_per == "resource_block" and link.num_subcarriers % RESOURCE_BLOCK:
        yield Conflict(
            ("link", "num_subcarriers"),
            f"expected a multiple of {RESOURCE_BLOCK} for beams_per: resource_block, "
            f"got {link.num_subcarriers}",
            (("link", "beams_per"),),
        )
    if link.cyclic_prefix_length > link.num_subcarriers:
        yield Conflict(
            ("link", "cyclic_prefix_length"),
            f"expected at most link.num_subcarriers {link.num_subcarriers}, "
            f"got {link.cyclic_prefix_length}",
            (("link", "num_subcarriers"),),
        )
    try:
        code_blocks(link)
    except ValueError as error:
        key, _, message = str(error).partition(": ")
        yield Conflict(
            ("link", key),
            message,
            tuple(
                ("link", name)
                for name in (
                    "num_subcarriers", "num_ofdm_symbols", "pilot_symbols", "modulation",
                    "code_rate",
                )
            ),
        )  # fmt: skip


def code_blocks(link: LinkSpec) -> tuple[int, int, int]:
    """Code blocks of a UE in a slot, and the coded and information bits of each.

    Raises
    ------
    ValueError
        Naming the key of the link that leaves too few symbols
    """
    symbols = link.num_ofdm_symbols - len(set(link.pilot_symbols))
    return segment(
        link.num_subcarriers * symbols,
        MODULATIONS[link.modulation],
        None if link.code_rate == UNCODED else float(link.code_rate),
    )


def _csi(scenario: ScenarioSpec) -> Iterator[Conflict]:
    csi = scenario.csi
    if csi is not None and csi.error_variance is not None and csi.pilot_snr_db is not None:
        yield Conflict(
            ("csi", "pilot_snr_db"),
            "expected either error_variance or pilot_snr_db, got both",
            (("csi", "error_variance"),),
        )
    if csi is not None and csi.allow_for_error and scenario.link is not None:
        yield Conflict(
            ("csi", "allow_for_error"),
            "the methods of a link are told the noise power alone; remove this key",
            (("link",),),
        )


def _detection(scenario: ScenarioSpec) -> Iterator[Conflict]:
    for index, name in enumerate(scenario.measure):
        if not name.startswith(DETECTION):
            continue
        if scenario.detection is None:
            yield Conflict(
                ("measure", index), f"{name} needs the section 'detection'", (("detection",),)
            )
        elif scenario.network.num_targets > 1:
            yield Conflict(
                ("measure", index),
                f"{name} handles one target, got network.num_targets "
                f"{scenario.network.num_targets}",
                (("network", "num_targets"),),
            )
        elif scenario.detection.num_symbols < _groups(scenario) * scenario.network.num_users:
            yield Conflict(
                ("detection", "num_symbols"),
                f"expected at least {_groups(scenario) * scenario.network.num_users}, a symbol for "
                "each stream of each group of subcarriers with beams of its own, got "
                f"{scenario.detection.num_symbols}",
                (("link",), ("channel",), ("network", "num_users")),
            )


def _groups(scenario: ScenarioSpec) -> int:
    """Groups of subcarriers that may have beams of their own."""
    link = scenario.link
    if link is None or not isinstance(scenario.channel, SLOT_CHANNELS):
        return 1
    sizes = {"subcarrier": 1, "resource_block": RESOURCE_BLOCK, "wideband": link.num_subcarriers}
    return link.num_subcarriers // sizes[link.beams_per]
