"""Measurements of speed and accuracy, each printed as a table."""
