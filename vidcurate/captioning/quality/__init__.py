"""Faults of captions: found, judged, mended."""
