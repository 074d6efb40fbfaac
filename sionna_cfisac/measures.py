"""The measures that a scenario can ask for, declared once; imports nothing that is slow to load.

To add one: a function of channels and beams, and a declaration here. See ``docs/develop.md``.
"""

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from sionna_cfisac.kinds import Kinds, imported, in_file
from sionna_cfisac.sensing.detectors import DETECTORS
from sionna_cfisac.wording import closest, show

if TYPE_CHECKING:
    import numpy as np

UPPER_BOUND = "upper_bound"
"""Name of the measure and of the row that holds the bound."""

DETECTION = "pd_"
"""What the names of the detection probabilities start with; the rest names the detector."""


@dataclass(frozen=True)
class Measure:
    """A measure of beams on a channel.

    Parameters
    ----------
    name : str
        What ``measure`` of a scenario and the column ``metric`` of its results say
    unit : str
        Unit of the values in ``results.csv``; "1" for a share or probability
    description : str
        What it is; ``cfisac list`` shows it
    home : callable, "package.module:function" or None
        The function ``(state, f, …) -> [B]`` for channels ``state`` and beams ``f`` [B, M, S, Nt].
        Of :class:`Setting` it gets what its signature names. None where ``of`` is no "channel"
    title : str
        Readable name in figures; by default it follows from the name
    of : "channel" | "echoes" | "link" | "bound" | "reference"
        What it is measured on: a channel, with a link the mean over the subcarriers of a slot; the
        echoes of a whole slot; the errors of a link; all beams that there could be; the utility of
        the method that ``reference`` names
    targets : "any" | "one"
        How many targets it can handle
    """

    name: str
    unit: str
    description: str
    home: Any = None
    title: str = ""
    of: Literal["channel", "echoes", "link", "bound", "reference"] = "channel"
    targets: Literal["any", "one"] = "any"

    def evaluate(self, state: Any, f: Any, setting: "Setting") -> "np.ndarray":
        """Values [B], float64, for channels and beams [B, M, S, Nt].

        Raises
        ------
        ValueError
            If the function gives another shape
        """
        import numpy as np
        from keras import ops

        function = imported(self.home)
        known = inspect.signature(function).parameters
        options = {name: value for name, value in vars(setting).items() if name in known}
        values = np.asarray(ops.convert_to_numpy(function(state, f, **options)), float)
        if values.shape != (f.shape[0],):
            raise ValueError(
                f"{self.name}: expected a value for each of {f.shape[0]} channels, got shape "
                f"{values.shape}"
            )
        return values


@dataclass(frozen=True)
class Setting:
    """What measures may depend on beside channels and beams.

    Attributes
    ----------
    sensing_weight : float
        Weight β of sensing
    num_rx_ant : int
        Receive antennas of each AP
    detection : DetectionSpec or None
        Section ``detection`` of the scenario: ``false_alarm``, ``num_symbols``, ``gain_db``,
        ``swerling``
    """

    sensing_weight: float
    num_rx_ant: int = 8
    detection: Any = None


_METRICS = "sionna_cfisac.metrics"
_VALUES = "sionna_cfisac.channel_values"

_OWN = (
    Measure(
        "bler", "1", "Block error rate of the link, all UEs together",
        title="Block error rate", of="link",
    ),
    Measure(
        "ber", "1", "Bit error rate of the link after decoding, all UEs together",
        title="Bit error rate", of="link",
    ),
    Measure(
        "sum_rate", "bit/s/Hz", "Sum of the UEs' rates, (3)",
        f"{_METRICS}:sum_rate", "Sum rate",
    ),
    Measure(
        "min_rate", "bit/s/Hz", "Rate of the worst UE",
        f"{_VALUES}:min_rate", "Rate of the worst UE",
    ),
    Measure(
        "sensing_snr", "linear", "Sensing SNR (7), mean over the targets",
        f"{_VALUES}:mean_sensing_snr", "Sensing SNR",
    ),
    Measure(
        "sensing_snr_db", "dB", "Sensing SNR (7), mean over the targets, in dB per channel",
        f"{_VALUES}:mean_sensing_snr_db", "Sensing SNR",
    ),
    Measure(
        "sensing_share", "1",
        "Sensing SNR as a share of that of all power sent to the target, mean over the targets",
        f"{_VALUES}:sensing_share", "Share of the largest sensing SNR",
    ),
    Measure(
        "utility", "bit/s/Hz", "Utility (8a): sum rate + sensing_weight * log2(1 + SNR)",
        f"{_METRICS}:utility", "Utility",
    ),
    *(
        Measure(
            f"{DETECTION}{detector.name}", "1",
            f"Detection probability of {detector.description}",
            f"{_VALUES}:{DETECTION}{detector.name}",
            f"Detection prob., {detector.title}", "echoes", "one",
        )
        for detector in DETECTORS.values()
    ),
    Measure(
        "ap_power_max", "power", "Highest transmit power of an AP, in the unit of total_power",
        f"{_VALUES}:max_ap_power", "Highest power of an AP",
    ),
    Measure(
        UPPER_BOUND, "bit/s/Hz",
        "Bound on the utility of any beams: metric utility of a method upper_bound",
        title="Upper bound", of="bound", targets="one",
    ),
)  # fmt: skip


def _accept(name: str, target: Any) -> Measure:
    if not isinstance(target, Measure):
        raise ValueError(f"expected a Measure, got {type(target).__name__}")
    if target.of not in ("channel", "echoes") or target.home is None:
        raise ValueError("expected a Measure of channel or echoes with a function")
    return replace(target, name=target.name or name)


class Measures(Kinds[Measure]):
    """All measures; those that a run adds by itself have names, too."""

    def reserved(self) -> set[str]:
        """Names of measures and of what ``reference`` adds."""
        return {*self.own, UTILITY_SHARE.name, UTILITY_SHARE_P1.name}

    def noted(self, about: dict[str, Any]) -> Measure:
        """A measure without its function, from what was noted of it."""
        measure = Measure(**about)
        return self._loaded.setdefault(measure.name, measure)


MEASURES = Measures("measure", "sionna_cfisac.measures", _OWN, _accept)


class MeasureName(str):
    """The name of a measure as a scenario gives it, with what it stands for."""

    measure: Measure

    @classmethod
    def of(cls, name: str, measure: Measure) -> "MeasureName":
        """The name with its measure."""
        named = cls(name)
        named.measure = measure
        return named


def _entry(name: str, info: ValidationInfo) -> str:
    context = info.context or {}
    if name not in MEASURES.own and not MEASURES.is_external(name):
        names = MEASURES.names()
        near = closest(name, names)
        hint = "" if near is None else f"; did you mean '{near}'?"
        reason = f"expected one of {', '.join(names)}, got {show(name)}{hint}"
    elif context.get("lenient") and in_file(name):
        # nothing is run: what was noted of it is enough to show its results
        about = {"name": name.rpartition(":")[2], "unit": "1", "description": ""}
        return MeasureName.of(name, MEASURES.noted(about | context.get("known", {}).get(name, {})))
    else:
        try:
            return MeasureName.of(name, MEASURES.find(name, context.get("folder")))
        except ValueError as error:
            if context.get("lenient"):
                return MeasureName.of(name, Measure(name, "1", ""))
            reason = str(error)
    raise PydanticCustomError("kind", "{reason}", {"reason": reason})


MeasureEntry = Annotated[str, AfterValidator(_entry)]


def measure_named(name: str) -> Measure:
    """The measure that an entry of ``measure`` stands for."""
    return name.measure if isinstance(name, MeasureName) else MEASURES.own[name]


ERROR_RATES = tuple(measure.name for measure in _OWN if measure.of == "link")
"""Names of the measures that a link is simulated for."""

UTILITY_SHARE = Measure(
    "utility_share", "1", "Ratio of the mean utility to that of the reference",
    title="Utility relative to the reference", of="reference",
)  # fmt: skip
"""What ``reference`` adds: the ratio of the means over the channels."""

UTILITY_SHARE_P1 = Measure(
    "utility_share_p1", "1", "1st percentile over the channels of each channel's own ratio",
    title="1st percentile of the relative utility", of="reference",
)  # fmt: skip
"""What it adds too: the 1st percentile over the channels of each channel's own ratio."""


def measure_of(metric: str) -> Measure | None:
    """The measure behind a metric of a table of results, if it is known in this process."""
    for measure in (UTILITY_SHARE, UTILITY_SHARE_P1):
        if metric == measure.name:
            return measure
    return MEASURES.known(metric)


def unit_of_metric(metric: str) -> str:
    """Unit of a metric."""
    measure = measure_of(metric)
    return "1" if measure is None else measure.unit
