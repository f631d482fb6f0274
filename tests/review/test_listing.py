import pytest

from tests.support.reviews import Page


def test_the_session_says_what_there_is(reader: Page) -> None:
    """Counts, rules, scores with their meaning, videos, and what is missing with its command."""
    found = reader.get("/api/session")
    assert found["counts"]["clips"] == 5
    assert found["counts"]["fates"] == {"captioned": 3, "rejected": 2}
    assert found["counts"]["seconds"]["captioned"] == pytest.approx(6, abs=0.3)
    assert [rule.split()[0] for rule in found["rules"]] == ["quality.sharpness", "clips.duration_s"]
    sharpness = next(s for s in found["scores"] if s["name"] == "quality.sharpness")
    assert sharpness["min"] <= sharpness["max"]
    assert sharpness["unit"]
    assert [video["clips"] for video in found["videos"]] == [3, 2]
    assert found["can_search"] == {"text": False, "like": True}
    assert [lack["table"] for lack in found["missing"]] == ["motion"]


def test_clips_come_in_the_order_of_the_film(reader: Page) -> None:
    """Without a sort clips are in the order of their videos' names and of time, in pages."""
    rows = reader.clips()
    assert [row["video"] for row in rows] == ["a.mp4"] * 3 + ["b <i>.mp4"] * 2
    assert [row["start_s"] for row in rows[:3]] == sorted(row["start_s"] for row in rows[:3])
    page = reader.get("/api/clips?offset=2&limit=2")
    assert (page["total"], page["offset"]) == (5, 2)
    assert [row["clip_id"] for row in page["clips"]] == [row["clip_id"] for row in rows[2:4]]


def test_clips_sorted_by_a_score(reader: Page) -> None:
    """The value by which clips are sorted stands beside each."""
    values = [row["value"] for row in reader.clips("sort=quality.sharpness&desc=1")]
    assert values == sorted(values, reverse=True)
    assert reader.ids("sort=duration_s")[-1] in reader.ids("fate=captioned")


def test_clips_by_what_is_known_of_them(reader: Page) -> None:
    """Fate, video, score, rule and text each choose clips, and together fewer."""
    short = reader.ids("fate=rejected")
    assert len(short) == 2
    assert reader.ids("score=clips.duration_s&max=1.4") == short
    assert reader.ids("rule=clips.duration_s >= 1.5") == short
    video_id = reader.clips()[0]["video_id"]
    assert reader.ids(f"video={video_id}&fate=rejected") == short[:1]
    assert reader.ids("text=B <I>") == reader.ids()[3:]
    assert reader.ids("verdict=accept") == []
    assert len(reader.ids("verdict=none")) == 5


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("fate=keptt", "did you mean 'kept'"),
        ("verdict=maybe", "known are"),
        ("sort=quality.sharpnes", "did you mean 'quality.sharpness'"),
        ("sort=colour", "no score"),
        ("score=videos.container&min=1", "no score"),
        ("rule=quality.sharpness >", "quality.sharpness"),
        ("min=x&score=clips.duration_s", "min must be a number"),
        ("offset=-1", "offset must be a whole number"),
        ("sample=..%2f..", "no sample's id"),
    ],
)
def test_a_query_that_makes_no_sense_is_told(reader: Page, query: str, word: str) -> None:
    """The error names the value, and what there is instead."""
    status = 404 if query.startswith("sample") else 400
    assert word in reader.refused(f"/api/clips?{query}", status)


def test_all_that_is_known_of_a_clip(reader: Page) -> None:
    """Times, scores with limits, rules, pictures, neighbours and the judge's verdict."""
    first, second, third = reader.ids()[:3]
    clip = reader.get(f"/api/clips/{second}")
    assert clip["neighbours_in_video"] == {"previous": first, "next": third}
    assert clip["caption"] == clip["caption_before"] != ""
    assert clip["verdict_of_judge"]["score"] <= 1
    assert [rule["holds"] for rule in clip["rules"]] == [True, True]
    length = next(score for score in clip["scores"] if score["name"] == "clips.duration_s")
    assert length["limit"] == {"condition": "clips.duration_s >= 1.5", "value": 1.5, "holds": True}
    assert len(clip["keyframes"]) == 2
    for url in (clip["strip"], clip["keyframes"][0]["url"]):
        assert reader.client.get(url).content.startswith(b"\xff\xd8")
    short = reader.get(f"/api/clips/{third}")
    assert [rule["holds"] for rule in short["rules"]] == [True, False]
    assert short["reason"] == "clips.duration_s >= 1.5"


def test_clips_most_like_another(reader: Page) -> None:
    """The same shot of another film comes first; words need vectors that know them."""
    _, fractal, bars = reader.ids()[:3]
    answer = reader.get(f"/api/search?like={bars}&top=1")
    found = answer["clips"]
    assert answer["notes"] == []
    assert [row["clip_id"] for row in found] == reader.ids()[4:]
    assert found[0]["score"] > 0.9
    assert "vidcurate embed" in reader.refused("/api/search?text=a rabbit", 409)
    reader.refused(f"/api/search?like={fractal}&text=both", 400)
    reader.refused("/api/search?like=/etc/passwd", 404)
