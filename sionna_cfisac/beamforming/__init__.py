"""Beamformers: callables from a ``ChannelState`` to beams, one file per method.

The names load on first use, because most of them need TensorFlow and the networks do not.
"""

import importlib
from typing import Any

_HOMES = {
    "ConjugateBeamformer": "conjugate",
    "SensingConjugateBeamformer": "conjugate",
    "RZFBeamformer": "rzf",
    "HeteroGNNBeamformer": "networks.hetero_gnn",
    "DualGNNBeamformer": "networks.dual_gnn",
    "ClosedFormDualBeamformer": "closed_form_dual",
    "NullspaceSensingBeamformer": "nullspace",
    "WMMSEBeamformer": "joint",
    "JointBeamformer": "joint",
    "OptimizerInfo": "joint",
    "upper_bound": "solver.bound",
    "Beamformer": "protocol",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module = importlib.import_module(f"sionna_cfisac.beamforming.{_HOMES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'sionna_cfisac.beamforming' has no attribute '{name}'")
