"""Models that judge or embed pictures."""
