"""Models that see and write, wherever they run."""
