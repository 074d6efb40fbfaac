"""A figure at column width, its legend, and writing it to files."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sionna_cfisac.kinds import Look
from sionna_cfisac.plots import style


@contextlib.contextmanager
def figure(height: float, entries: int) -> Iterator[Figure]:
    """A figure with room for its legend, drawn once so that it keeps the style ever after."""
    with matplotlib.rc_context(style.RC):
        size = (style.COLUMN_WIDTH, height + 0.15 * -(-entries // 2))
        fig = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(fig)
        yield fig
        # ticks are made when they are first drawn, with the fonts that hold then
        fig.canvas.draw()


def line_style(look: Look) -> dict[str, Any]:
    """Arguments of a matplotlib line for a style, such that lines that coincide show through."""
    known = look.linestyle in style.GAPS
    return {
        "color": look.color,
        "marker": look.marker,
        "linestyle": look.linestyle,
        "markerfacecolor": "none",
        # what has gaps lies above what has none
        "zorder": 2.0 + 0.1 * (style.GAPS.index(look.linestyle) if known else len(style.GAPS)),
    }


def legend(fig: Figure, ax: Any, more: Sequence[Line2D] = (), cell: Any = None) -> None:
    """One legend above the axes, or in the empty axes ``cell``, where it covers no data."""
    handles, labels = ax.get_legend_handles_labels()
    # of a line with error bars, the line
    handles = [h.lines[0] if isinstance(h, ErrorbarContainer) else h for h in handles]
    handles, labels = [*handles, *more], [*labels, *(str(m.get_label()) for m in more)]
    if cell is not None:
        cell.set_axis_off()
        within = {"bbox_to_anchor": (0.0, 0.0, 1.0, 1.0), "bbox_transform": cell.transAxes}
        fig.legend(handles, labels, loc="center", **within)
    else:
        fig.legend(handles, labels, loc="outside upper center", ncols=min(2, len(labels)))


def spread(size: int, index: int, count: int, marks: int = 6) -> tuple[int, int]:
    """Start and step of the few points to mark, shifted so that markers do not meet."""
    step = max(1, size // marks)
    return max(1, int((index + 0.5) * step / count)), step


def save_figure(fig: Figure, path: str | os.PathLike) -> tuple[Path, Path]:
    """Write a figure as PDF, with embedded fonts, and as PNG with 300 dpi.

    Each file is complete under a temporary name before it takes its place.

    Parameters
    ----------
    fig : Figure
        The figure
    path : path
        Where to, without suffix

    Returns
    -------
    pdf, png : Path
        The files written

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written
    """
    base = Path(path)
    written = []
    for suffix in (".pdf", ".png"):
        target = base.with_name(base.name + suffix)
        draft = base.with_name(f".{base.name}.{os.getpid()}.tmp{suffix}")
        # without its date the file depends on the data alone
        metadata = {"CreationDate": None} if suffix == ".pdf" else None
        try:
            with matplotlib.rc_context(style.RC):
                fig.savefig(draft, metadata=metadata)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
        written.append(target)
    return written[0], written[1]
