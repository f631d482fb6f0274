"""verify: every clip file decoded whole, and its edges compared with the video's frames."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vidcurate.clips.spans import cuts_between
from vidcurate.errors import MediaError
from vidcurate.media.io.content import video_path
from vidcurate.records import (
    CUTS,
    EXPORTS,
    KEPT,
    SCANS,
    SOURCES,
    VERIFIED,
    VIDEOS,
    Clip,
    ExportedClip,
    VerifiedClip,
    VideoCuts,
)
from vidcurate.stage import Cost, Lookup, MapStage, StageConfig, Version, Workspace, option

# A shot of fewer frames is not what a viewer sees as one, but a cut that is a little off.
SHOT_FRAMES = 8


class VerifyConfig(StageConfig):
    """What a clip promises beside its frames, times and sound."""

    one_shot: bool = option(
        False, "Refuse clips of several shots, as split.stitch makes them, and kept transitions too"
    )


def verify(
    clips: Sequence[Clip], config: VerifyConfig, _tool: None, workspace: Workspace
) -> Iterator[list[VerifiedClip] | MediaError]:
    """What was found in each clip's file, or the first promise that it breaks."""
    for clip in clips:
        written = workspace.lookup(EXPORTS).get(clip.clip_id)
        if written is None:
            yield MediaError("the clip was not exported: see rows exports --failed")
        elif written.file is None:
            yield [without_file(clip)]
        else:
            try:
                yield [of_file(clip, written, written.file, config, workspace)]
            except MediaError as fault:
                yield fault


def without_file(clip: Clip) -> VerifiedClip:
    """A clip that stays a span of its source has nothing to decode."""
    return VerifiedClip(clip.clip_id, clip.video_id, 0, 0.0, None, None, None, None, None)


def of_file(
    clip: Clip, written: ExportedClip, name: str, config: VerifyConfig, workspace: Workspace
) -> VerifiedClip:
    """What was found in a clip's file.

    Raises MediaError with the first promise that it breaks.
    """
    from vidcurate.media.output.inspection import sha256
    from vidcurate.media.output.verify import prove
    from vidcurate.media.scan.scanner import read_frames

    file = workspace.file_of(EXPORTS, name)
    if not file.exists() or sha256(file) != written.sha256:
        raise MediaError("the file is gone or has changed since it was written")
    scan = workspace.lookup(SCANS)[clip.video_id]
    pts = read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",))["pts"].to_numpy()
    start, end = np.searchsorted(pts, [clip.start_pts, clip.end_pts])
    check_shots(pts[start:end], workspace.lookup(CUTS)[clip.video_id], one_shot=config.one_shot)
    path = video_path(workspace.lookup(SOURCES)[clip.video_id])
    video = workspace.lookup(VIDEOS)[clip.video_id]
    proof = prove(path, video, clip, pts, file, written, scan.clock_offsets)
    return VerifiedClip(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        n_frames=proof.n_frames,
        duration_s=proof.duration_s,
        audio_s=proof.audio_s,
        first_error=proof.first.error,
        first_margin=proof.first.margin,
        last_error=proof.last.error,
        last_margin=proof.last.margin,
    )


def check_shots(pts: NDArray[np.int64], video: VideoCuts, *, one_shot: bool) -> None:
    """Pass if a clip's frames, which have these times, are of whole parts of shots.

    Unless `one_shot`, it may go on over a hard cut with as many frames as a shot has at least, as
    joined shots do, or lie inside one gradual transition. Raises MediaError.
    """
    for cut in cuts_between(video, int(pts[0]), int(pts[-1])):
        n_before = int(np.searchsorted(pts, cut.start_pts, "right"))
        n_after = len(pts) - int(np.searchsorted(pts, cut.end_pts, "left"))
        joins = n_before + n_after == len(pts) and min(n_before, n_after) >= SHOT_FRAMES
        if one_shot or not (joins or n_before == n_after == 0):
            raise MediaError("a transition between shots lies in the clip")


def longest(clip: Clip, _config: VerifyConfig) -> float:
    """Seconds after which decoding is taken to be stuck; a video may be read from its start."""
    return 3600 + 10 * clip.end_s


VERIFY = MapStage(
    name="verify",
    summary="Decode every clip file, and prove that it holds its shot and no foreign frame.",
    reads=KEPT,
    writes=VERIFIED,
    config=VerifyConfig,
    run=verify,
    lookups=(
        Lookup(EXPORTS),
        Lookup(SOURCES),
        Lookup(VIDEOS),
        Lookup(SCANS),
        Lookup(CUTS),
    ),
    rows_per_part=16,
    cost=Cost(advice="export.verify no, or stricter filter.rules", time_limit=longest),
    version=Version(number=2),
)
