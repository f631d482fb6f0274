"""What a finished data set looks like to those who read it."""
