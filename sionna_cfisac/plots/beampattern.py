"""Power over angle that each AP radiates."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from sionna_cfisac.plots import style
from sionna_cfisac.plots.canvas import figure, legend, line_style, spread

_RANGE_DB = 40.0
# lines of a legend that fit into a panel of two columns
_ENTRIES_BESIDE = 9


def plot_beampattern(
    beams: Mapping[str, Any], target_angles: Any, user_angles: Any | None = None
) -> Figure:
    r"""Power over angle that each AP radiates, a panel for each AP.

    .. math:: p_m(\theta) = \sum_s |\mathbf{a}^H(\theta) \mathbf{f}_{ms}|^2

    in dB, for a uniform linear array at half a wavelength, over the upper 40 dB.

    Parameters
    ----------
    beams : dict of method to [M, S, Nt] complex
        Beams of one channel
    target_angles : [M, T] floats
        Angles of the targets from each AP's broadside in radian, marked by black lines
    user_angles : None or [M, U] floats
        Angles of the UEs, marked by grey lines

    Returns
    -------
    Figure
        The figure, 3.5 inches wide

    Raises
    ------
    ValueError
        If there is no method, a shape does not fit, or a value is not finite
    """
    if not beams:
        raise ValueError("beams: expected beams of at least one method, got none")
    targets = _angles(target_angles, None, "target_angles")
    num_aps = len(targets)
    users = None if user_angles is None else _angles(user_angles, num_aps, "user_angles")
    theta = np.linspace(-np.pi / 2, np.pi / 2, 721)
    patterns = {method: _pattern(f, theta, num_aps, method) for method, f in beams.items()}
    top = max(p.max() for p in patterns.values())
    peak = 10.0 * np.log10(top) if top > 0 else 0.0
    floor = peak - _RANGE_DB
    looks = style.styles(patterns)
    columns = 1 if num_aps == 1 else 2 if num_aps <= 6 else 3
    rows = -(-num_aps // columns)
    entries = len(looks) + (1 if users is None else 2)
    height = {1: 1.75, 2: 1.3, 3: 1.15}[columns]
    # an odd number of APs leaves a panel free for the legend
    beside = columns == 2 and num_aps % 2 == 1 and entries <= _ENTRIES_BESIDE
    with figure(0.35 + height * rows, 0 if beside else entries) as fig:
        axes = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for ax in axes[num_aps + beside :]:
            ax.remove()
        for m, ax in enumerate(axes[:num_aps]):
            for angle in targets[m]:
                ax.axvline(np.degrees(angle), color="black", lw=0.9, ls=(0, (4, 2)), zorder=1.5)
            for angle in () if users is None else users[m]:
                ax.axvline(np.degrees(angle), color="0.55", lw=0.9, ls=(0, (1, 1.5)), zorder=1.5)
            for index, (method, pattern) in enumerate(patterns.items()):
                with np.errstate(divide="ignore"):
                    decibel = np.maximum(10.0 * np.log10(pattern[m]), floor)
                ax.plot(
                    np.degrees(theta),
                    decibel,
                    label=style.method_label(method),
                    markevery=spread(
                        len(theta), index, len(patterns), marks=3 if columns > 1 else 6
                    ),
                    **line_style(looks[method]) | {"markersize": 3.0, "linewidth": 0.9},
                )
            ax.set_title(f"AP {m + 1}", pad=2.0)
            ax.tick_params(labelbottom=m + columns >= num_aps)
        axes[0].set_xlim(-90.0, 90.0)
        axes[0].set_ylim(floor, peak + 3.0)
        axes[0].xaxis.set_major_locator(MultipleLocator(90 if columns == 3 else 45))
        axes[0].yaxis.set_major_locator(MultipleLocator(20 if columns == 3 else 10))
        fig.supxlabel("Angle from broadside (degree)", fontsize=style.FONT_SIZE)
        fig.supylabel("Radiated power (dB)", fontsize=style.FONT_SIZE)
        marks = [Line2D([], [], color="black", lw=0.9, ls=(0, (4, 2)), label="Target")]
        if users is not None:
            marks.append(Line2D([], [], color="0.55", lw=0.9, ls=(0, (1, 1.5)), label="UE"))
        legend(fig, axes[0], marks, axes[num_aps] if beside else None)
    return fig


def _pattern(f: Any, theta: np.ndarray, num_aps: int, method: str) -> np.ndarray:
    """Radiated power [M, angles]."""
    f = np.asarray(f)
    if f.ndim != 3 or f.shape[0] != num_aps or 0 in f.shape or not np.isfinite(f).all():
        raise ValueError(
            f"beams[{method!r}]: expected finite values of shape [{num_aps}, S, Nt], "
            f"got shape {f.shape}"
        )
    steering = np.exp(1j * np.pi * np.outer(np.sin(theta), np.arange(f.shape[2])))
    return np.sum(np.abs(np.einsum("gn,msn->msg", steering.conj(), f)) ** 2, axis=1)


def _angles(value: Any, num_aps: int | None, name: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    fits = array.ndim == 2 and array.shape[0] == (num_aps or array.shape[0]) and array.shape[0] > 0
    if not fits or not np.isfinite(array).all():
        raise ValueError(
            f"{name}: expected finite angles of shape [{num_aps or 'M'}, ...], "
            f"got shape {array.shape}"
        )
    return array
