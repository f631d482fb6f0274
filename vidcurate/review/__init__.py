"""A local page on which people look at clips and decide."""
