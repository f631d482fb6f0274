"""The reference pages, each made from what it describes."""
