"""probe: the facts of a video's container and of a few frames, before it is decoded."""

from collections.abc import Iterator, Sequence

from vidcurate.media.io.content import video_path
from vidcurate.options import StageConfig
from vidcurate.records import SOURCES, VIDEOS, Source, Video
from vidcurate.stage import Cost, MapStage, Version, Workspace


class ProbeConfig(StageConfig):
    """probe has no options: it reports what is there."""


def probe(
    sources: Sequence[Source], _config: ProbeConfig, _tool: None, _: Workspace
) -> Iterator[list[Video]]:
    """Read the container facts of each video.

    Raises MediaError for what is no video, or cannot be read.
    """
    from vidcurate.media.io.probe import probe_video

    for source in sources:
        yield [probe_video(video_path(source), source.video_id)]


def time_limit_s(_source: Source, _config: ProbeConfig) -> float:
    """Return the seconds after which a reader counts as stuck, even on a slow network."""
    return 300


PROBE = MapStage(
    name="probe",
    summary="Read each video's container: length, rates, sizes, codecs, and what is wrong with it.",
    reads=SOURCES,
    writes=VIDEOS,
    config=ProbeConfig,
    run=probe,
    rows_per_part=128,
    cost=Cost(time_limit=time_limit_s),
    version=Version(number=2),
)
