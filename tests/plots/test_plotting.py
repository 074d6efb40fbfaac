import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sionna_cfisac import plotting

WEIGHT = "objective.sensing_weight"
JOINT = {0.0: (15.1, 10.1), 1.0: (14.53, 42.9), 5.0: (13.06, 68.0), 10.0: (12.15, 74.6)}
UNITS = {"sum_rate": "bit/s/Hz", "sensing_snr": "linear", "utility": "bit/s/Hz"}


def row(method, metric, value, **conditions):
    tidy = dict(ci_low=value - 0.2, ci_high=value + 0.3, n=200, unit=UNITS[metric])
    return {**conditions, "method": method, "metric": metric, "value": value, **tidy}


@pytest.fixture
def table():
    rows = []
    # out of order: a curve must not depend on the order of the rows
    for weight in (5.0, 0.0, 10.0, 1.0):
        for method, (rate, snr) in {"joint": JOINT[weight], "rzf": (14.94, 10.1)}.items():
            at = {WEIGHT: weight}
            rows.append(row(method, "sum_rate", rate, **at))
            rows.append(row(method, "sensing_snr", snr, **at))
            rows.append(row(method, "utility", rate + weight * np.log2(1 + snr), **at))
        rows.append(row("upper_bound", "utility", 16 + 7 * weight, **at))
    return pd.DataFrame(rows)


def lines(figure):
    """Data of the labelled lines of the first panel by their names in the legend."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown[: len(labels)] == labels
    plain = [h.lines[0] if hasattr(h, "lines") else h for h in handles]
    return dict(zip(labels, plain, strict=True))


def test_tradeoff_draws_curves_and_points(table):
    figure = plotting.plot_tradeoff(table)
    drawn = lines(figure)
    assert set(drawn) == {"Joint optimum", "RZF"}
    np.testing.assert_allclose(drawn["Joint optimum"].get_xydata(), list(JOINT.values()))
    assert drawn["Joint optimum"].get_linestyle() == "-"
    np.testing.assert_allclose(drawn["RZF"].get_xydata(), [(14.94, 10.1)])
    assert drawn["RZF"].get_linestyle() == "None"
    axes = figure.axes[0]
    assert axes.get_xlabel() == "Sum rate (bit/s/Hz)"
    assert axes.get_ylabel() == "Sensing SNR (linear)"


def test_tradeoff_has_bars_of_the_confidence_intervals(table):
    container = plotting.plot_tradeoff(table).axes[0].containers[0]
    horizontal, vertical = (bars.get_segments() for bars in container.lines[2])
    for bar, across, (rate, snr) in zip(horizontal, vertical, JOINT.values(), strict=True):
        np.testing.assert_allclose(bar, [(rate - 0.2, snr), (rate + 0.3, snr)])
        np.testing.assert_allclose(across, [(rate, snr - 0.2), (rate, snr + 0.3)])


def test_tradeoff_names_the_weights_without_overlap(table):
    figure = plotting.plot_tradeoff(table)
    notes = figure.axes[0].texts
    assert {n.get_text() for n in notes} <= {rf"$\beta$ = {w:g}" for w in JOINT}
    assert len(notes) >= 3
    boxes = [n.get_window_extent() for n in notes]
    for index, box in enumerate(boxes):
        assert box.count_overlaps(boxes[:index]) == 0
        for x, y in figure.axes[0].transData.transform(list(JOINT.values())):
            assert not box.contains(x, y)


def test_tradeoff_of_a_grid_has_a_curve_for_each_condition(table):
    more = table.assign(value=table["value"] * 1.2)
    grid = pd.concat(
        [table.assign(**{"network.num_aps": 5}), more.assign(**{"network.num_aps": 8})]
    )
    drawn = lines(plotting.plot_tradeoff(grid))
    assert set(drawn) == {f"{m}, $M$ = {n}" for m in ("Joint optimum", "RZF") for n in (5, 8)}
    np.testing.assert_allclose(
        drawn["Joint optimum, $M$ = 8"].get_xydata(), 1.2 * np.array(list(JOINT.values()))
    )


def test_tradeoff_without_a_sweep_has_points_only(table):
    single = table[table[WEIGHT] == 1.0].drop(columns=WEIGHT)
    drawn = lines(plotting.plot_tradeoff(single))
    assert all(line.get_linestyle() == "None" for line in drawn.values())


def test_curves_have_means_bands_and_the_bound(table):
    figure = plotting.plot_curves(table, WEIGHT, "utility")
    drawn = lines(figure)
    assert set(drawn) == {"Joint optimum", "RZF", "Upper bound"}
    bound = drawn["Upper bound"]
    np.testing.assert_allclose(bound.get_xydata(), [(w, 16 + 7 * w) for w in JOINT])
    assert (bound.get_color(), bound.get_linestyle(), bound.get_marker()) == ("black", "--", "")
    bands = {to_hex(b.get_facecolor()[0][:3]): b for b in figure.axes[0].collections}
    vertices = bands[to_hex("black")].get_paths()[0].vertices
    for weight in JOINT:
        heights = vertices[vertices[:, 0] == weight, 1]
        assert heights.min() == pytest.approx(16 + 7 * weight - 0.2)
        assert heights.max() == pytest.approx(16 + 7 * weight + 0.3)
    assert figure.axes[0].get_xlabel() == r"Sensing weight $\beta$"
    assert figure.axes[0].get_ylabel() == "Utility (bit/s/Hz)"


@pytest.mark.parametrize(
    ("powers", "scale"),
    [([0.01, 0.1, 1.0, 10.0], "log"), ([0.0, 1.0, 2.0, 10.0], "linear"), ([1, 5, 9, 13], "linear")],
)
def test_geometric_sweeps_have_a_logarithmic_axis(powers, scale):
    key = "network.total_power"
    table = pd.DataFrame([row("rzf", "sum_rate", 1.0 + p, **{key: p}) for p in powers])
    axes = plotting.plot_curves(table, key, "sum_rate", {key: "W"}).axes[0]
    assert axes.get_xscale() == scale
    assert axes.get_xlabel() == "Total power $P$ (W)"


def test_coinciding_lines_show_through(table):
    drawn = lines(plotting.plot_curves(table, WEIGHT, "utility"))
    joint, bound = drawn["Joint optimum"], drawn["Upper bound"]
    assert joint.get_markerfacecolor() == "none"
    assert (joint.get_linestyle(), bound.get_linestyle()) == ("-", "--")
    assert bound.get_zorder() > joint.get_zorder()


def test_cdf_is_the_empirical_distribution():
    samples = np.array([3.0, 1.0, 2.0, 2.0])
    figure = plotting.plot_cdf({"wmmse": samples, "my_$own": samples + 1}, "Sum rate (bit/s/Hz)")
    drawn = lines(figure)
    assert set(drawn) == {"WMMSE", r"my \$own"}
    line = drawn["WMMSE"]
    assert line.get_drawstyle() == "steps-post"
    x, y = line.get_xydata().T
    for value in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0):
        below = y[x <= value]
        assert (below[-1] if below.size else 0.0) == np.mean(samples <= value)


def test_beampattern_peaks_where_the_beam_points():
    targets = np.array([[0.5], [-0.3]])
    users = np.array([[0.1, 0.9], [0.0, -1.0]])
    n = np.arange(8)
    # AP 1 radiates 1/5 to its target; AP 2 half of it, in two streams
    beams = np.zeros((2, 2, 8), complex)
    beams[0, 0] = np.exp(1j * np.pi * n * np.sin(0.5)) * np.sqrt(0.2 / 8)
    beams[1, 0] = beams[1, 1] = np.exp(1j * np.pi * n * np.sin(-0.3)) * np.sqrt(0.05 / 8)
    silent = np.zeros((2, 1, 8), complex)
    figure = plotting.plot_beampattern({"joint": beams, "off": silent}, targets, users)
    panels = figure.axes
    assert [ax.get_title() for ax in panels] == ["AP 1", "AP 2"]
    for m, ax in enumerate(panels):
        marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2]
        np.testing.assert_allclose(np.radians(marks), [*targets[m], *users[m]])
        angle, power = next(
            line for line in ax.lines if line.get_label() == "Joint optimum"
        ).get_data()
        assert np.radians(angle[power.argmax()]) == pytest.approx(targets[m, 0], abs=0.005)
        # all power coherent over eight antennas: 0.2 * 8 and 0.1 * 8
        expected = 10 * np.log10([1.6, 0.8][m])
        assert power.max() == pytest.approx(expected, abs=0.02)
        assert np.isfinite(
            next(line for line in ax.lines if line.get_label() == "off").get_ydata()
        ).all()
        # nulls of a uniform line of eight elements: 1/4 apart in the sine
        null = np.degrees(np.arcsin(np.sin(targets[m, 0]) - 0.25))
        assert np.interp(null, angle, power) < expected - 25
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["Joint optimum", "off", "Target", "UE"]


@pytest.mark.parametrize("num_aps", [1, 2, 3, 4, 5, 7, 10])
def test_beampattern_has_a_panel_for_each_ap(num_aps):
    beams = {"rzf": np.ones((num_aps, 2, 4), complex)}
    figure = plotting.plot_beampattern(beams, np.zeros((num_aps, 1)))
    assert [ax.get_title() for ax in figure.axes if ax.axison] == [
        f"AP {m + 1}" for m in range(num_aps)
    ]


def test_beampattern_puts_the_legend_into_a_free_panel():
    beams = {name: np.ones((5, 2, 4), complex) for name in ("rzf", "joint", "wmmse")}
    figure = plotting.plot_beampattern(beams, np.zeros((5, 1)))
    inside = figure.legends[0].get_window_extent()
    assert figure.axes[5].get_window_extent().contains(inside.x0, inside.y0)
    assert figure.axes[5].get_window_extent().contains(inside.x1, inside.y1)


def figures(table):
    yield plotting.plot_tradeoff(table)
    yield plotting.plot_curves(table, WEIGHT, "sensing_snr")
    yield plotting.plot_cdf({"rzf": np.arange(5.0)}, "Sum rate")
    yield plotting.plot_beampattern({"rzf": np.ones((3, 2, 4), complex)}, np.zeros((3, 1)))


def test_size_fonts_and_a_legend_beside_the_data(table):
    before = dict(matplotlib.rcParams)
    for figure in figures(table):
        assert isinstance(figure, Figure)
        assert figure.get_figwidth() == 3.5
        legend = figure.legends[0].get_window_extent()
        texts = [*figure.legends[0].get_texts()]
        for ax in filter(lambda ax: ax.axison, figure.axes):
            assert not legend.overlaps(ax.get_window_extent())
            texts += [ax.xaxis.label, ax.yaxis.label, ax.title, *ax.get_xticklabels()]
        assert {text.get_fontsize() for text in texts} == {8.0}
        assert {text.get_fontfamily()[0] for text in texts} == {"STIXGeneral"}
    assert dict(matplotlib.rcParams) == before


def test_pyplot_keeps_no_figure(table):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    list(figures(table))
    assert pyplot.get_fignums() == before


def test_saved_files(table, tmp_path):
    figure = plotting.plot_tradeoff(table)
    written = plotting.save_figure(figure, tmp_path / "a.b")
    assert [path.name for path in written] == ["a.b.pdf", "a.b.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.b.pdf", "a.b.png"]
    pdf = written[0].read_bytes()
    # TrueType fonts are in the file, and no Type 3 fonts, which publishers refuse
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    image = matplotlib.image.imread(written[1])
    assert image.shape[1] == 1050
    plotting.save_figure(plotting.plot_tradeoff(table), tmp_path / "again")
    assert (tmp_path / "again.pdf").read_bytes() == pdf


def test_a_failed_save_leaves_the_old_file(table, tmp_path, monkeypatch):
    figure = plotting.plot_tradeoff(table)
    (tmp_path / "old.pdf").write_text("old")

    def fail(self, path, **kwargs):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        plotting.save_figure(figure, tmp_path / "old")
    assert [path.name for path in tmp_path.iterdir()] == ["old.pdf"]
    assert (tmp_path / "old.pdf").read_text() == "old"


ONE = np.ones((2, 1, 4), complex)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda t: plotting.plot_tradeoff(t[:0]), "df: expected at least one row"),
        (lambda t: plotting.plot_tradeoff(t.drop(columns="value")), "df: expected the columns"),
        (
            lambda t: plotting.plot_tradeoff(t[t.metric == "sum_rate"]),
            "df: expected one of the met",
        ),
        (lambda t: plotting.plot_tradeoff(t[t.metric == "sensing_snr"]), "got 'sum_rate'"),
        (lambda t: plotting.plot_curves(t[:0], WEIGHT, "utility"), "df: expected at least one row"),
        (lambda t: plotting.plot_curves(t, "beta", "utility"), "x: expected one of .*got 'beta'"),
        (lambda t: plotting.plot_curves(t, WEIGHT, "ber"), "metric: expected one of .*got 'ber'"),
        (
            lambda t: plotting.plot_curves(pd.concat([t, t]), WEIGHT, "utility"),
            "df: expected one row for each",
        ),
        (
            lambda t: plotting.plot_curves(t.astype({WEIGHT: str}), WEIGHT, "utility"),
            "x: expected a column of numbers",
        ),
        (lambda t: plotting.plot_cdf({}, "x"), "values: expected samples"),
        (lambda t: plotting.plot_cdf({"a": []}, "x"), r"values\['a'\]: expected a non-empty"),
        (lambda t: plotting.plot_cdf({"a": [np.nan]}, "x"), r"values\['a'\]: expected"),
        (lambda t: plotting.plot_beampattern({}, [[0.0]]), "beams: expected beams"),
        (lambda t: plotting.plot_beampattern({"a": ONE}, [[0.0]]), r"beams\['a'\]: .*\[1, S, Nt\]"),
        (lambda t: plotting.plot_beampattern({"a": ONE}, [0.0]), "target_angles: expected"),
        (
            lambda t: plotting.plot_beampattern({"a": ONE}, np.zeros((2, 1)), np.zeros((3, 1))),
            "user_angles: expected",
        ),
        (
            lambda t: plotting.plot_beampattern({"a": ONE * np.nan}, np.zeros((2, 1))),
            r"beams\['a'\]: expected finite",
        ),
    ],
)
def test_wrong_data(table, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(table)
