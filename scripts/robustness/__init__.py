"""Damage, kills and hostile files."""
