"""verify: every clip file decoded completely, and its edges compared with the video's frames."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.grouping import clips_by_video
from vidcurate.clips.spans import cuts_between
from vidcurate.errors import MediaError, quantity
from vidcurate.exporting.clips_table import clips_table
from vidcurate.exporting.folder.quarantine import REASONS, Quarantined, update_quarantine
from vidcurate.media.io.content import video_path
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    ACCEPTED,
    CUTS,
    EXPORTS,
    PARTITIONS,
    SCANS,
    SOURCES,
    VERIFIED,
    VIDEOS,
    Clip,
    VerifiedClip,
    VideoCuts,
)
from vidcurate.stage import Cost, DatasetView, Drop, Finish, Lookup, MapStage, Version, Workspace
from vidcurate.store.dataset import FAILED
from vidcurate.store.markers import QUARANTINE

if TYPE_CHECKING:
    from vidcurate.media.output.decoder_process import DecoderProcess
    from vidcurate.media.output.verify import Proof, WrittenClip

# A shot of fewer frames is not what a viewer sees as one, but a cut that is a little off.
SHOT_FRAMES = 8


class VerifyConfig(StageConfig):
    """What a clip promises besides its frames, times and sound."""

    one_shot: bool = option(
        False,
        "Refuse clips with several shots, which split.stitch makes, and transitions that were kept",
    )
    decoding_limit_s: float = option(
        120.0,
        "Time in which a decoder must come to the end of a clip's file, besides ten times its "
        "length: else it hangs on it",
        unit="seconds",
        neutral=True,
        gt=0,
    )


def open_decoders(config: VerifyConfig, _workspace: Workspace) -> "DecoderProcess":
    """Open the process that decodes clip files; it starts when it is first needed."""
    from vidcurate.media.output.decoder_process import DecoderProcess

    return DecoderProcess(config.decoding_limit_s)


def verify(
    clips: Sequence[Clip],
    config: VerifyConfig,
    decoders: "DecoderProcess",
    workspace: Workspace,
) -> Iterator[list[VerifiedClip] | Drop | MediaError]:
    """Report what was measured in each clip's file, or the first promise that it breaks."""
    for _, of_video in clips_by_video(clips):
        yield from verify_video(of_video, config, decoders, workspace)


def verify_video(
    clips: Sequence[Clip],
    config: VerifyConfig,
    decoders: "DecoderProcess",
    workspace: Workspace,
) -> Iterator[list[VerifiedClip] | Drop | MediaError]:
    """Report what was measured in the files of some clips of one video."""
    from vidcurate.media.output.verify import WrittenClip, verify_files
    from vidcurate.media.scan.files import read_frames

    scan = workspace.lookup(SCANS)[clips[0].video_id]
    pts = read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",))["pts"].to_numpy()
    found = [find_file(clip, pts, config, workspace) for clip in clips]
    written = [one for one in found if isinstance(one, WrittenClip)]
    proofs: Iterator[Proof | MediaError] = iter(())
    if written:
        try:
            path = video_path(workspace.lookup(SOURCES)[scan.video_id])
        except MediaError as error:
            proofs = repeat(error)
        else:
            video = workspace.lookup(VIDEOS)[scan.video_id]
            proofs = verify_files(path, video, written, pts, decoders, scan.clock_offsets)
    for clip, one in zip(clips, found, strict=True):
        if not isinstance(one, WrittenClip):
            yield one
            continue
        proof = next(proofs)
        yield proof if isinstance(proof, MediaError) else [row_of(clip, proof)]


def find_file(
    clip: Clip, pts: NDArray[np.int64], config: VerifyConfig, workspace: Workspace
) -> "WrittenClip | list[VerifiedClip] | Drop | MediaError":
    """Find a clip's file as it was written, or what is to be told of a clip that has none."""
    from vidcurate.media.output.inspection import sha256
    from vidcurate.media.output.verify import WrittenClip

    exported = workspace.lookup(EXPORTS).get(clip.clip_id)
    if exported is None:
        reason = workspace.drop_reason(EXPORTS, clip.clip_id)
        fault = MediaError("the clip was not exported: see rows exports --failed")
        return fault if reason is None else Drop(f"not exported: {reason}")
    if exported.file is None:
        return [row_without_file(clip)]
    file = workspace.file_of(EXPORTS, exported.file)
    if not file.exists() or sha256(file) != exported.sha256:
        return MediaError("the file is gone or has changed since it was written")
    start, end = np.searchsorted(pts, [clip.start_pts, clip.end_pts])
    cuts = workspace.lookup(CUTS)[clip.video_id]
    try:
        check_shots(pts[start:end], cuts, one_shot=config.one_shot)
    except MediaError as error:
        return error
    return WrittenClip(clip, file, exported)


def row_without_file(clip: Clip) -> VerifiedClip:
    """Make the row of a clip without a file, which has nothing to decode."""
    return VerifiedClip(clip.clip_id, clip.video_id, 0, 0.0, None, None, None, None, None, ())


def row_of(clip: Clip, proof: "Proof") -> VerifiedClip:
    """Make the row of a clip whose file holds what it should."""
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
        decoders=proof.decoders,
    )


def check_shots(pts: NDArray[np.int64], video: VideoCuts, *, one_shot: bool) -> None:
    """Check that a clip's frames, which have these times, are whole parts of shots.

    Unless `one_shot`, it may go on over a hard cut with as many frames as a shot has at least, as
    joined shots do, or lie inside one gradual transition. Raises MediaError.
    """
    for cut in cuts_between(video, int(pts[0]), int(pts[-1])):
        n_before = int(np.searchsorted(pts, cut.start_pts, "right"))
        n_after = len(pts) - int(np.searchsorted(pts, cut.end_pts, "left"))
        joins = n_before + n_after == len(pts) and min(n_before, n_after) >= SHOT_FRAMES
        if one_shot or not (joins or n_before == n_after == 0):
            raise MediaError("a transition between shots lies in the clip")


def quarantine(_config: VerifyConfig, view: DatasetView) -> str:
    """Put the files of clips that failed aside, with the reasons; returns where they are."""
    live = view.scan(clips_table(view), ["clip_id"])["clip_id"].combine_chunks()
    done = view.done(VERIFIED)
    has_failed = pc.and_(pc.equal(done["status"], FAILED), pc.is_in(done["id"], value_set=live))
    reasons = {row["id"]: row["reason"] for row in done.filter(has_failed).to_pylist()}
    failed: list[Quarantined] = []
    if reasons:
        exports = view.scan(EXPORTS)
        exports = exports.filter(pc.is_in(exports["clip_id"], value_set=pa.array(reasons)))
        failed = [
            Quarantined(row.clip_id, row.video_id, row.file, row.sha256, reasons[row.clip_id])
            for row in sorted(EXPORTS.from_arrow(exports), key=lambda row: row.clip_id)
            if row.file is not None and row.sha256 is not None
        ]
    folder = view.root / QUARANTINE
    update_quarantine(folder, view.files_of(EXPORTS), failed)
    return (
        f"{quantity(len(failed), 'clip file')} in {folder}: see {REASONS} there" if failed else ""
    )


def time_limit_s(clip: Clip, _config: VerifyConfig) -> float:
    """Return the seconds after which decoding counts as stuck, also from the video's start."""
    return 3600 + 10 * clip.end_s


VERIFY = MapStage(
    name="verify",
    summary="Decode every clip file, and prove that it holds its shot and no other frame.",
    reads=PARTITIONS,
    narrowed=ACCEPTED,
    writes=VERIFIED,
    config=VerifyConfig,
    run=verify,
    open=open_decoders,
    lookups=(
        Lookup(EXPORTS),
        Lookup(SOURCES),
        Lookup(VIDEOS),
        Lookup(SCANS),
        Lookup(CUTS),
    ),
    rows_per_part=16,
    cost=Cost(advice="export.verify no, or stricter filter.rules", time_limit=time_limit_s),
    finish=Finish(run=quarantine, lookups=(Lookup(EXPORTS),), at_once=True),
    version=Version(number=3),
)
