"""Questions asked of a data set: search, tune, compare."""
