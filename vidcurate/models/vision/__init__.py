"""Models that classify, read or embed pictures."""
