"""How the shipped detector is trained."""
