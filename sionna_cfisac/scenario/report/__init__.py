"""What a user sees of a run: the terminal and the figures."""
