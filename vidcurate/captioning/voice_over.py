"""What is said in a clip and the title of its video, and whether they changed.

A data set with transcripts has all that is said in that table, subtitle files among it. Without
one the subtitle files themselves are read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from vidcurate.clips.words import read_words, spoken_text, words_in
from vidcurate.errors import MediaError
from vidcurate.media.subtitles.cues import words_between
from vidcurate.media.subtitles.files import SubtitleFile, subtitle_files
from vidcurate.records import SOURCES, TRANSCRIPTS, VIDEOS, Caption, Clip, Source, Video
from vidcurate.stage import DatasetView, Workspace
from vidcurate.store.table import Table

MICROSECONDS = 1_000_000
SUBTITLES = "subtitles"
NO_WORDS = (None, None)
TITLE = "title"  # the column of a list that holds the title of a video


@dataclass(frozen=True, slots=True)
class VoiceOver:
    """The words of a clip, "" where nothing is said, and the faults of what they come from.

    `hash` is that of the subtitle file; None for words that a model heard. `source` is the backend
    of `transcribe` that the words come from.
    """

    text: str
    hash: str | None
    faults: tuple[str, ...]
    source: str = SUBTITLES


def title_of(source: Source) -> str | None:
    """The title that a list gives a video; None without one."""
    return source.extra.get(TITLE)


def voice_overs_of(
    clips: Iterable[Clip], workspace: Workspace
) -> dict[str, VoiceOver | MediaError]:
    """The words of each clip of a video that has a transcript or subtitles, by `clip_id`."""
    if workspace.has(TRANSCRIPTS):
        return dict(heard_in(clips, workspace))
    files = subtitle_files(workspace.lookup(SOURCES).values())
    voice_overs: dict[str, VoiceOver | MediaError] = {}
    for clip in (c for c in clips if c.video_id in files):
        file = files[clip.video_id]
        video = workspace.lookup(VIDEOS)[clip.video_id]
        voice_overs[clip.clip_id] = (
            file if isinstance(file, MediaError) else shown_in(clip, file, video)
        )
    return voice_overs


def heard_in(
    clips: Iterable[Clip], workspace: Workspace
) -> Iterator[tuple[str, VoiceOver | MediaError]]:
    """The id and the words of each clip whose video has a transcript."""
    transcripts = workspace.lookup(TRANSCRIPTS)
    tables: dict[str, pa.Table | MediaError] = {}
    for clip in (c for c in clips if c.video_id in transcripts):
        transcript = transcripts[clip.video_id]
        if clip.video_id not in tables:
            try:
                file = workspace.file_of(TRANSCRIPTS, transcript.words_file)
                tables[clip.video_id] = read_words(file)
            except MediaError as error:
                tables[clip.video_id] = error
        words = tables[clip.video_id]
        if isinstance(words, MediaError):
            yield clip.clip_id, words
            continue
        text = spoken_text(words_in(words, clip.start_s, clip.end_s))
        yield (
            clip.clip_id,
            VoiceOver(text, transcript.subtitles_hash, transcript.faults, transcript.backend),
        )


def shown_in(clip: Clip, file: SubtitleFile, video: Video) -> VoiceOver:
    """The subtitles of a clip; they count from the video's start, not its clock's zero."""
    offset_s = video.container_start_us / MICROSECONDS
    text = words_between(file.subtitles.cues, clip.start_s - offset_s, clip.end_s - offset_s)
    return VoiceOver(text, file.hash, tuple(file.faults()))


def told_otherwise(
    view: DatasetView, table: Table[Caption], *, words: bool, title: bool
) -> pa.Array:
    """The clips whose captions in a table were told other words, or another title, than are now."""
    captions = view.scan(table, ["clip_id", "video_id", "words_from", "subtitles_hash", "title"])
    sayings = current_words(view, set(captions["video_id"].to_pylist())) if words else {}
    sources = view.lookup(SOURCES) if title else {}
    titles = {video_id: title_of(source) for video_id, source in sources.items()}
    changed = [
        row["clip_id"]
        for row in captions.to_pylist()
        if (row["words_from"], row["subtitles_hash"]) != sayings.get(row["video_id"], NO_WORDS)
        or row["title"] != titles.get(row["video_id"])
    ]
    return pa.array(changed, pa.string())


def current_words(view: DatasetView, videos: set[str]) -> dict[str, tuple[str | None, str | None]]:
    """Where each video's words come from now, and the hash of its subtitles."""
    if view.has(TRANSCRIPTS):
        found = view.scan(TRANSCRIPTS, ["video_id", "backend", "subtitles_hash"]).to_pylist()
        return {row["video_id"]: (row["backend"], row["subtitles_hash"]) for row in found}
    sources = (s for video_id, s in view.lookup(SOURCES).items() if video_id in videos)
    return {
        video_id: NO_WORDS if isinstance(file, MediaError) else (SUBTITLES, file.hash)
        for video_id, file in subtitle_files(sources).items()
    }
