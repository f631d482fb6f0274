"""Which clips show the same: candidates, how alike they are and over which part, one to keep."""
