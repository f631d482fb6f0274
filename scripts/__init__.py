"""Programs for those who work on vidcurate."""
