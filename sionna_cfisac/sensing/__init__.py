"""Multistatic sensing: from the APs' transmit signals to the echoes that they receive."""

from sionna_cfisac.sensing.multistatic import MultistaticChannel

__all__ = ["MultistaticChannel"]
