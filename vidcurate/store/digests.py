"""Hashes of whole files and folders, read once and then known by size and times."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from vidcurate.errors import UsageError
from vidcurate.store.atomic import write_text
from vidcurate.store.cache import cache_folder
from vidcurate.store.storage import Location

# Smaller files are read as fast as a cached hash.
MIN_CACHED_BYTES = 1 << 20
# On some file systems a file that changes twice within this time keeps its first time.
SETTLED_S = 3.0


def sha256_of(file: Location) -> str:
    """The SHA-256 of a whole file, in 64 hex digits; raises OSError."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def cached_sha256(file: Path) -> str:
    """The SHA-256 of a file, cached until its size or a time changes; raises OSError."""
    now = file.stat()
    if now.st_size < MIN_CACHED_BYTES:
        return sha256_of(file)
    facts = (str(file.resolve()), now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino)
    name = hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    cached = cache_folder() / "hashes" / name
    if cached.exists():
        return cached.read_text("ascii")
    found = sha256_of(file)
    if time.time() - max(now.st_mtime, now.st_ctime) > SETTLED_S:
        write_text(cached, found)
    return found


def content_hash(path: Path) -> str:
    """A hash of a file, or of all files below a folder with their relative names; "" for none.

    The path itself does not count, nor do hidden files and descriptions (.md), which no model
    reads. Raises UsageError where one cannot be read.
    """
    try:
        if path.is_file():
            return cached_sha256(path)
        found = [f"{file.relative_to(path)} {cached_sha256(file)}" for file in model_files(path)]
    except OSError as error:
        raise UsageError(f"cannot read {error.filename or path}: {error.strerror}") from error
    return hashlib.sha256("\n".join(found).encode()).hexdigest() if found else ""


def model_files(folder: Path) -> Iterator[Path]:
    """The files below a folder that a model may read, in order."""
    for file in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.is_file() and not is_hidden and file.suffix.lower() != ".md":
            yield file
