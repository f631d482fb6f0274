"""Clips with hard captions, written to a target and read back, for the tests of layouts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.bundles import bundle_of, clip, sample_of
from vidcurate.exporting.layouts.captions import caption_line
from vidcurate.exporting.target import Bundle, Sample, Target, TargetOptions
from vidcurate.exporting.training import Training

HARD_CAPTIONS = (
    'A dog, a "cat"; it\'s a test.\nSecond line.\r\n\tTab.',
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 <video> [trigger] </s> <image>",
    "NUL \0 and \u202eright to left\u202c, \u05e9\u05dc\u05d5\u05dd \u200f.",
    ("Ten thousand characters. " * 400).ljust(10_000, "x"),
    "None",
    "12",
    "{\"a\": [1]} \\ 'b' | c # d: - e % {f}",
)


def samples(folder: Path, captions: Sequence[str] = HARD_CAPTIONS) -> list[Sample]:
    """Small clips of three videos with these captions, as an export gives them to a target."""
    found = []
    for number, text in enumerate(captions):
        file = clip(folder, f"{number // 3:016x}-{number}-9", (64, 48), 4, 8)
        row = {"source_name": f"film {number // 3}.mp4", "video_id": f"{number // 3:016x}"}
        sample = sample_of(file, caption_line(text), **row)
        found.append(sample)
    return found


def written(
    target: Target,
    root: Path,
    clips: Sequence[Sample],
    folder: Path,
    options: TargetOptions | None = None,
    trained_for: Training | None = None,
    **changes: Any,
) -> Bundle:
    """A folder that a target filled."""
    bundle = replace(bundle_of(root, clips, folder, trained_for, options), **changes)
    target.write(bundle)
    return bundle


def pairs(clips: Sequence[Sample]) -> list[tuple[str, str]]:
    """What every target must read back: stems with captions, in their order."""
    return [(sample.stem, sample.caption) for sample in clips]


def files_below(root: Path) -> dict[str, bytes]:
    """All files below a folder with what is in them."""
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }
