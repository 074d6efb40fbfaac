"""The coded OFDM link: Sionna blocks from bits to bits, with joint precoding by many APs.

The names load on first use, because Sionna takes seconds to import.
"""

import importlib
from typing import Any

_HOMES = {
    "CellFreeOFDMLink": "ofdm_link",
    "CellFreePrecoder": "precoder",
    "Drop": "channels",
    "EchoDecision": "echo_receiver",
    "EchoReceiver": "echo_receiver",
    "ErrorCounts": "error_counts",
    "ErrorSimulation": "monte_carlo",
    "Frame": "frame",
    "ImpulseResponsePool": "impulse_responses",
    "LinkChannel": "channels",
    "LinkDraw": "draw",
    "LinkSignals": "ofdm_link",
    "SionnaChannel": "sionna_channel",
    "StopRule": "error_counts",
    "UrbanChannel": "urban",
    "antenna_samples": "beams",
    "error_rate_interval": "intervals",
    "from_sionna": "convention",
    "noise_powers": "noise",
    "simulate_errors": "monte_carlo",
    "to_sionna": "convention",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module = importlib.import_module(f"sionna_cfisac.link.{_HOMES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'sionna_cfisac.link' has no attribute '{name}'")
