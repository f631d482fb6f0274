"""features: a vector a second and the labels of each video, in the manner of YouTube-8M.

Source: Abu-El-Haija et al., "YouTube-8M: A Large-Scale Video Classification Benchmark", 2016.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vidcurate.clips.vectors import Vectors, clip_frames, matrix, read_video_vectors
from vidcurate.errors import UsageError
from vidcurate.exporting.target import Bundle, Sample, Target
from vidcurate.records import VECTORS, Clip, VideoVectors
from vidcurate.store.storage import Location

FORM = "features.json"
COMPONENTS = "components.npz"
LEVELS = 255
ROWS_PER_GROUP = 64
USED = (
    *("source_name", "start_pts", "end_pts", "time_base_num", "time_base_den"),
    *("start_s", "end_s", "duration_s", "n_frames", "tags_names", "tags_probabilities"),
)
CLIP = pa.struct(
    [
        ("clip_id", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("caption", pa.string()),
    ]
)
HOWTO = """# Vectors and labels of videos

`train-00000.parquet` and so on have a row for each video: `labels` with their `weights`, its
`clips` (id, span, caption), and a vector for each second of these clips: `vectors`, with `times_s`
in the video and `clip`, the number of the clip that it is of. A video that could not be embedded
has none.

```python
import json

import numpy
import pyarrow.parquet

form = json.load(open("features.json"))
videos = pyarrow.parquet.read_table("train-00000.parquet")
vectors = numpy.stack(videos["vectors"][0].as_py())  # (seconds, {dimension})
{decode}```

`features.json` says what made the vectors.
"""
DECODE = """low, high = numpy.array(form["low"]), numpy.array(form["high"])
vectors = low + vectors / 255 * (high - low)
"""


@dataclass(frozen=True)
class Form:
    """How vectors are written: projected on `components` after `mean` is taken away, in 8 bits.

    `low` and `high` are the values of each number that 0 and 255 stand for.
    """

    dimension: int
    made_by: Mapping[str, Any]
    mean: Vectors | None = None
    components: Vectors | None = None
    low: Vectors | None = None
    high: Vectors | None = None

    def project(self, vectors: Vectors) -> Vectors:
        """Return the principal components of vectors, or the vectors where none were fitted."""
        if self.components is None or self.mean is None:
            return vectors
        return np.asarray((vectors - self.mean) @ self.components.T, np.float32)

    def write(self, vectors: Vectors) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Return vectors as they are stored."""
        projected = self.project(vectors)
        if self.low is None or self.high is None:
            return projected
        width = np.where(self.high > self.low, self.high - self.low, 1)
        levels = np.rint((projected - self.low) / width * LEVELS)
        return np.clip(levels, 0, LEVELS).astype(np.uint8)

    @property
    def width(self) -> int:
        """Return how many numbers a stored vector has."""
        return self.dimension if self.components is None else len(self.components)


@dataclass(frozen=True)
class Embedded:
    """The vectors of the data set: what is known of each video's, and where their files lie."""

    videos: Mapping[str, VideoVectors]
    folder: Location

    def of_clips(self, samples: Sequence[Sample]) -> list[tuple[list[float], Vectors]]:
        """Read the vectors in each clip of one video, with their times in seconds.

        Clips of a video that could not be embedded have none.
        """
        video = self.videos.get(samples[0].video_id)
        if video is None:
            return []
        table = read_video_vectors(self.folder / video.vectors_file)
        found = []
        for sample in samples:
            clip = clip_of(sample)
            frames = clip_frames(table, clip)
            times = [float(pts * clip.time_base) for pts in frames["pts"].to_pylist()]
            found.append((times, matrix(frames)))
        return found

    def of_all(self, bundle: Bundle) -> Iterator[Vectors]:
        """Yield the vectors of each video of a split."""
        for samples in by_video(bundle):
            if found := self.of_clips(samples):
                yield np.concatenate([vectors for _times, vectors in found])


def write(bundle: Bundle) -> None:
    """Write the videos of one split; `train` fits what the others use too.

    Raises UsageError where the data set has no vectors, or those of several models.
    """
    source = embedded(bundle)
    is_first = not (bundle.root / FORM).exists()
    form = fit(bundle, source) if is_first else read_form(bundle)
    if is_first:
        write_form(bundle, form)
    kind = pa.uint8() if form.low is not None else pa.float32()
    schema = pa.schema(
        [
            ("video_id", pa.string()),
            ("source_name", pa.string()),
            ("labels", pa.list_(pa.string())),
            ("weights", pa.list_(pa.float32())),
            ("clips", pa.list_(CLIP)),
            ("times_s", pa.list_(pa.float64())),
            ("clip", pa.list_(pa.int32())),
            ("vectors", pa.list_(pa.list_(kind, form.width))),
        ]
    )
    rows: list[dict[str, Any]] = []
    n_shards = 0
    for samples in by_video(bundle):
        rows.append(video_row(samples, source, form))
        if len(rows) == bundle.options.rows_per_shard:
            write_shard(bundle, n_shards, rows, schema)
            rows, n_shards = [], n_shards + 1
    if rows or not n_shards:
        write_shard(bundle, n_shards, rows, schema)


def by_video(bundle: Bundle) -> Iterator[list[Sample]]:
    """Yield the clips of each video, with those of their columns that are used.

    In an export that was extended, clips of a video need not lie together.
    """
    videos: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in bundle.samples():
        row = {name: sample.row.get(name) for name in USED}
        videos[sample.video_id].append(replace(sample, captions=(), row=row))
    for samples in videos.values():
        yield sorted(samples, key=lambda sample: sample.row["start_pts"])


def write_shard(
    bundle: Bundle, number: int, rows: Sequence[Mapping[str, Any]], schema: pa.Schema
) -> None:
    """Write some videos."""
    file = bundle.file(f"{bundle.split}-{number:05d}.parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema), file, ROWS_PER_GROUP, compression="zstd")


def video_row(samples: Sequence[Sample], source: Embedded, form: Form) -> dict[str, Any]:
    """Return the row of a video."""
    found = source.of_clips(samples)
    labels = labels_of(samples)
    stored = [form.write(vectors) for _times, vectors in found]
    clips = [
        {
            "clip_id": sample.clip_id,
            "start_s": sample.row["start_s"],
            "end_s": sample.row["end_s"],
            "caption": sample.caption,
        }
        for sample in samples
    ]
    return {
        "video_id": samples[0].video_id,
        "source_name": samples[0].row.get("source_name"),
        "labels": list(labels),
        "weights": list(labels.values()),
        "clips": clips,
        "times_s": [time for times, _vectors in found for time in times],
        "clip": [n for n, (times, _vectors) in enumerate(found) for _time in times],
        "vectors": [vector for vectors in stored for vector in vectors],
    }


def labels_of(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the labels of a video with their weights, the greatest first.

    A weight is the mean of a label's probability in the video's clips, by their length.
    """
    weights: defaultdict[str, float] = defaultdict(float)
    total_s = sum(sample.row["duration_s"] for sample in samples)
    for sample in samples:
        names = sample.row.get("tags_names") or ()
        probabilities = sample.row.get("tags_probabilities") or ()
        for name, probability in zip(names, probabilities, strict=True):
            weights[name] += probability * sample.row["duration_s"] / total_s
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0])))


def embedded(bundle: Bundle) -> Embedded:
    """Find the vectors of the data set; raises UsageError where it has none."""
    if bundle.view is None or not bundle.view.has(VECTORS):
        raise UsageError("target features needs the vectors of the stage embed: run it first")
    return Embedded(bundle.view.lookup(VECTORS), bundle.view.files_of(VECTORS))


def clip_of(sample: Sample) -> Clip:
    """Return the span of a sample."""
    row = sample.row
    return Clip(
        clip_id=sample.clip_id,
        video_id=sample.video_id,
        start_pts=row["start_pts"],
        end_pts=row["end_pts"],
        time_base=Fraction(row["time_base_num"], row["time_base_den"]),
        start_s=row["start_s"],
        end_s=row["end_s"],
        duration_s=row["duration_s"],
        n_frames=row["n_frames"],
    )


def fit(bundle: Bundle, source: Embedded) -> Form:
    """Fit principal components and bounds to the vectors, as options ask."""
    options = bundle.options
    form = Form(*made_by(bundle, source))
    if options.components:
        if options.components > form.dimension:
            raise UsageError(
                f"components is {options.components}, and vectors have {form.dimension} numbers"
            )
        mean, components = principal_components(
            source.of_all(bundle), form.dimension, options.components
        )
        form = Form(form.dimension, form.made_by, mean, components)
    if not options.quantise:
        return form
    low = np.full(form.width, np.inf, np.float32)
    high = np.full(form.width, -np.inf, np.float32)
    for vectors in source.of_all(bundle):
        projected = form.project(vectors)
        low, high = np.minimum(low, projected.min(axis=0)), np.maximum(high, projected.max(axis=0))
    return Form(form.dimension, form.made_by, form.mean, form.components, low, high)


def made_by(bundle: Bundle, source: Embedded) -> tuple[int, Mapping[str, Any]]:
    """Return how many numbers vectors have and what made them; raises UsageError."""
    kinds = {
        (row.dimension, row.backend, row.model, row.pretrained)
        for video in {sample.video_id for sample in bundle.samples()}
        if (row := source.videos.get(video))
    }
    if len(kinds) != 1:
        raise UsageError(f"vectors of one model are needed, and there are those of {len(kinds)}")
    dimension, backend, model, pretrained = kinds.pop()
    return dimension, {"backend": backend, "model": model, "pretrained": pretrained}


def principal_components(
    found: Iterable[Vectors], dimension: int, count: int
) -> tuple[Vectors, Vectors]:
    """Return the mean of all vectors and their first principal components, one a row."""
    total, squares, n = np.zeros(dimension), np.zeros((dimension, dimension)), 0
    for vectors in found:
        exact = vectors.astype(np.float64)
        total, squares, n = total + exact.sum(axis=0), squares + exact.T @ exact, n + len(exact)
    mean = total / n
    _values, directions = np.linalg.eigh(squares / n - np.outer(mean, mean))
    components = directions[:, ::-1][:, :count].T
    # A direction and its opposite are as good: the same is taken each time.
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(count), largest])[:, None]
    return mean.astype(np.float32), components.astype(np.float32)


def write_form(bundle: Bundle, form: Form) -> None:
    """Write down how vectors are stored."""
    if form.components is not None and form.mean is not None:
        arrays: dict[str, Any] = {"mean": form.mean, "components": form.components}
        np.savez(bundle.file(COMPONENTS), **arrays)
    facts: dict[str, Any] = {"made_by": dict(form.made_by), "dimension": form.dimension}
    facts["components"] = COMPONENTS if form.components is not None else None
    for name, bound in (("low", form.low), ("high", form.high)):
        facts[name] = None if bound is None else [float(value) for value in bound]
    bundle.text(FORM, json.dumps(facts, indent=2) + "\n")
    decode = DECODE if form.low is not None else ""
    bundle.text("HOWTO.md", HOWTO.format(dimension=form.width, decode=decode))


def read_form(bundle: Bundle) -> Form:
    """Read how vectors are stored."""
    facts = json.loads((bundle.root / FORM).read_text("utf-8"))
    low, high = (
        None if facts[name] is None else np.array(facts[name], np.float32)
        for name in ("low", "high")
    )
    mean = components = None
    if facts["components"]:
        with np.load(bundle.root / facts["components"], allow_pickle=False) as arrays:
            mean, components = arrays["mean"], arrays["components"]
    return Form(facts["dimension"], facts["made_by"], mean, components, low, high)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the videos; raises ValueError where vectors, times and clips do not belong together."""
    form = read_form(bundle)
    stems = {sample.clip_id: sample.stem for sample in bundle.samples()}
    pairs = []
    for shard in sorted(bundle.root.glob(f"{bundle.split}-*.parquet")):
        with pq.ParquetFile(shard) as file:
            for group in range(file.num_row_groups):
                for row in file.read_row_group(group).to_pylist():
                    lengths = {len(row["times_s"]), len(row["clip"]), len(row["vectors"])}
                    numbers = set(row["clip"])
                    every = set(range(len(row["clips"]))) if row["vectors"] else set()
                    if len(lengths) != 1 or numbers != every:
                        raise ValueError(f"{row['video_id']}: vectors and clips do not fit")
                    if any(len(vector) != form.width for vector in row["vectors"]):
                        raise ValueError(f"{row['video_id']}: vectors are not of {form.width}")
                    clips = row["clips"]
                    pairs += [(stems.get(c["clip_id"], ""), c["caption"]) for c in clips]
    return pairs


TARGET = Target(
    name="features",
    summary="A vector a second and the labels of each video, as Parquet.",
    write=write,
    read=read,
    needs_files=False,
    needs_captions=False,
    names_splits=True,
)
