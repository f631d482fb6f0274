"""Ways to come from keyframes to a text: each a conversation with a model."""
