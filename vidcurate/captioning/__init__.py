"""From frames and measurements to text."""
