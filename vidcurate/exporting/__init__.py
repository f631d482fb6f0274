"""The finished data set on disk: its table, card, files and marker."""
