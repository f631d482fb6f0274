"""The commands that are no stage, one file each."""
