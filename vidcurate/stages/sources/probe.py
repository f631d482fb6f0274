"""probe: what a video's container says of it, and what a few frames tell, before it is decoded."""

from collections.abc import Iterator, Sequence

from vidcurate.media.io.content import video_path
from vidcurate.records import SOURCES, VIDEOS, Source, Video
from vidcurate.stage import Cost, MapStage, StageConfig, Version, Workspace


class ProbeConfig(StageConfig):
    """probe has no options: it reports what is there."""


def probe(
    sources: Sequence[Source], _config: ProbeConfig, _tool: None, _: Workspace
) -> Iterator[list[Video]]:
    """The container facts of each video.

    Raises MediaError for what is no video, or cannot be read.
    """
    from vidcurate.media.io.probe import probe_video

    for source in sources:
        yield [probe_video(video_path(source), source.video_id)]


def longest(_source: Source, _config: ProbeConfig) -> float:
    """Seconds after which a reader is taken to be stuck, even on a slow network."""
    return 300


PROBE = MapStage(
    name="probe",
    summary="Read each video's container: length, rates, sizes, codecs, and what is wrong with it.",
    reads=SOURCES,
    writes=VIDEOS,
    config=ProbeConfig,
    run=probe,
    rows_per_part=128,
    cost=Cost(time_limit=longest),
    version=Version(number=2),
)
