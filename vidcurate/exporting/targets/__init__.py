"""The forms that an export takes."""
