"""A scenario file as plain data that knows where each value came from, and what can be wrong."""
