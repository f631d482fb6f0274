"""signatures: what copies of a clip would share with it, from scan's files; dedup compares it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from vidcurate.clips.grouping import clips_by_video
from vidcurate.clips.windows import column_numbers, window
from vidcurate.deduplication.content import packed
from vidcurate.deduplication.luma_sequence import Values, luma_sequence
from vidcurate.errors import MediaError
from vidcurate.options import StageConfig
from vidcurate.records import CLIPS, SCANS, SIGNATURES, Clip, Scan, Signature
from vidcurate.stage import Lookup, MapStage, Workspace
from vidcurate.stages.sources.scan import require_every_frame

CONTENT_COLUMNS = ("luma_mean", "luma_spread", "black_share")
SEQUENCE_COLUMNS = ("luma_mean", "luma_spread", "luma_delta")
FRAME_COLUMNS = ("pts", *CONTENT_COLUMNS, "luma_delta")


def check_scan(_config: "SignaturesConfig", others: Mapping[str, StageConfig]) -> None:
    """Check that every frame is decoded, as copies are told by them; raises UsageError."""
    require_every_frame(others, "signatures, which dedup compares,")


class SignaturesConfig(StageConfig):
    """Nothing to choose: what data sets share must be alike."""


def signatures(
    clips: Sequence[Clip], _config: SignaturesConfig, _tool: None, workspace: Workspace
) -> Iterator[list[Signature]]:
    """Compute the signature of each clip.

    Samples that show next to nothing, as a black picture, are left out.
    """
    from vidcurate.media.scan.files import read_frames, read_samples

    for video_id, clips_of_video in clips_by_video(clips):
        scan: Scan = workspace.lookup(SCANS)[video_id]
        frames = read_frames(workspace.file_of(SCANS, scan.frames_file), FRAME_COLUMNS)
        samples = read_samples(workspace.file_of(SCANS, scan.samples_file), ("pts", "jpeg"))
        for clip in clips_of_video:
            yield [signature(clip, window(frames, clip), window(samples, clip))]


def signature(clip: Clip, frames: pa.Table, samples: pa.Table) -> Signature:
    """Compute one clip's row.

    Raises MediaError for a damaged proxy, and where the clip has no frame.
    """
    from vidcurate.media.visual.appearance import DIMENSION, appearance_vector, decode_half_size
    from vidcurate.media.visual.hashes import perceptual_hash

    if frames.num_rows == 0:
        raise MediaError("no frame is inside the clip: scan the video again")
    pictures = [decode_half_size(jpeg.as_py()) for jpeg in samples["jpeg"]]
    hashes = [perceptual_hash(picture) for picture in pictures]
    hashable = [number for number, found in enumerate(hashes) if found is not None]
    vectors = [appearance_vector(pictures[number]) for number in hashable]
    return Signature(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        duration_s=clip.duration_s,
        content=content_hash(frames),
        times_s=tuple(seconds_from_start(samples, clip)[hashable].tolist()),
        hashes=b"".join(found.tobytes() for found in hashes if found is not None),
        vectors=packed(np.array(vectors, np.float32).reshape(-1, DIMENSION)).tobytes(),
        luma_sequence=clip_luma_sequence(clip, frames).astype(np.float32).tobytes(),
    )


def content_hash(frames: pa.Table) -> str:
    """Hash the frames: clips of the same frames, decoded from the same data, share the hash."""
    numbers = (
        column_numbers(frames, name).astype(np.float32).tobytes() for name in CONTENT_COLUMNS
    )
    return hashlib.sha256(b"".join(numbers)).hexdigest()[:32]


def clip_luma_sequence(clip: Clip, frames: pa.Table) -> Values:
    """Compute a clip's luma sequence; see deduplication.luma_sequence."""
    values = np.stack([column_numbers(frames, name) for name in SEQUENCE_COLUMNS])
    # The first frame's change is from the shot before.
    values[2, 0] = values[2, min(1, values.shape[1] - 1)]
    return luma_sequence(seconds_from_start(frames, clip), values, clip.duration_s)


def seconds_from_start(rows: pa.Table, clip: Clip) -> Values:
    """Return the times of rows in seconds from the clip's start."""
    return np.asarray((rows["pts"].to_numpy() - clip.start_pts) * float(clip.time_base))


SIGNATURES_STAGE = MapStage(
    name="signatures",
    summary="Compute a signature of each clip, by which dedup finds copies.",
    reads=CLIPS,
    writes=SIGNATURES,
    config=SignaturesConfig,
    run=signatures,
    lookups=(Lookup(SCANS),),
    check=check_scan,
    rows_per_part=256,
)
