"""What the folders of trainers share: clips, metadata as JSON, and the buckets that are in use."""

import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from vidcurate.exporting.layouts.clip_folder import header_facts, rate_text
from vidcurate.exporting.layouts.listing import clip_name
from vidcurate.exporting.target import Bundle, Sample
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

FateOf = Callable[[FileFacts, Training], Fate]


def place_clips(bundle: Bundle) -> Iterator[Sample]:
    """Put each clip into the folder, and yield it."""
    for sample in bundle.samples():
        bundle.place(sample, clip_name(sample))
        yield sample


def facts_of(sample: Sample) -> FileFacts:
    """Return the facts of a clip's file; raises ValueError for a clip without one."""
    if sample.facts is None:
        raise ValueError(f"{sample.stem} has no file")
    return sample.facts


def bucket_of(sample: Sample, training: Training, fate: FateOf) -> Bucket:
    """Return the bucket that a trainer puts a clip into; raises ValueError if it is left out."""
    return taken(sample.stem, fate(facts_of(sample), training))


def taken(stem: str, fate: Fate) -> Bucket:
    """Return the bucket of a clip's fate; raises ValueError if it is left out."""
    if fate.bucket is None:
        raise ValueError(f"{stem}: {fate.reason}")
    return fate.bucket


def first_frames(facts: FileFacts, bucket: Bucket | None, lengths: Iterable[int]) -> Fate:
    """Tell what becomes of a clip of which a bucket takes the first frames, None if none does."""
    n = facts.n_frames
    if bucket is None:
        return Fate("dropped", None, f"{n} frames, fewer than {min(lengths)}: skipped")
    if n > bucket.n_frames:
        return Fate("cut", bucket, f"the first {bucket.n_frames} of {n} frames")
    return Fate("whole", bucket)


def sizes_for(facts: FileFacts, training: Training) -> tuple[Size, ...]:
    """Return the sizes that are trained: the file's own where files keep theirs."""
    return training.sizes or (Size(facts.width, facts.height),)


def sizes_in(bundle: Bundle) -> tuple[Size, ...]:
    """Return the sizes that are trained: those of the files where they keep their own."""
    if bundle.training.sizes:
        return bundle.training.sizes
    facts = map(facts_of, bundle.samples())
    return tuple(sorted({Size(found.width, found.height) for found in facts}))


def buckets_in(bundle: Bundle) -> tuple[Bucket, ...]:
    """Return every size with every length that is trained."""
    lengths = bundle.training.lengths
    return tuple(Bucket(*size, n) for size in sizes_in(bundle) for n in lengths)


@dataclass
class Tally:
    """What was written: clips by bucket, and the rates of their files."""

    buckets: Counter[Bucket] = field(default_factory=Counter)
    rates: set[Fraction] = field(default_factory=set)

    @classmethod
    def of(cls, bundle: Bundle, fate: FateOf) -> "Tally":
        """Count the clips of a folder; raises ValueError for one that the trainer leaves out."""
        tally = cls()
        for sample in bundle.samples():
            tally.add(sample, bucket_of(sample, bundle.training, fate))
        return tally

    def add(self, sample: Sample, bucket: Bucket) -> None:
        """Count a clip."""
        self.buckets[bucket] += 1
        self.rates.add(facts_of(sample).fps)

    @property
    def table(self) -> str:
        """The clips of each size and length, in Markdown."""
        rows = [f"| {b.width}x{b.height} | {b.n_frames} | {n} |" for b, n in self.sorted()]
        return "\n".join(["| size | frames | clips |", "|---|---|---|", *rows])

    @property
    def rate(self) -> str:
        """The rate of the files, or between which their rates are."""
        ends = [rate_text(rate) for rate in (min(self.rates), max(self.rates))]
        return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"

    def sorted(self) -> list[tuple[Bucket, int]]:
        """Return the buckets in order of their size and length, with their clips."""
        return sorted(self.buckets.items())


def read_json_list(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a list; raises ValueError for what is none."""
    rows = json.loads(file.read_text("utf-8"))
    if not isinstance(rows, list):
        raise ValueError(f"{file.name} holds no list")  # noqa: TRY004 - what a trainer refuses
    return [checked_row(row, file) for row in rows]


def checked_row(row: object, file: Path) -> dict[str, Any]:
    """Return a row that is an object; raises ValueError."""
    if not isinstance(row, dict):
        raise ValueError(f"{file.name} holds a row that is no object")  # noqa: TRY004 - the same
    return row


def text_of(row: Mapping[str, Any], key: str) -> str:
    """Return a text of a row; raises ValueError where it is missing or no text."""
    value = row.get(key)
    if not isinstance(value, str):
        raise ValueError(f"no text {key!r} in {row}")  # noqa: TRY004 - what a trainer refuses
    return value


def check_taken(file: Path, training: Training, fate: FateOf) -> Bucket:
    """Return the bucket of a written file; raises ValueError for one that the trainer refuses."""
    return taken(file.stem, fate(header_facts(file), training))


def text_file_fault(caption: str) -> str:
    """Say what changes of a caption in a text file that is read and stripped."""
    if caption != caption.strip():
        return "begins or ends with blanks, which are stripped"
    return "holds a carriage return, which is read as a line feed" if "\r" in caption else ""


def shell_words(*words: object) -> str:
    """Quote words for a shell."""
    return shlex.join(str(word) for word in words)
