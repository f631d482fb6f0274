"""Which clips show the same."""
