"""Fetches published weights by address and hash, once, into the user's cache."""

import hashlib
import os
import shutil
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from vidcurate.errors import UsageError
from vidcurate.store.atomic import atomic_write
from vidcurate.store.cache import cache_folder

WAIT_S = 60


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A published file: its name, where it is fetched from, and the SHA-256 it must have."""

    name: str
    url: str
    sha256: str


def cached_file(weights: WeightsFile) -> Path:
    """The path of a published file in $XDG_CACHE_HOME or ~/.cache, below vidcurate/weights.

    For a user without a home, as in a container, it lies with the copies of remote files.
    """
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        cache = cache_folder()
    return cache / "vidcurate" / "weights" / weights.name


def fetch_weights(weights: WeightsFile) -> Path:
    """The published file on this machine, fetched from the network if it is not in the cache.

    Raises UsageError where it cannot be fetched, or is not the published file.
    """
    file = cached_file(weights)
    if not file.exists():
        try:
            with atomic_write(file) as partial:
                download(weights, partial)
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection
            raise UsageError(
                f"cannot fetch {weights.url} ({error}): put the file, which has sha256 "
                f"{weights.sha256}, at {file}"
            ) from error
    check_sha256(file, weights.sha256)
    return file


def download(weights: WeightsFile, file: Path) -> None:
    """Fetch a published file.

    Raises UsageError where another file comes.
    """
    # The address stands in this package; it is no input.
    with (
        urllib.request.urlopen(weights.url, timeout=WAIT_S) as answer,  # noqa: S310 - see above
        file.open("wb") as out,
    ):
        shutil.copyfileobj(answer, out)
    check_sha256(file, weights.sha256, weights.url)


def check_sha256(file: Path, sha256: str, source: str = "") -> None:
    """Raise UsageError for a file whose SHA-256 is not the one wanted."""
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != sha256.lower():
        raise UsageError(
            f"the weights {source or file} have sha256 {found} and not {sha256}: fetch them again"
        )
