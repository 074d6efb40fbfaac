"""Colours, markers and names of methods and metrics in the figures."""

import matplotlib
import numpy as np
from matplotlib.lines import Line2D

from sionna_cfisac.beamforming.methods import METHODS
from sionna_cfisac.measures import MEASURES, UTILITY_SHARE, UTILITY_SHARE_P1
from sionna_cfisac.plots import canvas, style


def test_styles_are_distinct_and_stable():
    names = ["joint", "wmmse", "rzf", "conjugate", "sensing_conjugate", "nullspace_sensing"]
    names += ["hetero_gnn", "hetero_gnn_conditioned", "upper_bound", "mine", "yours", "theirs"]
    looks = style.styles(names)
    assert list(looks) == names
    assert len(set(looks.values())) == len(names)
    # neither the order nor other methods change the package's own
    assert style.styles(["rzf", "mine"])["rzf"] == looks["rzf"]
    assert style.styles(reversed(names)) == looks
    many = style.styles([f"method {i}" for i in range(40)])
    assert len(set(many.values())) == 40


def test_no_two_methods_of_the_quickstart_share_colour_or_marker():
    names = ["conjugate", "conjugate_equal", "sensing_conjugate", "rzf", "rzf_per_user"]
    names += ["nullspace_sensing", "wmmse", "joint", "hetero_gnn", "upper_bound"]
    names += ["dual_gnn", "closed_form_dual"]
    looks = style.styles(names).values()
    assert len({look.color for look in looks}) == len(names)
    assert len({look.marker for look in looks}) == len(names)


def test_curves_that_lie_on_the_optimum_can_be_told_apart_in_grey():
    names = ["joint", "wmmse", "hetero_gnn", "hetero_gnn_conditioned", "dual_gnn"]
    looks = style.styles(names).values()
    assert len({look.marker for look in looks}) == len(names)
    assert len({look.linestyle for look in looks}) == len(names)
    weights = (0.2126, 0.7152, 0.0722)
    light = sorted(
        np.dot(weights, np.power(matplotlib.colors.to_rgb(look.color), 2.2)) ** (1 / 2.2)
        for look in looks
    )
    assert np.diff(light).min() > 0.05


def test_every_style_can_be_drawn_and_what_has_gaps_lies_above_what_has_none():
    own = [*METHODS.own, *style._MORE]
    looks = style.styles([*own, *(f"method {i}" for i in range(40))])
    lines = {name: canvas.line_style(look) for name, look in looks.items()}
    for line in lines.values():
        Line2D([0, 1], [0, 1], **line)
    lowest = min(line["zorder"] for line in lines.values())
    for name, line in lines.items():
        assert (line["zorder"] == lowest) == (looks[name].linestyle == "-")


def test_every_metric_has_a_label_of_its_own():
    metrics = [*MEASURES.own.values(), UTILITY_SHARE, UTILITY_SHARE_P1]
    labels = [style.metric_label(m.name, m.unit) for m in metrics if m.of != "bound"]
    assert len(set(labels)) == len(metrics) - 1
    assert not any("_" in label for label in labels)
    assert all(m.title for m in metrics)


def test_a_variant_is_named_after_its_method():
    assert style.method_label("hetero_gnn_conditioned") == "GNN (conditioned)"
    assert style.method_label("rzf_per_user") == "RZF (per user)"
    assert style.method_label("sensing_conjugate_2") == "Conjugate (sensing) (2)"
    assert style.method_label("rzfish_x") == "rzfish x"


def test_colours_differ_in_lightness_or_hue_for_dichromats():
    # distances in the projections of Viénot, Brettel and Mollon (1999) for missing L and M cones
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    methods = ["joint", "wmmse", "rzf", "conjugate", "sensing_conjugate", "nullspace_sensing"]
    methods += ["hetero_gnn", "hetero_gnn_conditioned"]
    colors = [matplotlib.colors.to_rgb(s.color) for s in style.styles(methods).values()]
    linear = to_lms @ (np.array(colors).T ** 2.2)
    for simulate in (np.eye(3), protan, deutan):
        seen = np.linalg.solve(to_lms, simulate @ linear).clip(0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, :, None] - seen[:, None, :], axis=0)
        assert (apart + np.eye(len(methods))).min() > 0.1
