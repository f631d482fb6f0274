"""A film's identity: its content, wherever it lies."""

import hashlib
from pathlib import Path

from vidcurate.errors import MediaError
from vidcurate.records import Source

MIB = 1 << 20


def content_id(path: Path) -> tuple[str, int]:
    """A film's id, 16 hex digits of its size and its first, middle and last MiB; and its size.

    Raises MediaError for a file that is not there, not readable, or empty.
    """
    try:
        if path.is_dir():
            raise MediaError("a folder, not a file")
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


def film_path(source: Source) -> Path:
    """Where a source's content lies now.

    Raises MediaError when none of its paths holds it any more.
    """
    for path in (source.path, *source.paths):
        if Path(path).exists() and content_id(Path(path))[0] == source.video_id:
            return Path(path)
    raise MediaError(f"the film is gone or has changed since it was ingested: {source.path}")
