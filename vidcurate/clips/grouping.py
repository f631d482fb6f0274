"""Clips grouped by their video, so that a stage reads a video's files once."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from vidcurate.records import Clip


def clips_by_video(clips: Iterable[Clip]) -> Iterator[tuple[str, list[Clip]]]:
    """Each video's id with its clips that follow each other, in their order."""
    for video_id, clips_of_video in groupby(clips, attrgetter("video_id")):
        yield video_id, list(clips_of_video)


def runs_of_clips(clips: Iterable[Clip]) -> Iterator[list[Clip]]:
    """Group clips in runs of one video whose starts rise, which one decode of its sound serves."""
    run: list[Clip] = []
    for clip in clips:
        if run and (clip.video_id != run[-1].video_id or clip.start_pts < run[-1].start_pts):
            yield run
            run = []
        run.append(clip)
    if run:
        yield run
