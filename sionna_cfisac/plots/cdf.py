"""Distribution of a quantity over the channels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sionna_cfisac.plots import style
from sionna_cfisac.plots.canvas import figure, legend, line_style, spread


def plot_cdf(values: Mapping[str, Any], label: str) -> Figure:
    """Empirical distribution of a quantity over the channels.

    Parameters
    ----------
    values : dict of method to [n] floats
        Samples of each method
    label : str
        What the samples are, with unit

    Returns
    -------
    Figure
        The figure, 3.5 inches wide

    Raises
    ------
    ValueError
        If there is no method, or a method has no samples or samples that are not finite
    """
    if not values:
        raise ValueError("values: expected samples of at least one method, got none")
    arrays = {method: np.asarray(v, dtype=float) for method, v in values.items()}
    for method, array in arrays.items():
        if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
            raise ValueError(
                f"values[{method!r}]: expected a non-empty array [n] of finite numbers, "
                f"got shape {array.shape}"
            )
    looks = style.styles(arrays)
    with figure(2.4, len(looks)) as fig:
        ax = fig.add_subplot()
        for index, (method, array) in enumerate(arrays.items()):
            x = np.sort(array)
            y = np.arange(1, len(x) + 1) / len(x)
            # the step from zero to the first sample belongs to the distribution
            ax.plot(
                np.concatenate([x[:1], x]),
                np.concatenate([[0.0], y]),
                drawstyle="steps-post",
                label=style.method_label(method),
                markevery=spread(len(x), index, len(arrays)),
                **line_style(looks[method]),
            )
        ax.set_xlabel(label)
        ax.set_ylabel("Empirical CDF")
        ax.set_ylim(0.0, 1.0)
        legend(fig, ax)
    return fig
