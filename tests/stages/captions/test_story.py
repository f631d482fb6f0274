from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.chat_server import MODEL, Script, serving
from tests.support.pipeline import DEFAULTS, done, process, rows
from tests.support.videos import render
from vidcurate.errors import UsageError
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import CAPTIONS, KEPT, OUTLINES, STORIES, Story
from vidcurate.stages.output.export_options import ExportConfig

BASE: dict[str, dict[str, Any]] = {"split": {"min_clip_s": 1.0}, "caption": {}}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running chat server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Script()) as script:
        yield script


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A data set of two videos of three clips each, captioned from facts."""
    videos = [render(tmp_path / f"{rate}.mp4", rate=rate, audio=False) for rate in ("24", "25")]
    process(tmp_path / "out", BASE, *videos)
    return tmp_path / "out"


def write_stories(
    out: Path,
    script: Script,
    outline: dict[str, Any] | None = None,
    run_options: RunOptions = DEFAULTS,
    **changes: Any,
) -> list[Story]:
    """Tell the videos through the server; the stories that are live."""
    story = {
        "model": "eye",
        "base_url": script.url,
        "backoff_s": 0.001,
        "max_retries": 0,
        **changes,
    }
    process(out, {**BASE, "outline": outline or {}, "story": story}, run_options=run_options)
    live = {row.outline_id for row in rows(out, OUTLINES)}
    return [row for row in rows(out, STORIES) if row.outline_id in live]


def test_a_video_has_a_text_of_its_own(out: Path, script: Script) -> None:
    """One row a video says what made it; its scenes come from the clips' captions."""
    script.say = lambda body: "video" if "scenes of one video" in str(body) else "scene"
    stories = write_stories(out, script)
    assert len({story.video_id for story in stories}) == 2
    for story in stories:
        assert (story.text, story.status, story.model, story.gaps) == ("video", "ok", MODEL, ())
        assert [(s.start_s, s.end_s, s.text) for s in story.scenes] == [(0.0, 6.0, "scene")]
        assert (story.n_requests, story.prompt_tokens, story.completion_tokens) == (2, 22, 10)
    texts = [caption.text for caption in rows(out, CAPTIONS)]
    asked = str(script.bodies)
    assert all(text in asked for text in texts)


def test_scenes_keep_their_longest_length(out: Path, script: Script) -> None:
    """With short scenes each clip is one with its caption: only the videos are asked for."""
    stories = write_stories(out, script, {"max_scene_s": 2.0})
    assert len(script.bodies) == 2
    captions = {caption.text for caption in rows(out, CAPTIONS)}
    for story in stories:
        assert [(s.start_s, s.end_s) for s in story.scenes] == [(0, 2), (2, 4), (4, 6)]
        assert {scene.text for scene in story.scenes} <= captions
    assert [len(o.scenes) for o in rows(out, OUTLINES)] == [3, 3]


def test_only_videos_whose_captions_changed_are_written_again(out: Path, script: Script) -> None:
    """A second run asks nothing; another filter asks for the videos that lost a clip, and back."""
    before = write_stories(out, script, {"max_scene_s": 2.0})
    assert write_stories(out, script, {"max_scene_s": 2.0}) == before
    assert len(script.bodies) == 2
    lost = rows(out, KEPT)[0]
    rule = f"clips.start_s != {lost.start_s} or clips.video_id != '{lost.video_id}'"
    process(out, {"filter": {"rules": (rule,)}})
    after = write_stories(out, script, {"max_scene_s": 2.0})
    assert len(script.bodies) == 3
    kept = {story.video_id: story for story in before}
    assert sum(kept[story.video_id] == story for story in after) == 1
    [changed] = [story for story in after if story.video_id == lost.video_id]
    assert len(changed.scenes) == 2
    process(out, {"filter": {"rules": ()}})
    assert write_stories(out, script, {"max_scene_s": 2.0}) == before
    assert len(script.bodies) == 3


def test_a_clip_without_a_caption_is_left_out(out: Path, script: Script) -> None:
    """The video is described from the others, and the outline says which clip was left out."""
    server = {"backend": "openai", "model": "eye", "base_url": script.url, "max_retries": 0}
    script.modes = ["400"]
    caption = {**server, "concurrency": 1}
    process(out, {**BASE, "keyframes": {"count": 1}, "caption": caption})
    story = {"model": "eye", "base_url": script.url}
    process(out, {"outline": {"max_scene_s": 2.0}, "story": story})
    assert sorted(len(o.scenes) for o in rows(out, OUTLINES)) == [2, 3]
    assert [r for s, r in done(out, OUTLINES).values() if s == "dropped"] == [
        "the clip has no caption"
    ]


def test_a_video_that_fails_costs_its_own_row(out: Path, script: Script) -> None:
    """The other is written; with retry_failed only the failed one is asked for again."""
    script.modes = ["400"]
    assert len(write_stories(out, script, {"max_scene_s": 2.0}, concurrency=1)) == 1
    assert sorted(status for status, _ in done(out, STORIES).values()) == ["failed", "ok"]
    assert (
        len(
            write_stories(
                out, script, {"max_scene_s": 2.0}, RunOptions(retry_failed=True), concurrency=1
            )
        )
        == 2
    )
    assert len(script.bodies) == 3


def test_a_model_must_be_named(out: Path, script: Script) -> None:
    """Without one nothing runs, and the error says which option to set."""
    with pytest.raises(UsageError, match=r"story\.model"):
        write_stories(out, script, model="")
    assert not script.bodies


def test_prompts_may_be_ones_own(out: Path, script: Script) -> None:
    """Another prompt gives other stories, and the row says which it was."""
    [before, _] = write_stories(out, script, {"max_scene_s": 2.0})
    own = out.parent / "video.txt"
    own.write_text("Tell it: {notes}", "utf-8")
    [after, _] = write_stories(out, script, {"max_scene_s": 2.0}, video_prompt=str(own))
    assert after.prompt_hash != before.prompt_hash
    assert after.text.startswith("Tell it: 0.0 to 2.0 s:")


def test_an_export_has_the_stories_of_present_outlines(out: Path, script: Script) -> None:
    """Videos and films tell of what captions say now; a story of earlier scenes is in neither."""
    script.say = lambda _body: "old"
    write_stories(out, script)
    script.say = lambda _body: "new"
    write_stories(out, script, {"max_scene_s": 2.0})
    assert len(rows(out, STORIES)) == 4
    process(out, {"export": ExportConfig(media="none", films=True).model_dump()})
    folder = out / "export"
    videos, stories, outlines = (
        pq.read_table(folder / name, partitioning=None)
        for name in ("videos", "films/stories", "films/outlines")
    )
    assert videos["story_text"].to_pylist() == stories["text"].to_pylist() == ["new", "new"]
    assert [len(scenes) for scenes in outlines["scenes"].to_pylist()] == [3, 3]
    assert [*outlines["video_id"].to_pylist()] == [*stories["video_id"].to_pylist()]
    card = (folder / "README.md").read_text("utf-8")
    assert "## Columns of outlines" in card
    assert "path: films/stories/train-*.parquet" in card


def test_films_that_are_not_there_are_refused(out: Path) -> None:
    """Before anything is written, an export says which command makes the tables of whole videos."""
    with pytest.raises(
        UsageError, match="no table of whole videos is here yet: `vidcurate outline"
    ):
        process(out, {"export": ExportConfig(media="none", films=True).model_dump()})
    with pytest.raises(UsageError, match="films are tables, which only the target parquet has"):
        process(out, {"export": ExportConfig(target=("jsonl",), films=True).model_dump()})
