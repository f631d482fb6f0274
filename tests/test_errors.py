"""Errors that users act on."""

import pickle

from vidcurate.errors import MissingExtraError


def test_a_missing_extra_reaches_the_driver_as_it_was() -> None:
    """An error that a worker raises is sent to the driver, which tells the same words."""
    raised = MissingExtraError("open_clip_torch", "models")
    reported = pickle.loads(pickle.dumps(raised))  # noqa: S301 - what worker processes do
    assert isinstance(reported, MissingExtraError)
    assert str(reported) == str(raised)
    assert "pip install 'vidcurate[models]'" in str(reported)
