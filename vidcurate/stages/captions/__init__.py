"""Texts of clips and videos, and judgements of these texts."""
