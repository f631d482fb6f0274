import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_server import Script, serving
from tests.support.pipeline import done, process, rows
from tests.support.s3_server import reached
from tests.support.videos import render
from vidcurate.media.subtitles.files import MAX_BYTES, SubtitleFile, subtitle_files
from vidcurate.records import CAPTIONS, Caption, Source
from vidcurate.store.storage import Remote

SRT = """1
00:00:00,200 --> 00:00:01,800
First words.

2
00:00:04,100 --> 00:00:05,500
Last words.
"""
SCENE = {"title": "T", "shot_type": "wide", "camera_movement": "static", "content": "A shape."}
BASE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "keyframes": {"method": "uniform", "count": 1},
}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running chat server that writes scenes."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Script(say=lambda _body: json.dumps(SCENE))) as script:
        yield script


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A data set of two videos of three clips each; one has subtitles."""
    videos = [render(tmp_path / f"{rate}.mp4", rate=rate, audio=False) for rate in ("24", "25")]
    (tmp_path / "24.en.srt").write_text(SRT, "utf-8")
    process(tmp_path / "out", BASE, *videos)
    return tmp_path / "out"


def write(out: Path, script: Script) -> list[Caption]:
    """The captions by `script`, in the order of time."""
    caption = {"backend": "openai", "model": "eye", "base_url": script.url, "max_retries": 0}
    process(out, {**BASE, "caption": {**caption, "strategy": "script", "backoff_s": 0.001}})
    return sorted(rows(out, CAPTIONS), key=lambda row: (row.video_id, row.frame_times_s))


def voice_overs(captions: list[Caption]) -> list[str | None]:
    """The voice-over of each caption of the video with subtitles."""
    return [
        json.loads(caption.structured or "")["voice_over"]
        for caption in captions
        if caption.subtitles_hash
    ]


def test_each_clip_has_its_own_words(out: Path, script: Script) -> None:
    """Words are cut to the clips of their own video; the other video has none."""
    captions = write(out, script)
    assert voice_overs(captions) == ["First words.", None, "Last words."]
    silent = [caption for caption in captions if caption.subtitles_hash is None]
    assert len(silent) == 3
    asked = "".join(json.dumps(body) for body in script.bodies)
    assert asked.count("First words.") == 1


def test_a_changed_file_is_read_again(out: Path, script: Script) -> None:
    """Only the clips of its video are asked for again, when it changes, goes or comes back."""
    first = write(out, script)
    write(out, script)
    assert len(script.bodies) == 6
    file = out.parent / "24.en.srt"
    file.write_text(SRT.replace("First", "Other"), "utf-8")
    changed = write(out, script)
    assert voice_overs(changed) == ["Other words.", None, "Last words."]
    assert len(script.bodies) == 9
    assert [c for c in changed if not c.subtitles_hash] == [
        c for c in first if not c.subtitles_hash
    ]
    file.unlink()
    assert voice_overs(write(out, script)) == []
    assert len(script.bodies) == 12
    (out.parent / "25.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.500\nNew.\n", "utf-8")
    assert voice_overs(write(out, script)) == ["New.", None, None]
    assert len(script.bodies) == 15


def test_words_of_transcripts_are_told(out: Path, script: Script) -> None:
    """A data set with transcripts has the voice-over from there, a new file again its own clips."""
    process(out, {**BASE, "transcribe": {"backend": "subtitles"}})
    assert voice_overs(write(out, script)) == ["First words.", None, "Last words."]
    write(out, script)
    assert len(script.bodies) == 6
    (out.parent / "24.en.srt").write_text(SRT.replace("First", "Other"), "utf-8")
    assert voice_overs(write(out, script)) == ["Other words.", None, "Last words."]
    assert len(script.bodies) == 9
    (out.parent / "25.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.900\nOne two.\n", "utf-8")
    found = voice_overs(write(out, script))
    assert {*found} == {"Other words.", None, "Last words.", "One", "two."}
    assert len(script.bodies) == 12


def test_other_strategies_ignore_subtitles(out: Path, script: Script) -> None:
    """A new subtitle file makes no caption anew that does not hear."""
    server = {"backend": "openai", "model": "eye", "base_url": script.url}
    script.say = lambda _body: "A red ball rolls across the grass."
    for _ in range(2):
        process(out, {**BASE, "caption": server})
        (out.parent / "25.srt").write_text(SRT, "utf-8")
    assert len(script.bodies) == 6
    assert {caption.subtitles_hash for caption in rows(out, CAPTIONS)} == {None}


def test_an_odd_file_is_named_in_the_row(out: Path, script: Script) -> None:
    """Skipped cues and a guessed encoding are named in the repairs."""
    odd = "1\n00:00:09 --> later\nLost.\n\n" + SRT.replace("First", "Première")
    (out.parent / "24.en.srt").write_bytes(odd.encode("latin-1"))
    captions = [caption for caption in write(out, script) if caption.subtitles_hash]
    assert voice_overs(captions)[0] == "Première words."
    assert captions[0].repairs == (
        "24.en.srt: not UTF-8, read as cp1252",
        "24.en.srt: cues skipped for unusable times: line 2",
    )


def test_an_unreadable_file_costs_its_own_video(out: Path, script: Script) -> None:
    """Clips whose subtitles are too large fail with the reason; the other video is captioned."""
    with (out.parent / "24.en.srt").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert len(write(out, script)) == 3
    failed = [reason for status, reason in done(out, CAPTIONS).values() if status == "failed"]
    assert failed == ["24.en.srt is too large for subtitles: move it away"] * 3


def source(video_id: str, *paths: Path) -> Source:
    """A video that lies in some places."""
    places = tuple(map(str, paths))
    return Source(video_id, "f", places[0], places, 1, {}, (0,) * len(places), video_id)


def test_files_are_found_beside_any_copy(tmp_path: Path) -> None:
    """A video's other paths are looked at too; folders that are gone, and folders, hold nothing."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "video.srt").write_text(SRT, "utf-8")
    (tmp_path / "a" / "other.srt").mkdir()
    gone, copy = tmp_path / "gone" / "video.mp4", tmp_path / "a" / "video.mp4"
    found = subtitle_files([source("v1", gone, copy), source("v2", tmp_path / "a" / "other.mp4")])
    assert set(found) == {"v1"}
    file = found["v1"]
    assert isinstance(file, SubtitleFile)
    assert len(file.subtitles.cues) == 2


def test_a_file_without_a_cue_is_reported() -> None:
    """Something else under that name gives no words, and says so."""
    assert list(SubtitleFile("a.srt", b"\x00\x01 no subtitles").faults()) == ["a.srt: no cue found"]


def test_files_are_found_in_a_bucket(s3_address: dict[str, str]) -> None:
    """Lookup a video in object storage its subtitles are found and read as on a disk."""
    with reached(s3_address):
        file = Remote("bucket/heard/video.en.vtt")
        file.write_bytes(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n")
        video = Source("v1", "f", "s3://bucket/heard/video.mp4", (), 1, {}, (), "v1")
        found = subtitle_files([video])["v1"]
    assert isinstance(found, SubtitleFile)
    assert [cue.text for cue in found.subtitles.cues] == ["Hello."]
