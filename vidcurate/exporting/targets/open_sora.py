"""Open-Sora 2: a table of clips, and the config that trains on them.

Read at 7ad6a96. Its buckets are a number of pixels, a number of frames, and the nearest of some
aspects; a clip that fits into none is never drawn, without a word. Parquet keeps captions as they
are, where CSV would turn some into numbers or into nothing.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.exporting.layouts.clip_folder import header_facts, inside
from vidcurate.exporting.layouts.listing import clip_name
from vidcurate.exporting.layouts.trainer_files import (
    Tally,
    bucket_of,
    facts_of,
    place_clips,
    shell_words,
    taken,
)
from vidcurate.exporting.target import Bundle, Sample, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

LIST, CONFIG = "clips.parquet", "open_sora.py"
SIDE = 16
# Pictures of fewer pixels than this part of a bucket's are not put into it.
ENOUGH = Fraction(4, 5)
# Its aspects, width to height; each is used upright too.
ASPECTS = ((2.39, 1), (2, 1), (16, 9), (1.85, 1), (9, 16), (5, 8), (3, 2), (4, 3), (1, 1))
# The bases of its own configs, which are tried first.
BASES = (256, 768, 1024)
SCHEMA = pa.schema(
    [
        *(("path", pa.string()), ("text", pa.string()), ("num_frames", pa.int64())),
        *(("height", pa.int64()), ("width", pa.int64()), ("aspect_ratio", pa.float64())),
        *(("resolution", pa.int64()), ("fps", pa.float64())),
    ]
)
ROWS_AT_ONCE = 10_000
RATE = re.compile(r"\d\s*(fps|frames (per|a) second)\b", re.IGNORECASE)
ENDS = ".!?…。！？\"'”’»)"  # noqa: RUF001 - full stops of other scripts
SETTINGS = """# Read by scripts/diffusion/train.py of Open-Sora.
# Fill in: where Open-Sora is checked out.
_base_ = ["/path/to/Open-Sora/configs/diffusion/train/stage1.py"]

# Files of more frames a second lose every second one, or more.
dataset = dict(data_path={path!r}, fps_max={fps}, vmaf=False)
# Pixels -> frames -> (share of clips that may be taken, clips in a batch).
# Fill in: how many clips go into a batch on your GPU.
bucket_config = {{
    "_delete_": True,
{buckets}
}}
# Fill in: the checkpoint that training starts from, and where the result shall lie.
model = dict(from_pretrained="./ckpts/Open_Sora_v2.safetensors")
outputs = "outputs"
"""
HOWTO = """# Train with Open-Sora 2

`clips/` holds the videos, `clips.parquet` their captions and facts, and `open_sora.py` the buckets.

{table}

Run this where Open-Sora is checked out. First fill in the lines of `open_sora.py` that say so.

```
{command}
```

- Paths in `clips.parquet` are absolute: write the export again when you move it.
- Do not change the facts in `clips.parquet`. Buckets are chosen by them, and a number of frames
  that is not the file's fails in the midst of training.
- A clip whose pixels or frames fit into no bucket is never drawn, and nothing says so.
- `N FPS.` is put after each caption; files have {rate} frames a second.
- Whole files are held in memory.
"""


def stride_of(fps: float, fps_max: float) -> int:
    """Return of how many frames one is taken, so that the rate is at most `fps_max`."""
    return 1 if fps < fps_max else math.ceil(fps / fps_max)


def stated_rate(fps: float, fps_max: float) -> float:
    """Return the rate that is put after captions: that of a file, or a whole number below it."""
    return fps if fps < fps_max else math.floor(fps / stride_of(fps, fps_max))


@cache
def aspect_sizes(pixels: int) -> Mapping[tuple[float, float], Size]:
    """Return the size of each aspect at a number of pixels, in its order.

    Sides are floored to multiples, and then one of them is changed by a step where that brings the
    product nearer. An aspect whose size is there already is left out, unless it is upright.
    """
    wide: dict[tuple[float, float], Size] = {}
    upright: dict[tuple[float, float], Size] = {}
    for across, down in ASPECTS:
        width = int(math.sqrt(pixels * (across / down)) // SIDE) * SIDE
        height = int((pixels / width) // SIDE) * SIDE
        size = min(
            Size(width, height),
            Size(width, height - SIDE),
            Size(width, height + SIDE),
            Size(width - SIDE, height),
            Size(width + SIDE, height),
            key=lambda s: abs(s.width * s.height - pixels),
        )
        if size not in wide.values():
            wide[across, down] = size
            upright[down, across] = Size(size.height, size.width)
    return {**wide, **upright}


def nearest_size(width: int, height: int, pixels: int) -> Size:
    """Return the size of the nearest aspect, by height over width, at a number of pixels."""
    sizes = aspect_sizes(pixels)
    return sizes[min(sizes, key=lambda a: abs(height / width - a[1] / a[0]))]


@cache
def base_of(size: Size) -> int:
    """Return the side of the square whose number of pixels has a bucket of just this size.

    Where none has, as for 832x480, that of its own number of pixels.
    """
    own = math.sqrt(size.width * size.height)
    near = sorted(range(int(own * 0.9), int(own * 1.1) + 2), key=lambda base: abs(base - own))
    exact = (base for base in (*BASES, *near) if nearest_size(*size, base * base) == size)
    return next(exact, round(own))


def bases_of(training: Training) -> tuple[int, ...]:
    """Return the bases of all sizes, the largest first; the model's where files keep their own."""
    sizes = training.sizes or (training.model.size,)
    return tuple(sorted({base_of(size) for size in sizes}, reverse=True))


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell what becomes of a clip: a part of it, of the first bucket that it fits into."""
    buckets = dict.fromkeys(bases_of(training), training.lengths)
    return fate_in(facts, buckets, training.model.fps)


def fate_in(facts: FileFacts, buckets: Mapping[int, Sequence[int]], fps_max: float) -> Fate:
    """Tell what becomes of a clip among buckets: lengths by the side of a square of pixels."""
    stride = stride_of(float(facts.fps), fps_max)
    n = facts.n_frames // stride
    of = f"{n} frames" + (f" (one of {stride})" if stride > 1 else "")
    area = facts.width * facts.height
    for base in sorted(buckets, reverse=True):
        fitting = fitting_lengths(n, buckets[base])
        if area < base * base * ENOUGH or not fitting:
            continue
        bucket = Bucket(*nearest_size(facts.width, facts.height, base * base), max(fitting))
        if n > bucket.n_frames:
            return Fate("cut", bucket, f"{bucket.n_frames} of {of}, from a start that is drawn")
        return Fate("whole", bucket)
    if not any(fitting_lengths(n, lengths) for lengths in buckets.values()):
        lengths = " or ".join(map(str, sorted({n for some in buckets.values() for n in some})))
        return Fate("dropped", None, f"{of}, {lengths} needed: never drawn")
    return Fate("dropped", None, f"{facts.width}x{facts.height} is too small: never drawn")


def fitting_lengths(n_frames: int, lengths: Sequence[int]) -> list[int]:
    """Return the lengths that a clip fills; a single frame is an image, and only that has 1."""
    return [n for n in lengths if n <= n_frames and (n == 1) == (n_frames == 1)]


def caption_fault(caption: str) -> str:
    """Say what of a caption does not go with the rate that is put after it."""
    if RATE.search(caption):
        return "names a frame rate, and another is put after it"
    if not caption.endswith(tuple(ENDS)):
        return "ends without a full stop, and a frame rate is put after it"
    return ""


def write(bundle: Bundle) -> None:
    """Write the clips, their table and the config."""
    tally = Tally()

    def rows() -> Iterator[dict[str, Any]]:
        for sample in place_clips(bundle):
            tally.add(sample, bucket_of(sample, bundle.training, fate))
            yield row_of(sample, bundle.out / clip_name(sample))

    write_table(bundle.file(LIST), rows())
    lengths = ", ".join(f"{n}: (1.0, 1)" for n in bundle.training.lengths)
    config = SETTINGS.format(
        path=str(bundle.out / LIST),
        fps=bundle.training.model.fps,
        buckets="\n".join(f'    "{b}px": {{{lengths}}},' for b in bases_of(bundle.training)),
    )
    bundle.text(CONFIG, config)
    train = ("torchrun", "--nproc_per_node", 8, "scripts/diffusion/train.py", bundle.out / CONFIG)
    howto = HOWTO.format(table=tally.table, command=shell_words(*train), rate=tally.rate)
    bundle.text("HOWTO.md", howto)


def row_of(sample: Sample, path: Path) -> dict[str, Any]:
    """Return the row of a clip."""
    facts = facts_of(sample)
    return {
        "path": str(path),
        "text": sample.caption,
        "num_frames": facts.n_frames,
        "height": facts.height,
        "width": facts.width,
        "aspect_ratio": facts.height / facts.width,
        "resolution": facts.height * facts.width,
        "fps": float(facts.fps),
    }


def write_table(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as Parquet, so many at once."""
    with pq.ParquetWriter(file, SCHEMA) as writer:
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == ROWS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(waiting, SCHEMA))
                waiting = []
        writer.write_table(pa.Table.from_pylist(waiting, SCHEMA))


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the table as Open-Sora does; raises ValueError for a clip that it fails on or leaves."""
    pairs = []
    for row in pq.read_table(bundle.root / LIST).to_pylist():
        clip = inside(bundle, row["path"])
        facts = FileFacts(row["width"], row["height"], row["num_frames"], Fraction(row["fps"]))
        taken(clip.stem, fate(facts, bundle.training))
        held = header_facts(clip).n_frames
        if held < row["num_frames"]:
            raise ValueError(f"{clip.name} has {held} frames, and {row['num_frames']} are stated")
        pairs.append((clip.stem, row["text"]))
    return pairs


TARGET = Target(
    name="open-sora",
    summary="Clips with a table, and the config of Open-Sora 2.",
    write=write,
    read=read,
    fate=fate,
    caption_fault=caption_fault,
    model="open-sora2",
    models=("open-sora2",),
)
