"""What a condition leaves behind."""

from dataclasses import dataclass, field

import numpy as np

from sionna_cfisac.scenario.engines.timing import Calls

Values = dict[str, dict[str, np.ndarray]]
"""Method -> metric -> value of every channel or slot."""


@dataclass
class ConditionResult:
    """What a condition leaves behind.

    Attributes
    ----------
    values : dict
        Method -> metric -> [n] values. The error rates of a link are numbers of errors, of blocks
        for ``bler`` and of bits for ``ber``
    calls : dict
        Method -> its calls, with the wall time of each
    overhead : dict
        Wall time that no method took, by its name: the ``link``, without the design of the beams
    beams : dict
        Method -> beams [M, S, Nt] of the first channel
    target_angles : [M, T] array
        Angles of the first channel's targets from broadside in radian; nan with one antenna
    weights : dict
        Place in the scenario of every trained network, and of all code in files -> SHA-256 of it
    """

    values: Values = field(default_factory=dict)
    calls: Calls = field(default_factory=dict)
    overhead: dict[str, float] = field(default_factory=dict)
    beams: dict[str, np.ndarray] = field(default_factory=dict)
    target_angles: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of every method, and of what no method took."""
        methods = {name: sum(call.seconds for call in own) for name, own in self.calls.items()}
        return {**methods, **self.overhead}


def target_angles(a: np.ndarray) -> np.ndarray:
    """Angles from broadside that steering vectors [M, T, Nt] point to, [M, T]."""
    if a.shape[-1] < 2:
        return np.full(a.shape[:2], np.nan)
    return np.arcsin(np.clip(np.angle(a[..., 1] * a[..., 0].conj()) / np.pi, -1.0, 1.0))
