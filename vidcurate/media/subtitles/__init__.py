"""Subtitle files beside videos."""
