"""Stands in the way of pandas: the command runs as its own install has it, and starts quicker."""

raise ImportError("an install of vidcurate has no pandas")
