"""From what a user points at to the videos of a data set."""
