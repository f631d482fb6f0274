"""Writes texts of clips and videos, and judges them."""
