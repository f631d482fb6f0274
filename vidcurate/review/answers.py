"""What the server answers where it cannot do what is asked: errors with their HTTP status."""

from vidcurate.errors import UsageError


class NotFoundError(UsageError):
    """What is asked for is not there, or no longer: 404."""


class ConflictError(UsageError):
    """What is asked for cannot be done as things are: 409."""
