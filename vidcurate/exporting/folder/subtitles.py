"""The subtitles of exported clips: their words, in the time of their files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from vidcurate.clips.words import Word, read_words, words_in
from vidcurate.errors import MediaError, UsageError
from vidcurate.media.subtitles.writing import WRITERS, cues_of_words
from vidcurate.records import TRANSCRIPTS
from vidcurate.stage import DatasetView

# Columns of the table that say which part of its video a file shows.
FROM_FILE = ("file_name", "file_start_s", "file_duration_s", "lead_s", "tail_s")
# The columns that name a clip's subtitles, of each format.
SUBTITLE_COLUMNS = tuple(f"{ending}_file_name" for ending in WRITERS)
# Rows come by their videos, so that the words of one are read once for all its clips.
VIDEOS_IN_MEMORY = 2


@dataclass(frozen=True, slots=True)
class ClipSubtitles:
    """The formats in which subtitles are written, and where the words of a video come from.

    `words_of` gives the words of a video by its id, None for one without a transcript.
    """

    formats: tuple[str, ...]
    words_of: Callable[[str], pa.Table | None]

    def texts(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The text of a clip's file in each format, by its ending; none for a clip without words.

        `row` is one of the table of the export. A word is in the clip that holds its middle.
        """
        words = self.words_of(row["video_id"]) if row["file_name"] else None
        if words is None:
            return {}
        start_s = row["file_start_s"] + row["lead_s"]
        end_s = row["file_start_s"] + row["file_duration_s"] - row["tail_s"]
        own = words_in(words, start_s, end_s).to_pylist()
        cues = cues_of_words(
            [moved(word, start_s, end_s, row["file_start_s"]) for word in own],
            end_s - row["file_start_s"],
        )
        return {name: WRITERS[name](cues) for name in self.formats} if cues else {}

    def names(self, rows: Mapping[str, Any]) -> dict[str, pa.Array]:
        """The columns of the table that name the files of clips, null for one without words."""
        keys = ("video_id", *FROM_FILE)
        listed = pa.table({key: rows[key] for key in keys}).to_pylist()
        has_words = [bool(self.texts(row)) for row in listed]
        return {
            f"{ending}_file_name": pa.array(
                [
                    f"{row['file_name'].removesuffix('.mp4')}.{ending}" if has else None
                    for row, has in zip(listed, has_words, strict=True)
                ],
                pa.string(),
            )
            for ending in self.formats
        }


def moved(word: Mapping[str, Any], start_s: float, end_s: float, zero_s: float) -> Word:
    """A word on the clock of a file that begins at `zero_s`, cut to what the file shows."""
    first_s, last_s = max(word["start_s"], start_s), min(word["end_s"], end_s)
    return Word(
        first_s - zero_s, last_s - zero_s, word["word"], word["probability"], word["segment"]
    )


def clip_subtitles(view: DatasetView, formats: tuple[str, ...]) -> ClipSubtitles:
    """The subtitles of a data set's clips, from its transcripts.

    Raises UsageError where the words of a video are gone.
    """
    files = view.files_of(TRANSCRIPTS)
    rows = view.scan(TRANSCRIPTS, ["video_id", "words_file"]).to_pylist()
    names = {row["video_id"]: row["words_file"] for row in rows}

    @lru_cache(maxsize=VIDEOS_IN_MEMORY)
    def words_of(video_id: str) -> pa.Table | None:
        name = names.get(video_id)
        try:
            return None if name is None else read_words(files / name)
        except MediaError as error:
            raise UsageError(f"export.subtitles: {error}") from error

    return ClipSubtitles(formats, words_of)
