"""What answers are made of: numbers that JSON has, and errors with their HTTP status."""

import math

from vidcurate.errors import UsageError


class NotFoundError(UsageError):
    """What is asked for is not there, or no longer: 404."""


class ConflictError(UsageError):
    """What is asked for cannot be done as things are: 409."""


def number_or_none(value: float | None) -> float | None:
    """A number that JSON has; NaN and infinite ones are None."""
    return float(value) if value is not None and math.isfinite(value) else None
