"""Measurements of pictures that need no model."""
