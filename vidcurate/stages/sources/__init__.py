"""Videos: found, probed, decoded once."""
