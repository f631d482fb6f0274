"""Videos to fetch, references to write."""
