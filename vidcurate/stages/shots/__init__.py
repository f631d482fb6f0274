"""Transitions, and the clips between them."""
