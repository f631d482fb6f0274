"""Finds, grades and repairs faults of captions."""
