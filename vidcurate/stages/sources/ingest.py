"""ingest: files that were found become sources, named by their content."""

from collections.abc import Iterator, Sequence

from vidcurate.errors import MediaError
from vidcurate.media.io.content import content_id
from vidcurate.records import FILES, SOURCES, FoundFile, Source
from vidcurate.stage import Cost, MapStage, StageConfig, Workspace, option
from vidcurate.store.storage import location

EXTENSIONS = (
    *("3g2", "3gp", "asf", "avi", "flv", "gif", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg"),
    *("mpg", "mts", "mxf", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv", "y4m"),
)


class IngestConfig(StageConfig):
    """Which files of a folder are taken. Files named one by one are always taken."""

    extensions: tuple[str, ...] = option(
        EXTENSIONS,
        "File name endings that are taken from folders",
        flag="--extension",
        neutral=True,
        min_length=1,
    )
    recursive: bool = option(True, "Look into folders inside folders", neutral=True)


def ingest(
    files: Sequence[FoundFile], _config: IngestConfig, _tool: None, _: Workspace
) -> Iterator[list[Source]]:
    """One source for each file; exact copies get the same `video_id` and are merged when read.

    Raises MediaError for a file that cannot be read, is empty, or is being written.
    """
    for file in files:
        if file.fault:
            raise MediaError(file.fault)
        where = location(file.path)
        sample, size = content_id(where)
        mtime_ns = where.stat().st_mtime_ns
        if file.content and (size, mtime_ns) != (file.size_bytes, file.mtime_ns):
            raise MediaError("the file was written to since it was read whole: ingest it again")
        yield [
            Source(
                video_id=file.content or sample,
                file_id=file.file_id,
                path=file.path,
                paths=(file.path,),
                size_bytes=size,
                extra=file.extra,
                mtimes_ns=(mtime_ns,),
                sample=sample,
            )
        ]


def longest(_file: FoundFile, _config: IngestConfig) -> float:
    """Seconds after which three mebibytes are taken never to come, even on a slow network."""
    return 120


INGEST = MapStage(
    name="ingest",
    summary="Find videos in folders, globs, lists or stdin, and name each by its content.",
    reads=FILES,
    writes=SOURCES,
    config=IngestConfig,
    run=ingest,
    rows_per_part=1024,
    cost=Cost(time_limit=longest),
)
