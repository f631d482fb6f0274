"""Written clips, and the proof that they are right."""
