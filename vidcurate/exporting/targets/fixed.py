"""fixed: every clip of one size, length and rate, as the first models of text to video took them.

Such as TGANs-C (Pan et al., 2017) and its followers, which train on stacks of small pictures.
"""

import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import UsageError
from vidcurate.exporting.layouts.listing import (
    CLIPS,
    chosen_columns,
    clip_name,
    read_json_lines,
    require_file,
    write_json_lines,
)
from vidcurate.exporting.target import Bundle, Sample, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Training

LIST = "captions.jsonl"
COLUMNS = {"file": "path", "caption": "caption", "clip_id": "clip_id", "video_id": "video_id"}
HOWTO = """# Clips of one form

Every clip has {bucket.width} × {bucket.height} pixels and {bucket.n_frames} frames
({fps:g} a second). `captions.jsonl` has an object a line: `file`, `caption`, `clip_id`, `video_id`.
"""
ARRAYS = """
```python
import json

import numpy

rows = [json.loads(line) for line in open("captions.jsonl", encoding="utf-8")]
video = numpy.load(rows[0]["file"])["video"]  # uint8, (frames, height, width, RGB)
```
"""


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell whether a clip has the one form."""
    bucket = bucket_of(training)
    if (facts.width, facts.height) != (bucket.width, bucket.height):
        found = f"{facts.width}x{facts.height}"
        return Fate("dropped", None, f"{found} is not {bucket.width}x{bucket.height}")
    if facts.n_frames < bucket.n_frames:
        return Fate("dropped", None, f"{facts.n_frames} frames, and {bucket.n_frames} are needed")
    if facts.n_frames > bucket.n_frames:
        why = f"the first {bucket.n_frames} of {facts.n_frames} frames"
        return Fate("cut", bucket, why)
    return Fate("whole", bucket)


def bucket_of(training: Training) -> Bucket:
    """Return the one form; raises UsageError where sizes or lengths are none or several."""
    if len(training.sizes) != 1 or len(training.lengths) != 1:
        raise UsageError(
            "target fixed needs one size and one length, such as --shape 64x64 --lengths 16 --fps 8"
        )
    return training.buckets[0]


def write(bundle: Bundle) -> None:
    """Write the clips, as videos or arrays, and their captions.

    Raises UsageError for a clip of another form.
    """
    bucket = bucket_of(bundle.training)
    rates: set[Fraction] = set()

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            assert sample.facts is not None
            rates.add(sample.facts.fps)
            found = Bucket(sample.facts.width, sample.facts.height, sample.facts.n_frames)
            if found != bucket or len(rates) > 1:
                raise UsageError(
                    f"{sample.clip_id} is {found} at {float(sample.facts.fps):g} frames a second, "
                    f"and all clips are to be {bucket} at {float(min(rates)):g}: set export.fps, "
                    "and leave media at encode"
                )
            yield chosen_columns(sample, place(bundle, sample, bucket), COLUMNS)

    write_json_lines(bundle.file(LIST), rows())
    fps = float(next(iter(rates), Fraction(bundle.training.model.fps)))
    howto = HOWTO.format(bucket=bucket, fps=fps) + (ARRAYS if bundle.options.arrays else "")
    bundle.text("HOWTO.md", howto)


def place(bundle: Bundle, sample: Sample, bucket: Bucket) -> str:
    """Put a clip into the folder, and return its name there."""
    if not bundle.options.arrays:
        bundle.place(sample, clip_name(sample))
        return clip_name(sample)
    name = f"{CLIPS}/{sample.stem}.npz"
    np.savez(bundle.file(name), video=decode(bundle.clip_file(sample), bucket))
    return name


def decode(file: Path, bucket: Bucket) -> NDArray[np.uint8]:
    """Decode a clip to an array of shape (frames, height, width, 3); raises UsageError."""
    from vidcurate.media.io.container import open_video  # noqa: PLC0415 - only arrays need it
    from vidcurate.media.io.decode import Faults, decode_video  # noqa: PLC0415
    from vidcurate.media.io.frames import display_image  # noqa: PLC0415

    with open_video(file) as (container, stream):
        frames = decode_video(container, stream, Faults())
        array = np.stack([display_image(frame, Fraction(1)) for _pts, frame in frames])
    if array.shape != shape_of(bucket):
        raise UsageError(f"{file.name} decodes to {array.shape}, not {shape_of(bucket)}")
    return array


def shape_of(bucket: Bucket) -> tuple[int, int, int, int]:
    """Return the shape of a clip's array."""
    return (bucket.n_frames, bucket.height, bucket.width, 3)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the list, and each array; raises ValueError for what is not there or of another form."""
    pairs = []
    for row in read_json_lines(bundle.root / LIST):
        file = require_file(bundle, row["file"])
        if file.suffix == ".npz":
            check_array(file, bucket_of(bundle.training))
        pairs.append((file.stem, row["caption"]))
    return pairs


def check_array(file: Path, bucket: Bucket) -> None:
    """Check the form of a clip's array; raises ValueError."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            array = found["video"]
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ValueError(f"{file.name}: {error}") from error
    if array.shape != shape_of(bucket) or array.dtype != np.uint8:
        raise ValueError(f"{file.name} is {array.dtype} {array.shape}, not {shape_of(bucket)}")


TARGET = Target(
    name="fixed",
    summary="Clips of one size, length and rate, as videos or arrays.",
    write=write,
    read=read,
    fate=fate,
    check=lambda training, _options: bucket_of(training),
    needs_captions=False,
    cuts_to_length=True,
)
