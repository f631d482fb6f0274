"""Samples of an export: rows of the table as targets take them, and those that they leave out."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import pyarrow as pa

from vidcurate.exporting.folder.losses import ListedClip
from vidcurate.exporting.layouts.captions import caption_line, safe_stem
from vidcurate.exporting.tables.table import version_texts
from vidcurate.exporting.target import Sample, Target
from vidcurate.exporting.training import Fate, FileFacts, Training

# Rates are fractions such as 30000/1001, told from a file's frames and seconds.
RATE_DENOMINATOR = 1001


def samples_of(pieces: Iterable[pa.Table], target: Target, training: Training) -> Iterator[Sample]:
    """Yield a sample for each row of the table."""
    for piece in pieces:
        for row in piece.to_pylist():
            yield sample_of(row, target, training)


def sample_of(row: Mapping[str, Any], target: Target, training: Training) -> Sample:
    """Make the sample of one row, with what the target does with its file."""
    texts = [caption_line(text) for text in texts_of(row)]
    facts = facts_of(row)
    fate = Fate("whole")
    if target.fate is not None and facts is not None:
        fate = target.fate(facts, training)
    return Sample(
        clip_id=row["clip_id"],
        video_id=row["video_id"],
        stem=safe_stem(row["clip_id"]),
        facts=facts,
        has_audio=bool(row.get("has_audio")),
        caption=caption_line(row["caption"] or ""),
        captions=tuple(dict.fromkeys(text for text in texts if text)),
        fate=fate,
        row=row,
    )


def texts_of(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield all texts about a clip, its caption first; of one that a person wrote, that alone."""
    yield row["caption"] or ""
    if row.get("review_caption"):
        return
    yield row.get("caption_short_text") or ""
    yield row.get("caption_before") or ""
    for candidate in row.get("caption_candidates") or ():
        yield candidate["text"]
    for column in version_texts(row):
        yield row[column] or ""


def facts_of(row: Mapping[str, Any]) -> FileFacts | None:
    """Return what a trainer reads of a clip's file; None for a clip without one."""
    if row["file_name"] is None:
        return None
    return FileFacts(row["width"], row["height"], row["file_frames"], rate_of(row))


def rate_of(row: Mapping[str, Any]) -> Fraction:
    """Return the rate of a clip's file: that at which it was encoded, or its average."""
    if row["file_frame_rate_num"]:
        return Fraction(row["file_frame_rate_num"], row["file_frame_rate_den"])
    frames, seconds = row["file_frames"], row["file_duration_s"]
    return Fraction(frames / seconds).limit_denominator(RATE_DENOMINATOR) if seconds else Fraction()


def listed(sample: Sample, target: Target, split: str) -> ListedClip:
    """Say whether a target holds a clip, and if not, why."""
    return ListedClip(
        clip_id=sample.clip_id,
        video_id=sample.video_id,
        split=split,
        has_caption=bool(sample.caption),
        left_out=why_left_out(sample, target),
    )


def why_left_out(sample: Sample, target: Target) -> str:
    """Say why a target does not take a clip; "" where it does."""
    if target.needs_files and sample.facts is None:
        return "no file"
    if target.needs_captions and not sample.caption:
        return "no caption"
    if sample.fate.action == "dropped":
        return sample.fate.reason or f"{target.name} would drop it"
    return ""
