"""Numbers about each clip, one table each."""
