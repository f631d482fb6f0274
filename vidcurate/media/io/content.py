"""A video's identity: its content, wherever it lies."""

import hashlib
import stat
from pathlib import Path

from vidcurate.errors import MediaError
from vidcurate.records import Source
from vidcurate.store.cache import local_copy
from vidcurate.store.storage import Location, location

MIB = 1 << 20
SAMPLED_WHOLE = 3 * MIB  # no byte of a file up to this size is outside its sample
TIME_STEP_NS = 1000  # what file systems in common use keep of a time
OTHER_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def content_id(path: Location) -> tuple[str, int]:
    """A video's id, 16 hex digits of its size and its first, middle and last MiB; and its size.

    Raises MediaError for a file that is not there, not readable, empty, or no plain file.
    """
    try:
        check_kind(path)
        size = path.stat().st_size
        if size == 0:
            raise MediaError("the file is empty (0 bytes)")
        digest = hashlib.sha256(str(size).encode())
        with path.open("rb") as file:
            for start in sorted({0, max(0, (size - MIB) // 2), max(0, size - MIB)}):
                file.seek(start)
                digest.update(file.read(MIB))
    except OSError as error:
        raise MediaError(f"cannot read the file: {error.strerror}") from error
    return digest.hexdigest()[:16], size


def check_kind(path: Location) -> None:
    """Make sure that a path is a plain file: opening a pipe or a device may wait for ever.

    Raises MediaError for what is none, and OSError where there is nothing.
    """
    kind = stat.S_IFMT(path.stat().st_mode)
    if kind != stat.S_IFREG:
        raise MediaError(f"{OTHER_KINDS.get(kind, 'a special file')}, not a video")


def video_path(source: Source) -> Path:
    """Where a source's content lies now, on this machine: a remote one is fetched.

    Raises MediaError when none of its paths holds it any more.
    """
    was_touched = False
    for path, mtime_ns in zip(source.paths, source.mtimes_ns, strict=True):
        where = location(path)
        try:
            now, video = where.stat(), local_copy(where)
            if now.st_size != source.size_bytes or content_id(video)[0] != source.sample:
                continue
        except (OSError, MediaError):
            continue
        is_as_it_was = now.st_mtime_ns // TIME_STEP_NS == mtime_ns // TIME_STEP_NS
        if is_as_it_was or now.st_size <= SAMPLED_WHOLE:
            return video
        was_touched = True
    if was_touched:
        raise MediaError(
            f"the video was written again since it was ingested: {source.path}: name it as SOURCE "
            "once more, with --retry-failed, and it is read whole"
        )
    raise MediaError(f"the video is gone or has changed since it was ingested: {source.path}")
