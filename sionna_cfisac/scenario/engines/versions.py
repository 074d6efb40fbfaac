"""Versions of the software that a result comes from."""

import platform
from importlib.metadata import PackageNotFoundError, version

from sionna_cfisac._version import __version__

_PACKAGES = ("sionna", "tensorflow", "keras", "numpy", "scipy")


def versions(*others: str) -> dict[str, str]:
    """Package -> version, or "not installed"; ``others`` are packages beyond the usual ones."""
    found = {"python": platform.python_version(), "sionna_cfisac": __version__}
    for package in dict.fromkeys([*_PACKAGES, *others]):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
