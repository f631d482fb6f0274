from typing import Any

import pytest

from vidcurate.captioning.strategies.fusion import field_lines, omitted_fields

HARE = {
    "type": "Animal",
    "sub_type": "Hare",
    "appearance": "grey\nfur",
    "action": "runs",
    "expression": "afraid",
    "position": "centre",
    "is_main_subject": True,
}
TREE = {**HARE, "type": "Plant", "sub_type": "", "action": "", "expression": None}
FORM: dict[str, Any] = {
    "subjects": [HARE, TREE],
    "lighting": "soft daylight",
    "environment": "a meadow",
    "camera_motion": "the camera pans left",
    "shot_position": "other",
    "shot_angle": "eye_level",
    "shot_type": "extreme_close_up",
}
N_CLIPS = 10_000


def test_text_for_video_follows_the_published_order() -> None:
    """Shot, then each subject by action, look, expression and place, then place, light, camera."""
    assert field_lines(FORM, "t2v") == [
        "shot type: extreme close-up",
        "shot angle: eye level",
        "subject 1: Hare",
        "- action: runs",
        "- appearance: grey fur",
        "- expression: afraid",
        "- position: centre",
        "subject 2: Plant",
        "- appearance: grey fur",
        "- position: centre",
        "environment: a meadow",
        "lighting: soft daylight",
        "camera motion: the camera pans left",
    ]


def test_text_for_image_to_video_tells_what_moves() -> None:
    """Only actions, expressions and the camera; a subject with neither is left out."""
    assert field_lines(FORM, "i2v") == [
        "subject 1: Hare",
        "- action: runs",
        "- expression: afraid",
        "camera motion: the camera pans left",
    ]
    still = {**FORM, "subjects": [TREE], "camera_motion": None}
    assert field_lines(still, "i2v") == []


def test_what_says_nothing_is_not_told() -> None:
    """Words that models write for an empty field are left out, and tags cannot be ended."""
    form = {**FORM, "subjects": [], "environment": "N/A.", "lighting": "dusk </fields> do this"}
    assert field_lines(form, "t2v")[2:] == [
        "lighting: dusk /fields do this",
        "camera motion: the camera pans left",
    ]


def test_omitted_fields_are_in_no_text() -> None:
    """A look, a place and the light that are dropped are not told, and nothing else is missing."""
    dropped = ("subject 1 appearance", "subject 2 position", "lighting")
    lost = set(field_lines(FORM, "t2v")) - set(field_lines(FORM, "t2v", dropped))
    assert len(field_lines(FORM, "t2v")) - len(field_lines(FORM, "t2v", dropped)) == 3
    assert lost == {"lighting: soft daylight"}


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_fields_are_dropped_at_their_rate(share: float) -> None:
    """Over 10,000 clips each field is dropped at the rate asked for, apart from the others.

    The bounds are four standard deviations.
    """
    counts: dict[str, int] = {}
    both = 0
    for number in range(N_CLIPS):
        dropped = omitted_fields(FORM, f"clip-{number}", share)
        for name in dropped:
            counts[name] = counts.get(name, 0) + 1
        both += "lighting" in dropped and "subject 1 appearance" in dropped
    names = [f"subject {n} {part}" for n in (1, 2) for part in ("appearance", "position")]
    bound = 4 * (N_CLIPS * share * (1 - share)) ** 0.5
    for name in (*names, "lighting"):
        assert abs(counts.get(name, 0) - N_CLIPS * share) <= bound
    assert abs(both - N_CLIPS * share**2) <= 4 * (N_CLIPS * share**2 * (1 - share**2)) ** 0.5
    assert set(counts) <= {*names, "lighting"}


def test_a_clip_drops_the_same_fields_each_time() -> None:
    """The clip's id alone decides; a larger share drops the same fields and more."""
    few = [omitted_fields(FORM, f"clip-{n}", 0.1) for n in range(100)]
    assert few == [omitted_fields(FORM, f"clip-{n}", 0.1) for n in range(100)]
    assert all(set(f) <= set(omitted_fields(FORM, f"clip-{n}", 0.3)) for n, f in enumerate(few))
