"""The words of a video with their times, on disk, and the part of them that belongs to a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.errors import MediaError
from vidcurate.store.storage import Location
from vidcurate.store.table import arrow_source, write_parquet

SCHEMA = pa.schema(
    [
        pa.field("start_s", pa.float64(), nullable=False),
        pa.field("end_s", pa.float64(), nullable=False),
        pa.field("word", pa.string(), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("segment", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its times on the video's clock, in seconds.

    `word` begins with a space where the text has one, so that words joined are the text.
    `probability` is None where it is not known. `segment` counts the sentences or cues.
    """

    start_s: float
    end_s: float
    word: str
    probability: float | None
    segment: int


def write_words(file: Path, words: Sequence[Word]) -> None:
    """Write the words of a video: columns `start_s`, `end_s`, `word`, `probability`, `segment`."""
    columns = {name: [getattr(word, name) for word in words] for name in SCHEMA.names}
    write_parquet(file, pa.table(columns, schema=SCHEMA))


def read_words(file: Location) -> pa.Table:
    """Read a video's words in the order in which they are said, with the columns of `SCHEMA`.

    Raises MediaError where the file is missing or damaged.
    """
    try:
        return pq.read_table(arrow_source(file))
    except (OSError, pa.ArrowInvalid) as error:
        raise MediaError(
            f"cannot read the words {file.name!r}: transcribe the video again"
        ) from error


def words_of(words: pa.Table) -> list[Word]:
    """Return words of a table as they were written."""
    return [Word(**row) for row in words.to_pylist()]


def words_in(words: pa.Table, start_s: float, end_s: float) -> pa.Table:
    """Return the words whose middle is in a span of time, its end not included.

    So a word that a cut divides is in one of the two clips, and never in both.
    """
    middle_s = (words["start_s"].to_numpy() + words["end_s"].to_numpy()) / 2
    return words.filter(pa.array((middle_s >= start_s) & (middle_s < end_s)))


def spoken_text(words: pa.Table) -> str:
    """Return words as one line of text."""
    return " ".join("".join(words["word"].to_pylist()).split())
