"""Detectors of shot transitions, on recorded signals."""
