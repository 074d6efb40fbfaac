"""The ways to run a condition or a training."""
