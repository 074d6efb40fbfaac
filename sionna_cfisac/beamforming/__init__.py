"""Beamformers: callables from a ``ChannelState`` to beams, one file per method.

The names load on first use, because most of them need TensorFlow and the networks do not. Their
types stand in ``__init__.pyi``. Imports go one way: ``protocol`` and ``weights`` below, then
``theory``, then ``solver`` and ``networks``, then the methods.
"""

import lazy_loader

# where each public name is
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

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        home: [name for name, place in _HOMES.items() if place == home] for home in _HOMES.values()
    },
)
