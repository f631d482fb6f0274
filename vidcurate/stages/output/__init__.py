"""The finished data set, and the proof of it."""
