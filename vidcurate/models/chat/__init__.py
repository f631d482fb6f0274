"""Models that see and write, on a server or in this process."""
