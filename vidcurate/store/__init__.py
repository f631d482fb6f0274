"""Tables on disk: written once, read by many, local or in a bucket."""
