"""Figures at column width: trade-off, curves, error rates, distributions, beam patterns.

Each function returns a figure of its own, without pyplot and its global state, and works where
there is no display.
"""

from sionna_cfisac.plots.beampattern import plot_beampattern
from sionna_cfisac.plots.canvas import save_figure
from sionna_cfisac.plots.cdf import plot_cdf
from sionna_cfisac.plots.curves import plot_curves
from sionna_cfisac.plots.tradeoff import plot_tradeoff
from sionna_cfisac.plots.waterfall import plot_waterfall
from sionna_cfisac.tidy import TIDY_COLUMNS

__all__ = [
    "TIDY_COLUMNS",
    "plot_beampattern",
    "plot_cdf",
    "plot_curves",
    "plot_tradeoff",
    "plot_waterfall",
    "save_figure",
]
