"""The folder of an export: its files, what proves them, and what is put aside or uploaded."""
