import pytest

from vidcurate.captioning.quality.camera_claims import camera_claims, camera_conflicts
from vidcurate.errors import MediaError

STATIC = {"motion": {"camera": "static", "static_share": 1.0}}


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("The camera pans slowly to the left.", {"pan_left"}),
        ("A pan from right to left across the bay.", {"pan_left"}),
        ("The camera pans from the left to the right.", {"pan_right"}),
        ("The camera tilts up and then zooms in.", {"tilt_up", "zoom_in"}),
        ("A slow push in on her face; later it pulls back.", {"zoom_in", "zoom_out"}),
        ("The camera remains completely static.", {"static"}),
        ("Shot with a fixed camera.", {"static"}),
        ("The camera is shake.", {"shake"}),
        ("The camera is roll.", {"roll"}),
        ("Shaky footage of a road.", {"shake"}),
        ("The camera does not pan left.", set()),
        ("Nothing moves. No. The camera pans left.", {"pan_left"}),
        ("The camera isn't static.", set()),
        ("A man walks left past a pan on the stove.", set()),
        ("She turns right and looks up.", set()),
        ("The camera follows a man who goes left.", set()),
        ("She walks to the camera and turns her head to the right.", set()),
        ("A frying pan, left on the table.", set()),
        ("", set()),
    ],
)
def test_claims_of_a_text(text: str, claims: set[str]) -> None:
    """Movements of the camera are found, those of subjects and those denied are not."""
    assert camera_claims(text) == claims


def test_a_conflict_needs_a_plain_measurement() -> None:
    """A claim conflicts where another movement is plain and it was hardly seen itself."""
    claims = "The camera pans left."
    assert camera_conflicts(claims, STATIC) == ("says pan left, measured static for 100%",)
    both = {"motion": {"camera": "static", "static_share": 0.6, "pan_left_share": 0.4}}
    assert camera_conflicts(claims, both) == ()
    unsure = {"motion": {"camera": "static", "static_share": 0.4}}
    assert camera_conflicts(claims, unsure) == ()
    unknown = {"motion": {"camera": "unknown"}}
    assert camera_conflicts(claims, unknown) == ()
    assert camera_conflicts(claims, {}) == ()


def test_a_number_that_is_none_is_refused() -> None:
    """A share that is not a number is an error, not agreement."""
    broken = {"motion": {"camera": "static", "static_share": float("nan")}}
    with pytest.raises(MediaError, match=r"motion\.static_share"):
        camera_conflicts("The camera pans left.", broken)
