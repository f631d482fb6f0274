"""keyframes: full-size stills of the kept clips, decoded by exact time from the source."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidcurate.media.content import film_path
from vidcurate.records import (
    KEPT,
    KEYFRAMES,
    SCANS,
    SOURCES,
    VIDEOS,
    Clip,
    ClipKeyframes,
    Keyframe,
)
from vidcurate.stage import Beside, MapStage, StageConfig, Workspace, option, use_workspace
from vidcurate.window import window

Ticks = NDArray[np.int64]
ENDINGS = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class KeyframesConfig(StageConfig):
    """Which stills are taken, and how they are stored."""

    method: Literal["uniform", "middle", "sharpest"] = option(
        "uniform",
        "uniform: evenly over the clip; middle: one; sharpest: the sharpest sample of each part",
    )
    count: int = option(3, "Stills of a clip, for uniform and sharpest", ge=1, le=256)
    format: Literal["jpeg", "png", "webp"] = option("jpeg", "File format of the stills")
    quality: int = option(90, "JPEG or WebP quality", ge=1, le=100)
    max_side: int | None = option(
        None, "Shrink stills to this long side; none keeps their size", unit="pixels", ge=16
    )


def keyframes(
    clips: Sequence[Clip], config: KeyframesConfig, workspace: Workspace
) -> Iterator[list[ClipKeyframes]]:
    """The stills of each clip, at exact frames of the source.

    Raises MediaError where the source cannot be decoded at a wanted time.
    """
    from vidcurate.media.stills import grab, write_still

    for video_id, of_film in groupby(clips, lambda clip: clip.video_id):
        film = list(of_film)
        wanted = {clip.clip_id: choose(clip, config, workspace) for clip in film}
        video = workspace.beside(VIDEOS)[video_id]
        path = film_path(workspace.beside(SOURCES)[video_id])
        every = sorted({pts for chosen in wanted.values() for pts in chosen})
        sizes: dict[int, tuple[int, int]] = {}
        for pts, image in grab(path, video, every):
            file = workspace.files / file_name(video_id, pts, config)
            sizes[pts] = write_still(image, file, config.format, config.quality, config.max_side)
        for clip in film:
            yield [as_row(clip, wanted[clip.clip_id], sizes, config)]


def as_row(
    clip: Clip, chosen: Sequence[int], sizes: dict[int, tuple[int, int]], config: KeyframesConfig
) -> ClipKeyframes:
    """One clip's stills."""
    stills = tuple(
        Keyframe(
            pts, float(pts * clip.time_base), file_name(clip.video_id, pts, config), *sizes[pts]
        )
        for pts in chosen
    )
    return ClipKeyframes(clip.clip_id, clip.video_id, config.method, stills)


def file_name(video_id: str, pts: int, config: KeyframesConfig) -> str:
    """A still's file: its film and its time."""
    return f"{video_id}-{pts}.{ENDINGS[config.format]}"


def choose(clip: Clip, config: KeyframesConfig, workspace: Workspace) -> list[int]:
    """The times of a clip's stills, in ticks, each that of a real frame."""
    from vidcurate.media.scan import read_frames, read_samples

    scan = workspace.beside(SCANS)[clip.video_id]
    frames = window(read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",)), clip)[
        "pts"
    ].to_numpy()
    count = 1 if config.method == "middle" else config.count
    if config.method != "sharpest":
        return middles(frames, clip, count)
    samples = window(
        read_samples(workspace.file_of(SCANS, scan.samples_file), ("pts", "sharpness")), clip
    )
    return sharpest(
        samples["pts"].to_numpy(),
        samples["sharpness"].to_numpy(),
        middles(frames, clip, count),
        clip,
    )


def middles(frames: Ticks, clip: Clip, count: int) -> list[int]:
    """The frames shown at the middles of `count` equal parts of a clip, each once."""
    span = clip.end_pts - clip.start_pts
    times = [clip.start_pts + span * (2 * part + 1) // (2 * count) for part in range(count)]
    numbers = np.searchsorted(frames, times, "right") - 1
    return sorted({int(frames[number]) for number in numbers})


def sharpest(
    samples: Ticks, sharpness: NDArray[np.float32], parts: Sequence[int], clip: Clip
) -> list[int]:
    """The sharpest sample of each part of a clip; a part without a sample gives its middle."""
    span = clip.end_pts - clip.start_pts
    chosen = []
    for number, middle in enumerate(parts):
        edges = [clip.start_pts + span * n // len(parts) for n in (number, number + 1)]
        first, stop = np.searchsorted(samples, edges, "left")
        best = first + int(np.argmax(sharpness[first:stop])) if stop > first else None
        chosen.append(middle if best is None else int(samples[best]))
    return sorted(set(chosen))


def longest(clip: Clip, _config: KeyframesConfig) -> float:
    """Seconds after which decoding is taken to be stuck; all clips of a batch may come at once."""
    return 3600 + 10 * clip.end_s


KEYFRAMES_STAGE = MapStage(
    name="keyframes",
    summary="Take full-size stills of the kept clips from the source.",
    reads=KEPT,
    writes=KEYFRAMES,
    config=KeyframesConfig,
    open=use_workspace,
    run=keyframes,
    beside=(Beside(SOURCES), Beside(VIDEOS), Beside(SCANS)),
    cheaper="a smaller keyframes.count, or stricter filter.rules",
    rows_per_part=64,
    time_limit=longest,
)
