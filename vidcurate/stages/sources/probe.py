"""probe: what a film's container says of it, and what a few frames tell, before it is decoded."""

from collections.abc import Iterator, Sequence

from vidcurate.media.io.content import film_path
from vidcurate.records import SOURCES, VIDEOS, Source, Video
from vidcurate.stage import MapStage, StageConfig, Workspace, use_workspace


class ProbeConfig(StageConfig):
    """probe has no options: it reports what is there."""


def probe(sources: Sequence[Source], _config: ProbeConfig, _: Workspace) -> Iterator[list[Video]]:
    """The container facts of each film.

    Raises MediaError for what is no film, or cannot be read.
    """
    from vidcurate.media.io.probe import probe_film

    for source in sources:
        yield [probe_film(film_path(source), source.video_id)]


def longest(_source: Source, _config: ProbeConfig) -> float:
    """Seconds after which a reader is taken to be stuck, even on a slow network."""
    return 300


PROBE = MapStage(
    name="probe",
    summary="Read each film's container: length, rates, sizes, codecs, and what is wrong with it.",
    reads=SOURCES,
    writes=VIDEOS,
    config=ProbeConfig,
    open=use_workspace,
    run=probe,
    rows_per_part=128,
    time_limit=longest,
    version=2,
)
