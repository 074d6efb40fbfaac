"""Waterfalls as figures, the axes of probabilities and decibels, looks of variants."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.path import Path

from sionna_cfisac.plots import style
from sionna_cfisac.plotting import TIDY_COLUMNS, plot_curves, plot_waterfall

SNR = "link.snr_db"
Point = tuple[float, float, float, float]
"""SNR, rate and its limits."""

RZF = [(0.0, 0.5, 0.45, 0.55), (4.0, 0.2, 0.15, 0.25), (8.0, 0.02, 0.01, 0.04), (12.0, 0, 0, 0.004)]
WMMSE = [(0.0, 0.4, 0.35, 0.45), (4.0, 0, 0, 0.03), (8.0, 0.01, 0, 0.03), (12.0, 0, 0, 0.005)]


def table(
    curves: dict[str, Sequence[Point]], metric: str = "bler", column: str = SNR
) -> pd.DataFrame:
    rows = [
        (at, method, metric, value, low, high, 1000, "1")
        for method, points in curves.items()
        for at, value, low, high in points
    ]
    return pd.DataFrame(rows, columns=[column, *TIDY_COLUMNS])


@pytest.fixture
def two() -> pd.DataFrame:
    # out of order: a figure must not depend on the order of the rows
    return table({"rzf": RZF[::-1], "wmmse": [WMMSE[i] for i in (2, 0, 3, 1)]})


def bars(figure: Figure) -> dict[str, Any]:
    """Lines with error bars by their names."""
    return {c.get_label(): c for c in figure.axes[0].containers}


def arrows(figure: Figure, method: str | None = None) -> list[tuple[float, float, float]]:
    """SNR, limit and distance in points from the SNR's place of each arrow of a method."""
    axes, found = figure.axes[0], []
    color = None if method is None else style.styles([method])[method].color
    for line in axes.lines:
        if isinstance(line.get_marker(), Path) and color in (None, line.get_color()):
            at = line.get_xydata()[0]
            place = line.get_transform().transform(at) - axes.transData.transform(at)
            assert place[1] == pytest.approx(0.0, abs=1e-6)
            found.append((float(at[0]), float(at[1]), float(place[0]) * 72 / figure.dpi))
    return found


def target_lines(figure: Figure) -> list[float]:
    axes = figure.axes[0]
    across = axes.get_yaxis_transform()
    return [line.get_ydata()[0] for line in axes.lines if line.get_transform() == across]


def test_lines_have_gaps_where_there_are_no_errors(two: pd.DataFrame) -> None:
    figure = plot_waterfall(two, SNR, "bler")
    assert figure.axes[0].get_yscale() == "log"
    drawn = {name: bar.lines[0].get_xydata() for name, bar in bars(figure).items()}
    assert list(drawn) == ["RZF", "WMMSE"]
    at = [0.0, 4.0, 8.0, 12.0]
    np.testing.assert_allclose(drawn["RZF"].T, [at, [0.5, 0.2, 0.02, np.nan]])
    np.testing.assert_allclose(drawn["WMMSE"].T, [at, [0.4, np.nan, 0.01, np.nan]])


def test_a_point_that_was_not_simulated_leaves_no_gap() -> None:
    figure = plot_waterfall(table({"rzf": [RZF[0], RZF[2]], "joint": RZF[:3]}), SNR, "bler")
    np.testing.assert_allclose(bars(figure)["RZF"].lines[0].get_xydata(), [(0, 0.5), (8, 0.02)])


def test_bars_are_the_confidence_intervals(two: pd.DataFrame) -> None:
    figure = plot_waterfall(two, SNR, "bler")
    bottom = figure.axes[0].get_ylim()[0]
    for name, points in (("RZF", RZF), ("WMMSE", WMMSE)):
        segments = [s for s in bars(figure)[name].lines[2][0].get_segments() if len(s)]
        seen = [point for point in points if point[1] > 0]
        assert len(segments) == len(seen)
        for segment, (at, _, low, high) in zip(segments, seen, strict=True):
            np.testing.assert_allclose(segment[:, 0], at)
            assert segment[1, 1] == pytest.approx(high, rel=1e-9)
            # a limit of zero is beyond the end of the axis, where a logarithm still exists
            if low > 0:
                assert segment[0, 1] == pytest.approx(low, rel=1e-9)
            else:
                assert 0 < segment[0, 1] < bottom


def test_arrows_are_the_upper_limits(two: pd.DataFrame) -> None:
    figure = plot_waterfall(two, SNR, "bler")
    assert [arrow[:2] for arrow in arrows(figure, "rzf")] == [(12.0, 0.004)]
    assert [arrow[:2] for arrow in arrows(figure, "wmmse")] == [(4.0, 0.03), (12.0, 0.005)]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["RZF", "WMMSE", "No errors: upper limit"]
    # down from the limit: a bar at it, and all else below
    (line,) = (
        entry for entry in figure.axes[0].lines if entry.get_xydata().tolist() == [[4, 0.03]]
    )
    assert line.get_marker().vertices[:, 1].max() == 0.0
    assert line.get_marker().vertices[:, 1].min() < -0.5


def test_without_zeros_there_is_no_arrow() -> None:
    figure = plot_waterfall(table({"rzf": RZF[:3], "wmmse": WMMSE[:1]}), SNR, "bler")
    assert arrows(figure) == []
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["RZF", "WMMSE"]


def test_arrows_at_an_snr_stand_side_by_side() -> None:
    names = ["rzf", "wmmse", "joint"]
    curves = {name: [(0.0, 0.5, 0.4, 0.6), (8.0, 0.0, 0.0, 0.01)] for name in names}
    figure = plot_waterfall(table({**curves, "conjugate": [(16.0, 0.4, 0.3, 0.5)]}), SNR, "bler")
    places = [arrows(figure, name)[0][2] for name in names]
    np.testing.assert_allclose(places, np.array([-1, 0, 1]) * places[2], atol=1e-6)
    # further than a bar of the arrow is long
    assert places[2] > 4.0
    # beside the error bar of another method that they would lie on
    curves["conjugate"] = [(8.0, 0.005, 0.001, 0.009), (16.0, 0.004, 0.003, 0.005)]
    beside = [arrows(plot_waterfall(table(curves), SNR, "bler"), name)[0][2] for name in names]
    np.testing.assert_allclose(beside, np.array([1, 2, 3]) * beside[0], rtol=1e-6)
    assert beside[0] > 4.0
    # and in the middle if it is far above
    curves["conjugate"] = [(8.0, 0.4, 0.3, 0.5), (16.0, 0.3, 0.2, 0.4)]
    assert arrows(plot_waterfall(table(curves), SNR, "bler"), "wmmse")[0][2] == 0.0


def test_arrows_meet_neither_the_next_snr_nor_the_edge() -> None:
    names = ["rzf", "wmmse", "joint", "conjugate"]
    snrs = np.arange(0.0, 20.5, 0.5)
    curves: dict[str, Sequence[Point]] = {name: [(s, 0, 0, 0.01) for s in snrs] for name in names}
    curves["hetero_gnn"] = [(s, 0.01, 0.005, 0.02) for s in snrs]
    figure = plot_waterfall(table(curves), SNR, "bler")
    axes = figure.axes[0]
    left, right = axes.transData.transform([(0.0, 0.1), (0.5, 0.1)])[:, 0] * 72 / figure.dpi
    edge = (axes.bbox.x1 - axes.transData.transform((20.0, 0.1))[0]) * 72 / figure.dpi
    found = arrows(figure)
    assert len(found) == len(names) * len(snrs)
    assert all(0 < place < (right - left) / 2 for _, _, place in found)
    assert max(place for _, _, place in found) < edge
    curves = {name: [(0.0, 0.5, 0.4, 0.6), (20.0, 0.0, 0.0, 0.01)] for name in names}
    curves["hetero_gnn"] = [(20.0, 0.01, 0.005, 0.02)]
    few = arrows(plot_waterfall(table(curves), SNR, "bler"))
    assert 0 < max(place for _, _, place in few) < edge


@pytest.mark.parametrize(
    ("points", "options", "want"),
    [
        # the decade below the smallest rate, and twice the largest
        ([(0, 0.3, 0.2, 0.4), (1, 0.02, 0.01, 0.03)], {}, (0.01, 0.6)),
        ([(0, 0.3, 0.2, 0.4), (1, 0.001, 0.0, 0.03)], {}, (1e-4, 0.6)),
        # which leave no room for an empty decade
        ([(0, 1.0, 0.9, 1.0), (1, 0.3, 0.2, 0.4)], {}, (0.1, 1.3)),
        ([(0, 0.08, 0.06, 0.1), (1, 0.03, 0.02, 0.04)], {"target": 0.0}, (0.01, 0.13)),
        # an upper limit
        ([(0, 0.3, 0.2, 0.4), (1, 0.0, 0.0, 0.003)], {}, (1e-3, 0.6)),
        ([(0, 0.0, 0.0, 0.2)], {"target": 0.0}, (0.1, 0.4)),
        # the target
        ([(0, 0.5, 0.4, 0.6), (1, 0.4, 0.3, 0.5)], {}, (0.1, 1.0)),
        ([(0, 0.5, 0.4, 0.6), (1, 0.4, 0.3, 0.5)], {"target": 1e-3}, (1e-3, 1.0)),
        ([(0, 0.002, 0.001, 0.003)], {}, (1e-3, 0.13)),
    ],
)
def test_axis_ends_at_decades(
    points: list[Point], options: dict[str, float], want: tuple[float, float]
) -> None:
    axes = plot_waterfall(table({"rzf": points}), SNR, "bler", **options).axes[0]
    np.testing.assert_allclose(axes.get_ylim(), want, rtol=1e-9)


@pytest.mark.parametrize(
    ("metric", "target", "want"),
    [("bler", None, [0.1]), ("ber", None, []), ("bler", 0.0, []), ("bler", 0.01, [0.01]),
     ("ber", 1e-4, [1e-4])],
)  # fmt: skip
def test_a_line_marks_the_target(metric: str, target: float | None, want: list[float]) -> None:
    figure = plot_waterfall(table({"rzf": RZF}, metric), SNR, metric, target=target)
    assert target_lines(figure) == want


def test_labels_and_size(two: pd.DataFrame) -> None:
    before = dict(matplotlib.rcParams)
    figure = plot_waterfall(two, SNR, "bler", {SNR: "dB"})
    assert dict(matplotlib.rcParams) == before
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("SNR (dB)", "Block error rate")
    bits = plot_waterfall(two.assign(metric="ber").rename(columns={SNR: "snr_db"}), "snr_db", "ber")
    assert bits.axes[0].get_xlabel() == "SNR (dB)"
    assert bits.axes[0].get_ylabel() == "Bit error rate"
    assert figure.get_figwidth() == 3.5
    assert not figure.legends[0].get_window_extent().overlaps(axes.get_window_extent())
    looks = style.styles(["rzf", "wmmse"])
    for bar, look in zip(bars(figure).values(), looks.values(), strict=True):
        line = bar.lines[0]
        assert (line.get_color(), line.get_marker(), line.get_linestyle()) == look
        assert {to_hex(c) for c in bar.lines[2][0].get_colors()} == {to_hex(look.color)}
        # a marker at the end of the axis is whole
        assert not line.get_clip_on()


def test_a_figure_of_arrows_only() -> None:
    curves = {name: [(at, 0.0, 0.0, 0.02) for at in (-4.0, 6.0)] for name in ("rzf", "wmmse")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_waterfall(table(curves), SNR, "bler")
    assert len(arrows(figure)) == 4
    left, right = figure.axes[0].get_xlim()
    assert -6 < left < -4
    assert 6 < right < 8


@pytest.mark.parametrize(
    ("column", "scale"),
    [("noise_power", "log"), ("link.snr_db", "linear"), ("csi.pilot_snr_db", "linear")],
)
def test_decibels_have_a_linear_axis(column: str, scale: str) -> None:
    points = [(at, 0.5 / at, 0.4 / at, 0.6 / at) for at in (1.0, 2.0, 5.0, 10.0, 20.0)]
    waterfall = plot_waterfall(table({"rzf": points}, column=column), column, "bler")
    curves = plot_curves(table({"rzf": points}, "sum_rate", column), column, "sum_rate")
    assert waterfall.axes[0].get_xscale() == curves.axes[0].get_xscale() == scale


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([0.0, 0.02, 0.5, 1.0], -0.03, 1.03), ([0.9, 0.95, 0.97, 0.99], None, 1.03),
     ([0.01, 0.03, 0.04, 0.05], -0.03, None), ([0.4, 0.42, 0.43, 0.44], None, None)],
)  # fmt: skip
def test_probabilities_end_at_zero_and_one(
    values: list[float], low: float | None, high: float | None
) -> None:
    points = [(at, v, v - 0.1, v + 0.1) for at, v in enumerate(values)]
    got, free = (
        plot_curves(table({"rzf": points}, metric), SNR, metric).axes[0].get_ylim()
        for metric in ("pd_energy", "sum_rate")
    )
    # another metric goes as far as its bands
    assert free[0] < values[0] - 0.1 < values[-1] + 0.1 < free[1]
    assert got == (free[0] if low is None else low, free[1] if high is None else high)


def test_variants_of_networks_look_like_networks_where_they_can() -> None:
    names = ["joint", "wmmse", "hetero_gnn", "hetero_gnn_conditioned"]
    own = style.styles(names)
    one = style.styles(["hetero_gnn", "hetero_gnn_beta2", "joint"])
    assert one["hetero_gnn"] == own["hetero_gnn"]
    assert one["hetero_gnn_beta2"] == own["hetero_gnn_conditioned"]
    both = style.styles(["hetero_gnn_a", "hetero_gnn_b"])
    assert {*both.values()} == {own["hetero_gnn"], own["hetero_gnn_conditioned"]}
    # the third takes one of its own, and so does what only sounds like a network
    more = style.styles([*names, "hetero_gnn_beta2", "hetero_gnnish"])
    assert len({look.color for look in more.values()}) == 6
    assert len({look.marker for look in more.values()}) == 6
    assert style.styles(["hetero_gnnish"])["hetero_gnnish"] not in own.values()


@pytest.mark.parametrize(
    ("column", "label", "value"),
    [
        ("snr_db", "SNR (dB)", "SNR = 3 dB"),
        ("link.snr_db", "SNR (dB)", "SNR = 3 dB"),
        ("csi.pilot_snr_db", "Pilot SNR (dB)", "pilot SNR = 3 dB"),
        ("channel.k_factor_db", "Rician $K$-factor (dB)", "k factor db = 3"),
        ("network.num_aps", "Number of APs $M$ (dB)", "$M$ = 3"),
        ("own.thing", "Thing (dB)", "thing = 3"),
    ],
)
def test_units_of_conditions_are_shown_once(column: str, label: str, value: str) -> None:
    assert style.condition_label(column, "dB") == label
    assert style.condition_value(column, 3.0) == value


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda t: plot_waterfall(t[:0], SNR, "bler"), "df: expected at least one row"),
        (lambda t: plot_waterfall(t.drop(columns="n"), SNR, "bler"), "df: expected the columns"),
        (lambda t: plot_waterfall(t, "snr", "bler"), "x: expected one of .*got 'snr'"),
        (lambda t: plot_waterfall(t, SNR, "ber"), r"metric: expected one of \['bler'\], got 'ber'"),
        (lambda t: plot_waterfall(t.astype({SNR: str}), SNR, "bler"), "x: expected a column of"),
        (lambda t: plot_waterfall(pd.concat([t, t]), SNR, "bler"), "df: expected one row for each"),
        (lambda t: plot_waterfall(t.assign(ci_high=1.1), SNR, "bler"), "df: expected error rates"),
        (lambda t: plot_waterfall(t, SNR, "bler", target=1.0), "target: expected .*, got 1.0"),
        (lambda t: plot_waterfall(t, SNR, "bler", target=-0.1), "target: expected .*, got -0.1"),
        (lambda t: plot_waterfall(t, SNR, "bler", target=np.nan), "target: expected .*, got nan"),
    ],
)
def test_wrong_data(two: pd.DataFrame, draw: Callable[[Any], Figure], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(two)
