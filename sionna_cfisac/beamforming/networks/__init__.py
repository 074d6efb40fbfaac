"""Beamformers with trainable weights, for every backend of Keras."""
