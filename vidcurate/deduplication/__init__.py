"""Finding clips with the same content, and choosing which to keep."""
