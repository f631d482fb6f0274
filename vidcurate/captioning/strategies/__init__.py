"""Strategies: ways from frames to a text, each a conversation with a model."""
