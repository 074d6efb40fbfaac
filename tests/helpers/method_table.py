"""Every beamformer, once, and which of the common properties it lacks.

``tests/beamforming/test_properties.py`` goes through this table; what only one method does is
tested with that method.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from reference_dual import make_dual
from reference_gnn import make_network, make_state

from sionna_cfisac.beamforming import (
    ClosedFormDualBeamformer,
    ConjugateBeamformer,
    JointBeamformer,
    NullspaceSensingBeamformer,
    RZFBeamformer,
    SensingConjugateBeamformer,
    WMMSEBeamformer,
)

NUM_ANT = 6


class Method(NamedTuple):
    make: Callable[[], Any]
    lacks: tuple[str, ...] = ()
    """``antennas``: a unitary matrix before the antennas of an AP, also a permutation, turns its
    beams alike. ``phases``: the phase of a UE or target only turns its own beams. ``scale``: of
    powers and noise only the ratio matters. ``zeros``: beams are finite where no UE hears any AP.
    ``compiling``: nothing to compile that is not in another row, which saves ten seconds.
    """
    tolerance: float = 1e-12
    """Of beams that are equal in theory, in double precision."""
    single: float = 1e-5
    """Of beams in single precision."""


# the paper's network sees real and imaginary parts of channels and absolute powers
SEES_NUMBERS = ("antennas", "phases", "scale")

METHODS = {
    "conjugate": Method(ConjugateBeamformer),
    "conjugate_equal": Method(lambda: ConjugateBeamformer("equal")),
    "sensing_conjugate": Method(SensingConjugateBeamformer),
    "rzf": Method(RZFBeamformer),
    "rzf_per_user": Method(lambda: RZFBeamformer("per_user")),
    "zf": Method(lambda: RZFBeamformer(regularization=0.0), lacks=("zeros",)),
    "nullspace": Method(NullspaceSensingBeamformer),
    # the optimisers stop where the utility is flat
    "nullspace_wmmse": Method(
        lambda: NullspaceSensingBeamformer(WMMSEBeamformer(), 0.2),
        lacks=("compiling",),
        tolerance=1e-10,
    ),
    "wmmse": Method(WMMSEBeamformer, tolerance=1e-10),
    "joint": Method(lambda: JointBeamformer(2.0), tolerance=1e-10),
    "closed_form_dual": Method(
        lambda: ClosedFormDualBeamformer(1.5), lacks=("compiling",), single=1e-4
    ),
    "closed_form_dual_steps": Method(
        lambda: ClosedFormDualBeamformer(1.5, refine=1, polish=2), single=1e-4
    ),
    "dual_gnn": Method(lambda: make_dual(refine=0, polish=0), single=1e-4),
    "dual_gnn_refine": Method(lambda: make_dual(refine=1, polish=0), single=1e-4),
    "dual_gnn_polish": Method(lambda: make_dual(refine=0, polish=2), single=1e-4),
    "hetero_gnn": Method(lambda: make_network(NUM_ANT), lacks=SEES_NUMBERS),
    "hetero_gnn_conditioned": Method(
        lambda: make_network(NUM_ANT, conditioned=True, sensing_weight=1.5), lacks=SEES_NUMBERS
    ),
}


@functools.cache
def beamformer(name: str) -> Any:
    return METHODS[name].make()


@functools.cache
def table_state() -> Any:
    """Twelve channels of four APs and three UEs; do not write into it."""
    return make_state(12, 4, 2, 3, 1, NUM_ANT)


@functools.cache
def table_beams(name: str) -> Any:
    """The beams of a method for the channels of the table, which most properties compare with."""
    return beamformer(name)(table_state())


def methods_with(what: str | None = None) -> pytest.MarkDecorator:
    """Parametrise a test by the names of all methods, or of those with a property."""
    return pytest.mark.parametrize(
        "name", [name for name, method in METHODS.items() if what not in method.lacks]
    )
