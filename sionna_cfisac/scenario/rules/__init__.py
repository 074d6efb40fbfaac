"""What does not fit together, everything at once, in words."""
