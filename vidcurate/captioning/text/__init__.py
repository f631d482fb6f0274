"""Cleaning and comparing texts."""
