"""Spans of videos, their signals, scenes and frames."""
