"""Writing clip files, and proving that they are right."""
