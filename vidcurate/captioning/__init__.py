"""From images to text."""
