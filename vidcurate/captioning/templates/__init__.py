"""Captions and phrases made from measurements, without a model."""
