"""Models that classify sound."""
