"""The finished data set on disk."""
