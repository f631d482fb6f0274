"""Films to fetch, references to write."""
