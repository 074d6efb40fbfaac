"""The iterative optimiser of the beams, and the bound that certifies what it finds."""
