from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.pipeline import process
from tests.support.reviews import Page, reviewing
from vidcurate.analysis.decisions import read_decisions
from vidcurate.analysis.view import require_dataset
from vidcurate.errors import BusyError
from vidcurate.review.serve import serving

FRAME = 512  # ticks, of 24 frames a second


def test_a_verdict_changes_the_fate_at_once(page: Page) -> None:
    """An accepted clip is kept whatever the rules say, a rejected one is not, with the reason."""
    good, _, short = page.ids()[:3]
    kept = page.decide("accept", short)
    assert kept["clip"]["fate"] == "kept"
    assert kept["clip"]["reason"] is None
    lost = page.decide("reject", good, reason="blurred")
    assert (lost["clip"]["fate"], lost["clip"]["reason"]) == ("rejected", "review: blurred")
    assert lost["counts"]["fates"] == {"captioned": 2, "kept": 1, "rejected": 2}
    assert (lost["counts"]["accepted"], lost["counts"]["rejected"]) == (1, 1)
    assert page.ids("verdict=reject") == [good]
    assert page.ids("reviewer=Ada") == [good, short]


def test_words_of_people_stand_in_place_of_the_models(page: Page) -> None:
    """A caption and tags are shown at once, the text before stays, and "" takes it back."""
    clip_id = page.ids()[0]
    before = page.get(f"/api/clips/{clip_id}")["caption"]
    page.decide("caption", clip_id, text=" A test card <b>glows</b> \u202e ")
    page.decide("tags", clip_id, tags=["card", "bright ", "card", ""])
    clip = page.get(f"/api/clips/{clip_id}")
    assert clip["caption"] == "A test card <b>glows</b> \u202e"
    assert (clip["caption_by_review"], clip["caption_before"]) == (True, before)
    assert clip["tags"] == ["card", "bright"]
    assert page.ids("text=GLOWS") == page.ids("tag=card") == [clip_id]
    assert [decision["action"] for decision in clip["history"]] == ["caption", "tags"]
    page.decide("caption", clip_id, text="")
    assert page.get(f"/api/clips/{clip_id}")["caption"] == before


def test_edges_move_to_frames(page: Page) -> None:
    """A nudge counts frames of the film; what was said of the clip is said of the new one."""
    clip_id = page.ids()[1]
    before = page.get(f"/api/clips/{clip_id}")
    page.decide("accept", clip_id)
    page.decide("tags", clip_id, tags=["slow"])
    moved = page.decide("nudge", clip_id, start_frames=-2, end_frames=3)
    assert moved["removed"] == [clip_id]
    clip = page.get(f"/api/clips/{moved['clip']['clip_id']}")
    assert clip["start_pts"] == before["start_pts"] - 2 * FRAME
    assert clip["end_pts"] == before["end_pts"] + 3 * FRAME
    assert clip["n_frames"] == before["n_frames"] + 5
    assert (clip["verdict"], clip["tags"]) == ("accept", ["slow"])
    assert page.ids()[1] == clip["clip_id"]
    assert clip_id in page.refused(f"/api/clips/{clip_id}", 404)
    undone = page.post("/api/undo", reviewer="Ada")
    assert (undone["clip"]["clip_id"], undone["removed"]) == (clip_id, [clip["clip_id"]])


def test_a_replaced_clip_still_has_pictures(page: Page) -> None:
    """Pictures that a page asked for before it knew of a decision come all the same."""
    clip_id = page.ids()[0]
    whole = page.get(f"/api/clips/{clip_id}")
    parts = page.decide("split", clip_id, at_s=whole["start_s"] + 1.01)
    page.post("/api/undo", reviewer="Ada")
    nudged = page.decide("nudge", clip_id, start_frames=2, end_frames=0)
    assert nudged["removed"] == [clip_id]
    for gone in (clip_id, *(row["clip_id"] for row in parts["added"])):
        shown = page.get(f"/api/clips/{gone}/frames?around=start&count=3")
        assert [frame["is_in_clip"] for frame in shown].count(True) >= 2
        assert page.client.get(f"/strip/{gone}.jpg").headers["content-type"] == "image/jpeg"
    assert "x-0-9" in page.refused("/api/clips/x-0-9/frames", 404)


def test_a_clip_in_two_and_together_again(page: Page) -> None:
    """A split begins its second clip with the frame shown at the time; a merge takes it back."""
    clip_id = page.ids()[0]
    whole = page.get(f"/api/clips/{clip_id}")
    parts = page.decide("split", clip_id, at_s=whole["start_s"] + 1.01)
    first, second = (page.get(f"/api/clips/{row['clip_id']}") for row in parts["added"])
    assert (first["start_pts"], second["end_pts"]) == (whole["start_pts"], whole["end_pts"])
    assert first["end_pts"] == second["start_pts"] == whole["start_pts"] + 24 * FRAME
    assert page.ids()[:2] == [first["clip_id"], second["clip_id"]]
    again = page.decide("merge", second["clip_id"], with_clip_id=first["clip_id"])
    assert again["clip"]["clip_id"] == clip_id
    assert again["clip"]["caption"] == whole["caption"][:120]


@pytest.mark.parametrize(
    ("action", "values", "status", "word"),
    [
        ("nudge", {"start_frames": -1000}, 409, "the video has"),
        ("nudge", {"start_frames": 1000}, 409, "at least one"),
        ("nudge", {}, 409, "is there already"),
        ("nudge", {"start_frames": 1.5}, 400, "whole number"),
        ("split", {"at_s": 0.0}, 409, "not inside the clip"),
        ("split", {"at_s": 1e9}, 409, "not inside the clip"),
        ("split", {"at_s": None}, 400, "number of seconds"),
        ("split", {"at_s": 10**400}, 400, "number of seconds"),
        ("merge", {"with_clip_id": "THIRD"}, 409, "no neighbour"),
        ("merge", {}, 400, "with_clip_id"),
        ("accept", {"reviewer": " "}, 400, "reviewer"),
        ("accept", {"reviewer": 7}, 400, "reviewer"),
        ("accept", {"reviewer": "Ada\u202e"}, 400, "cannot be seen"),
        ("caption", {}, 400, "takes the earlier one back"),
        ("caption", {"text": "x" * 20_001}, 400, "at most 20000"),
        ("tags", {"tags": "one"}, 400, "list of texts"),
        ("acept", {}, 400, "did you mean 'accept'"),
    ],
)
def test_what_cannot_be_decided_is_told(
    reader: Page, action: str, values: dict[str, Any], status: int, word: str
) -> None:
    """The error says what, which value and why; nothing is written."""
    first, _, third = reader.ids()[:3]
    asked = {"reviewer": "Ada", "action": action, "clip_id": first, **values}
    if values.get("with_clip_id"):
        asked["with_clip_id"] = third
    assert word in reader.post("/api/decide", status, **asked)["error"]
    assert read_decisions(reader.served.review.dataset) == []


def test_only_ones_own_last_step_is_undone(page: Page) -> None:
    """Each person's steps are undone backwards, unless another decision rests on one."""
    clip_id, other = page.ids()[:2]
    moved = page.decide("nudge", clip_id, end_frames=-1)["clip"]["clip_id"]
    page.decide("reject", moved, reviewer="Bo", reason="dull")
    page.decide("accept", other)
    page.post("/api/undo", reviewer="Ada")
    assert "Bo has decided about" in page.post("/api/undo", 409, reviewer="Ada")["error"]
    page.post("/api/undo", reviewer="Bo")
    page.post("/api/undo", reviewer="Ada")
    assert "nothing to undo" in page.post("/api/undo", 409, reviewer="Ada")["error"]
    assert page.ids()[0] == clip_id


def test_decisions_outlive_the_server(root: Path) -> None:
    """What was decided is there when the review starts again, undone steps are not."""
    with reviewing(root) as page:
        clip_id, other = page.ids()[:2]
        page.decide("reject", clip_id, reason="dull")
        page.decide("nudge", other, start_frames=1)
        page.decide("accept", page.ids()[1])
        page.post("/api/undo", reviewer="Ada")
        clips = page.clips()
    with reviewing(root) as page:
        assert page.clips() == clips
        found = page.get("/api/session")
    assert found["reviewers"] == ["Ada"]
    assert found["reject_reasons"][0] == "dull"


def test_two_browsers_decide_at_once(page: Page) -> None:
    """Decisions of several people at once are all kept, each in one piece."""
    ids = page.ids()

    def decide(number: int) -> None:
        page.decide("tags", ids[number % 5], reviewer=f"r{number}", tags=[str(number)])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(decide, range(40)))
    decided = read_decisions(page.served.review.dataset)
    assert {decision.tags for decision in decided} == {(str(n),) for n in range(40)}
    assert tuple(decided) == page.served.review.now.decisions


def test_a_second_server_is_refused(page: Page) -> None:
    """Two reviews of one data set would not see each other's decisions: the first is named."""
    dataset = page.served.review.dataset
    with pytest.raises(BusyError, match="process"), serving(dataset, None, 0, print):
        pass


def test_the_list_follows_a_run(made: Path, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run beside the review changes the list; decisions about clips that went wait for them."""
    monkeypatch.setattr("vidcurate.review.review.LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr("vidcurate.review.review.REST", 0.0)
    short = page.ids("fate=rejected")[0]
    page.decide("tags", short, tags=["short"])
    root = Path(str(page.served.review.dataset.root))
    process(root, {"split": {"min_clip_s": 1.5}, "filter": {"rules": []}}, made / "films")
    assert len(page.ids()) == 3
    counts = page.get("/api/session")["counts"]
    assert (counts["clips"], counts["reviewed"]) == (3, 0)
    process(root, {"split": {"min_clip_s": 0.5}, "filter": {"rules": []}}, made / "films")
    assert page.ids("tag=short") == [short]


def test_a_change_that_split_took_in_can_be_undone(made: Path, root: Path) -> None:
    """After `split` took a person's span in, undoing it shows the clip that it replaced."""
    with reviewing(root) as page:
        clip_id = page.ids()[0]
        moved = page.decide("nudge", clip_id, end_frames=-4)["clip"]["clip_id"]
    process(root, {"split": {"min_clip_s": 0.5}}, made / "films")
    with reviewing(root) as page:
        assert page.ids()[0] == moved
        page.post("/api/undo", reviewer="Ada")
        assert page.ids()[0] == clip_id
        assert moved not in page.ids()
    assert len(read_decisions(require_dataset(root))) == 2
