"""What sentences of speech are compared with to find where they show: frames, captions or both."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.caption_vectors import read_caption_vectors
from vidcurate.clips.realignment import Cosines, per_second
from vidcurate.clips.vectors import matrix, read_video_vectors
from vidcurate.errors import MediaError
from vidcurate.models.text.encoder import TextEncoder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import CAPTION_VECTORS, PARTITIONS, VECTORS, Scan
from vidcurate.stage import Workspace

Vectors = NDArray[np.float32]
Against = Literal["frames", "captions", "both"]
OpenTextModel = Callable[[str, ModelChoice], TextEncoder]


@dataclass(frozen=True, slots=True)
class Frames:
    """One vector for each second of a video."""

    name: str
    encoder: TextEncoder
    vectors: Vectors

    def cosines(self, sentence: Vectors) -> Cosines:
        """The cosine of a sentence's vector with each second's, shape (seconds,)."""
        return (self.vectors @ sentence).astype(np.float64)


@dataclass(frozen=True, slots=True)
class CaptionedSpan:
    """A clip's span, and the vectors of its text and of its sentences."""

    start_s: float
    end_s: float
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Captions:
    """The captions of a video's clips, `seconds` long."""

    name: str
    encoder: TextEncoder
    spans: tuple[CaptionedSpan, ...]
    seconds: int

    def cosines(self, sentence: Vectors) -> Cosines:
        """The cosine of a sentence's vector with the best part of the caption at each second.

        It is nan where no clip holds the second's middle.
        """
        found = np.full(self.seconds, np.nan)
        middles = np.arange(self.seconds) + 0.5
        for span in self.spans:
            inside = (middles >= span.start_s) & (middles < span.end_s)
            found[inside] = np.fmax(found[inside], float((span.vectors @ sentence).max()))
        return found


Compared = Frames | Captions


def compared_with(
    scan: Scan, against: Against, open_model: OpenTextModel, workspace: Workspace
) -> tuple[Compared, ...]:
    """Return what the sentences of a video are compared with.

    Raises MediaError for a video without the vectors that are needed.
    """
    found: list[Compared] = []
    if against != "captions":
        found.append(frames_of(scan, open_model, workspace))
    if against != "frames":
        found.append(captions_of(scan, open_model, workspace))
    return tuple(found)


def end_of(scan: Scan) -> float:
    """Return the end of the last frame in seconds on the video's clock."""
    return float(scan.end_pts * scan.time_base)


def frames_of(scan: Scan, open_model: OpenTextModel, workspace: Workspace) -> Frames:
    """Return a video's frames, each second by the proxy nearest to it.

    Raises MediaError for a video that was not embedded.
    """
    row = workspace.lookup(VECTORS).get(scan.video_id)
    if row is None:
        raise MediaError("the video was not embedded: see rows vectors --failed")
    table = read_video_vectors(workspace.file_of(VECTORS, row.vectors_file))
    times_s = table["pts"].to_numpy() * float(scan.time_base)
    return Frames(
        f"frames by {row.model} {row.pretrained}".rstrip(),
        open_model(row.backend, ModelChoice(row.model, row.pretrained)),
        per_second(times_s, matrix(table), end_of(scan)),
    )


def captions_of(scan: Scan, open_model: OpenTextModel, workspace: Workspace) -> Captions:
    """Return the captions of a video's clips.

    Raises MediaError where none has vectors.
    """
    rows = {row.clip_id: row for row in workspace.lookup_all(CAPTION_VECTORS)[scan.video_id]}
    clips = [c for c in workspace.lookup_all(PARTITIONS)[scan.video_id] if c.clip_id in rows]
    if not clips:
        raise MediaError(
            "no clip of the video has a caption with vectors: see rows caption_vectors --failed"
        )
    row = rows[clips[0].clip_id]
    spans = []
    for clip in clips:
        file = workspace.file_of(CAPTION_VECTORS, rows[clip.clip_id].vectors_file)
        spans.append(CaptionedSpan(clip.start_s, clip.end_s, matrix(read_caption_vectors(file))))
    return Captions(
        f"captions by {row.model} {row.pretrained}".rstrip(),
        open_model(row.backend, ModelChoice(row.model, row.pretrained)),
        tuple(spans),
        max(1, int(np.ceil(end_of(scan)))),
    )


def cosines_of(texts: Sequence[str], compared: Sequence[Compared]) -> Iterator[tuple[Cosines, ...]]:
    """Yield for each text its cosines with each second of the video, of each set of vectors.

    Raises MediaError where a text has no vector.
    """
    sets = [(one, vectors_of(texts, one.encoder)) for one in compared]
    for number in range(len(texts)):
        yield tuple(one.cosines(vectors[number]) for one, vectors in sets)


def vectors_of(texts: Sequence[str], encoder: TextEncoder) -> Vectors:
    """Return the vectors of texts, shape (texts, dimension).

    Raises MediaError where the model fails.
    """
    [found] = encoder.encode([texts])
    if isinstance(found, MediaError):
        raise found
    return found.vectors
