"""Beamformers: callables from a ``ChannelState`` to beams, one file per method.

The names load on first use, because most of them need TensorFlow and the networks do not. Where the
classes are is what ``methods.py`` declares; their types stand in ``__init__.pyi``. Imports go one
way: ``weights``, ``rules`` and ``protocol`` below, then the declarations, then ``theory``, then
``solver`` and ``networks``, then the methods.
"""

import lazy_loader

from sionna_cfisac.beamforming.methods import METHODS

# what is no method
_HOMES: dict[str, list[str]] = {
    "joint": ["OptimizerInfo"],
    "protocol": ["Beamformer"],
    "solver.bound": ["upper_bound"],
}
for _kind in METHODS.own.values():
    _module, _, _name = _kind.home.removeprefix(f"{__name__}.").partition(":")
    _HOMES.setdefault(_module, []).append(_name)

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_HOMES)
