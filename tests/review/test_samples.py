from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.reviews import Page, reviewing
from vidcurate.review.samples import verdict_of


def test_a_sample_has_clips_of_each_stratum(page: Page) -> None:
    """Each fate gives clips in proportion, and the list shows the sample alone."""
    drawn = page.post("/api/sample", n=4, by="fate", seed=1)
    assert drawn["sizes"] == {"captioned": 3, "rejected": 2}
    assert len(drawn["clip_ids"]) == 4
    assert sorted(page.ids(f"sample={drawn['sample']}")) == sorted(drawn["clip_ids"])


@pytest.mark.parametrize(
    ("by", "strata"),
    [
        (None, 1),
        ("video", 2),
        ("tag", 1),
        ("quality.sharpness", 4),
        ("motion.still_share", 1),
    ],
)
def test_what_a_sample_is_drawn_by(page: Page, by: str | None, strata: int) -> None:
    """Videos, tags and the quarters of a score are strata; clips without a value are one, too."""
    found = page.post("/api/sample", n=50, by=by)
    assert len(found["sizes"]) == strata
    assert sum(found["sizes"].values()) == len(found["clip_ids"]) == 5


def test_a_sample_of_one_fate(page: Page) -> None:
    """Only clips of the fate are drawn."""
    found = page.post("/api/sample", n=50, fate="captioned")
    assert sorted(found["clip_ids"]) == sorted(page.ids("fate=captioned"))


def test_a_sample_that_makes_no_sense_is_told(reader: Page) -> None:
    """No clips, no such score, no such fate."""
    for values, word in (
        ({"n": 0}, "and not 0"),
        ({"n": 5, "by": "nothing"}, "no score"),
        ({"n": 5, "fate": "exported"}, "no clip to draw"),
        ({"n": "5"}, "whole number"),
    ):
        assert word in reader.post("/api/sample", 400, **values)["error"]
    reader.refused("/api/estimate?sample=01234567", 404)


def test_the_share_of_good_clips_follows_from_verdicts(page: Page) -> None:
    """What is judged counts at once, also of clips whose edges were moved or that were split."""
    drawn = page.post("/api/sample", n=5, by="fate")
    address = f"/api/estimate?sample={drawn['sample']}"
    none = page.get(address)
    assert (none["n"], none["reviewed"], none["share"]) == (5, 0, None)
    first, second, third, fourth, fifth = drawn["clip_ids"]
    page.decide("accept", first)
    page.decide("reject", second)
    moved = page.decide("nudge", third, end_frames=-1)["clip"]["clip_id"]
    page.decide("accept", moved)
    clip = page.get(f"/api/clips/{fourth}")
    middle = (clip["start_s"] + clip["end_s"]) / 2
    parts = page.decide("split", fourth, at_s=middle)["added"]
    page.decide("reject", parts[0]["clip_id"])
    found = page.get(address)
    assert (found["reviewed"], found["good"]) == (3, 2)
    page.decide("reject", parts[1]["clip_id"])
    page.decide("reject", fifth)
    found = page.get(address)
    assert (found["reviewed"], found["good"], found["share"]) == (5, 2, 0.4)
    assert found["low"] == found["high"] == 0.4


def test_a_sample_is_shown_and_counted_as_it_was_drawn(page: Page) -> None:
    """Who stops early has judged a chance part; a clip that was judged out of turn waits."""
    drawn = page.post("/api/sample", n=5, seed=3)
    assert page.ids(f"sample={drawn['sample']}") == drawn["clip_ids"]
    address = f"/api/estimate?sample={drawn['sample']}"
    page.decide("accept", drawn["clip_ids"][2])
    found = page.get(address)
    assert (found["reviewed"], found["ahead"], found["share"]) == (0, 1, None)
    page.decide("reject", drawn["clip_ids"][0])
    assert page.get(address)["reviewed"] == 1
    page.decide("reject", drawn["clip_ids"][1])
    found = page.get(address)
    assert (found["reviewed"], found["good"], found["ahead"]) == (3, 1, 0)


def test_a_sample_outlives_the_server(root: Path) -> None:
    """A sample can be judged on another day, its strata as they were when it was drawn."""
    with reviewing(root) as page:
        drawn = page.post("/api/sample", n=5, by="fate")
        fates = {clip: page.get(f"/api/clips/{clip}")["fate"] for clip in drawn["clip_ids"]}
        page.decide("reject", drawn["clip_ids"][0])
    with reviewing(root) as page:
        found = page.get(f"/api/estimate?sample={drawn['sample']}")
        assert page.ids(f"sample={drawn['sample']}") == drawn["clip_ids"]
    judged = fates[drawn["clip_ids"][0]]
    counts = {s["stratum"]: s["judged"] for s in found["by_stratum"]}
    assert counts == {fate: int(fate == judged) for fate in fates.values()}


def test_a_clip_that_was_nudged_very_often_is_judged_by_its_last_span(page: Page) -> None:
    """However long the chain from the drawn clip to the one that is there."""
    there = page.ids()[0]
    page.decide("accept", there)
    names = [*(f"v-0-{end}" for end in range(1, 3000)), there]
    made = {before: (after,) for before, after in pairwise(names)}
    assert verdict_of(page.served.review.now, names[0], made) is True
