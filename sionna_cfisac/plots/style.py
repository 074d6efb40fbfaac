"""How the figures look: size, fonts, one style per method, readable names."""

import zlib
from collections.abc import Iterable

from sionna_cfisac.beamforming.methods import METHODS, Network
from sionna_cfisac.kinds import Look
from sionna_cfisac.measures import MEASURES, UPPER_BOUND, measure_of

COLUMN_WIDTH = 3.5
"""Width of a column of an IEEE journal in inches."""

FONT_SIZE = 8.0
"""Size of all text but annotations in points."""

# The families are named, since a generic one would be looked up in the reader's own settings
RC = {
    "font.family": ["STIXGeneral", "DejaVu Serif"],
    "mathtext.fontset": "stix",
    "font.size": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "xtick.labelsize": FONT_SIZE,
    "ytick.labelsize": FONT_SIZE,
    "legend.fontsize": FONT_SIZE,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 0.9,
    "errorbar.capsize": 1.5,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.3,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "savefig.dpi": 300,
    "text.usetex": False,
    "axes.unicode_minus": True,
}

# Okabe and Ito's palette, told apart by readers with any colour vision; without its yellow, which
# is too light on white, and its black, which is for bounds and directions. For the networks two
# dark colours of Paul Tol's muted palette: printed in grey they stay apart from the optimum, on
# which their curves lie. The methods' own looks, in beamforming/methods.py, are made of it
_COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#332288",
)  # fmt: skip
_MARKERS = ("o", "s", "^", "D", "v", "P", "x", "+")
# for methods that are not the package's own
_MORE_COLORS = ("#666666", "#999933", "#661100")
_MORE_MARKERS = ("<", ">", "p", "h", "*")
_LINES = ("-", "--", "-.", ":")
_DASHES, _DASH_DOTS = (0, (3, 2)), (0, (6, 1, 1, 1, 1, 1))

GAPS = ("-", "--", _DASHES, _DASH_DOTS, "-.", ":")
"""Every line style, from the one without gaps to the one with most of them."""


def _slots(colors: tuple[str, ...], markers: tuple[str, ...]) -> tuple[Look, ...]:
    """Every pair of a colour and a marker, neighbours differing in both."""
    return tuple(
        Look(color, markers[(index + shift) % len(markers)], _LINES[(index + shift) % len(_LINES)])
        for shift in range(len(markers))
        for index, color in enumerate(colors)
    )


_OTHERS = _slots(_MORE_COLORS, _MORE_MARKERS)
_ALL = _OTHERS + _slots(_COLORS + _MORE_COLORS, _MARKERS + _MORE_MARKERS)
# what is no method of its own, but has a look that no other method takes
_MORE = {
    "hetero_gnn_conditioned": Look(_COLORS[7], "+", ":"),
    UPPER_BOUND: Look("black", "", "--"),
}
_CONDITIONS = {
    "objective.sensing_weight": "Sensing weight $\\beta$",
    "network.num_aps": "Number of APs $M$",
    "network.num_users": "Number of UEs $U$",
    "network.num_tx_ant": "Transmit antennas per AP $N_t$",
    "network.num_rx_ant": "Receive antennas per AP $N_r$",
    "network.num_targets": "Number of targets $T$",
    "network.total_power": "Total power $P$",
    "noise_power": "Noise power $\\sigma^2$",
    "sensing.noise_power": "Radar noise power $\\varsigma^2$",
    "channel.k_factor_db": "Rician $K$-factor (dB)",
    "channel.shadowing_std_db": "Standard deviation of the shadowing (dB)",
    "channel.carrier_frequency": "Carrier frequency (Hz)",
    # in any section, or in none
    "snr_db": "SNR (dB)",
    "link.code_rate": "Code rate",
    "detection.false_alarm": "False-alarm probability $P_{fa}$",
    "detection.num_symbols": "Symbols $L$",
    "csi.error_variance": "CSI error variance $\\epsilon^2$",
    "csi.pilot_snr_db": "Pilot SNR (dB)",
    "csi.correlation": "Correlation between blocks $\\rho$",
}
_SYMBOLS = {
    "objective.sensing_weight": "$\\beta$",
    "network.num_aps": "$M$",
    "network.num_users": "$U$",
    "network.num_tx_ant": "$N_t$",
    "network.num_targets": "$T$",
    "network.total_power": "$P$",
    "noise_power": "$\\sigma^2$",
    "sensing.noise_power": "$\\varsigma^2$",
    "snr_db": "SNR",
    "link.code_rate": "rate",
    "detection.false_alarm": "$P_{fa}$",
    "detection.num_symbols": "$L$",
    "csi.error_variance": "$\\epsilon^2$",
    "csi.pilot_snr_db": "pilot SNR",
    "csi.correlation": "$\\rho$",
}


def styles(methods: Iterable[str]) -> dict[str, Look]:
    """Look of each method: the same in every figure, and distinct within one.

    The package's methods have their own. Another takes a place that follows from its name, or the
    next one whose colour and marker, or at least whose look, no other method of the figure has. A
    variant of the networks takes a look of theirs first, which is made to lie on other curves.
    """
    names = list(dict.fromkeys(methods))
    chosen = {name: look for name in names if (look := _own_look(name)) is not None}
    # variants of the networks take the looks of these, too, where they are free
    networks = {name: kind.look for name, kind in METHODS.own.items() if issubclass(kind, Network)}
    for name in sorted(set(names) - set(chosen)):
        start = zlib.crc32(name.encode()) % len(_OTHERS)
        order = _OTHERS[start:] + _OTHERS[:start] + _ALL
        for network, own in networks.items():
            if name.startswith(f"{network}_"):
                also = tuple(look for key, look in _MORE.items() if key.startswith(network))
                order = (*(() if own is None else (own,)), *also, *order)
        taken = chosen.values()
        colors, markers = {look.color for look in taken}, {look.marker for look in taken}
        new = [look for look in order if look not in taken] or list(order)
        chosen[name] = min(new, key=lambda s: (s.color in colors) + (s.marker in markers))
    return {name: chosen[name] for name in names}


def _own_look(method: str) -> Look | None:
    kind = METHODS.known(method)
    return _MORE.get(method) if kind is None else kind.look


def method_label(method: str) -> str:
    """Readable name of a method; a variant's follows from that of its method."""
    kind = METHODS.known(method)
    if kind is not None:
        return kind.title or _plain(method)
    if method == UPPER_BOUND:
        return MEASURES.own[UPPER_BOUND].title
    titles = {name: kind.title for name, kind in METHODS.own.items()}
    for name in sorted(titles, key=len, reverse=True):
        if method.startswith(f"{name}_"):
            return f"{titles[name]} ({_plain(method[len(name) :])})"
    return _plain(method)


def metric_label(metric: str, unit: str) -> str:
    """Readable name of a metric with its unit."""
    measure = measure_of(metric)
    title = "" if measure is None else measure.title
    name = title or _plain(metric[:1].upper() + metric[1:])
    return name if unit in ("", "1", "power") else f"{name} ({unit})"


def condition_label(column: str, unit: str = "") -> str:
    """Readable name of a condition column, with its unit where there is one."""
    last = column.rsplit(".", 1)[-1]
    name = _known(_CONDITIONS, column) or _plain(last[:1].upper() + last[1:])
    return f"{name} ({unit})" if unit and not name.endswith(f"({unit})") else name


def condition_value(column: str, value: object) -> str:
    """A condition as ``symbol = value``, with the unit where a symbol stands for decibels."""
    symbol = _known(_SYMBOLS, column)
    shown = f"{value:g}" if isinstance(value, int | float) else _plain(str(value))
    unit = " dB" if symbol and column.endswith("_db") else ""
    return f"{symbol or _plain(column.rsplit('.', 1)[-1])} = {shown}{unit}"


def _known(names: dict[str, str], column: str) -> str | None:
    return names.get(column) or names.get(column.rsplit(".", 1)[-1])


def _plain(name: str) -> str:
    # a dollar would start a formula, and a leading underscore hides an entry from the legend
    return name.replace("_", " ").replace("$", r"\$").strip()
