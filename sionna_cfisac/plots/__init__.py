"""The figures, one a file; use them through :mod:`sionna_cfisac.plotting`."""
