"""Folders and files that are not on a disk: what data sets need of them, in the words of pathlib.

A place is a `pathlib.Path` or a `Remote`; most code need not know which. Times of objects have
whole seconds. Objects are written whole or not at all, and what was written is read by all at once.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from vidcurate.errors import StorageError

SCHEME = "s3:"
SECOND_NS = 1_000_000_000
# Each request waits for the network most of the time.
REQUESTS_AT_ONCE = 16

Result = TypeVar("Result")


class Facts(NamedTuple):
    """What is known of an object without reading it; the names are those of os.stat."""

    st_mode: int
    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True, slots=True, order=True)
class Remote:
    """A folder or an object of a bucket, with those methods of pathlib.Path that are needed here.

    `key` is the bucket's name and the object's, with slashes. A folder is there while it holds
    an object. Methods raise StorageError where the storage does not answer or refuses.
    """

    key: str

    def __str__(self) -> str:
        return f"{SCHEME}//{self.key}"

    def __truediv__(self, name: str) -> "Remote":
        return Remote(f"{self.key}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The last part's ending, with its dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> "Remote":
        """All but the last part."""
        return Remote(self.key.rpartition("/")[0])

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: folders come with their objects."""

    def exists(self) -> bool:
        """Whether an object or a folder is there."""
        return bool(self._info().type)

    def is_file(self) -> bool:
        """Whether an object is there."""
        return bool(self._info().is_file)

    def is_dir(self) -> bool:
        """Whether a folder is there."""
        return self.exists() and not self.is_file()

    def stat(self) -> Facts:
        """Size and time; raises FileNotFoundError where there is no object."""
        info = self._info()
        if not info.is_file:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        return facts_of(info)

    def open(self, _mode: str = "rb") -> Any:
        """The object as a file to be read and sought; raises FileNotFoundError."""
        with told(self):
            return connection().open_input_file(self.key)

    def read_bytes(self) -> bytes:
        """The object's content; raises FileNotFoundError."""
        with told(self), connection().open_input_stream(self.key) as stream:
            return bytes(stream.readall())

    def read_text(self, encoding: str) -> str:
        """The object's text; raises FileNotFoundError."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Put an object in one step."""
        with told(self), connection().open_output_stream(self.key) as stream:
            stream.write(content)

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the object."""
        with told(self):
            try:
                connection().delete_file(self.key)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    def below(self, *, recursive: bool = True) -> dict[str, Facts]:
        """The objects of a folder, by their names from here, in order; none where it is not."""
        from pyarrow.fs import FileSelector  # noqa: PLC0415 - only who works remotely pays for it

        with told(self):
            choice = FileSelector(self.key, recursive=recursive, allow_not_found=True)
            found = connection().get_file_info(choice)
        start = len(self.key) + 1
        return {i.path[start:]: facts_of(i) for i in sorted(found, key=path_of) if i.is_file}

    def _info(self) -> Any:
        with told(self):
            return connection().get_file_info(self.key)


Location = Path | Remote


def location(name: str | Path) -> Location:
    """What a user names, made absolute: `s3://bucket/folder` (also as pathlib folds it), or a path.

    Raises StorageError where the bucket has no name.
    """
    text = str(name)
    if not text.startswith(f"{SCHEME}/"):
        return Path(name).absolute()
    key = text.removeprefix(SCHEME).strip("/")
    if not key:
        raise StorageError("s3:// names no bucket: give s3://BUCKET/FOLDER")
    return Remote(key)


def sibling(folder: Location, name: str) -> Location:
    """A file named in a list that lies in a folder; absolute names stay what they are."""
    if name.startswith(f"{SCHEME}//") or (isinstance(folder, Remote) and name.startswith("/")):
        return location(name)
    return folder / name


@cache
def connection() -> Any:
    """The S3 client of this process, by the environment that AWS's own tools read.

    Keys, profile and role are found by Arrow; it leaves endpoint and region to its caller.
    """
    from pyarrow.fs import S3FileSystem  # noqa: PLC0415 - only who works remotely pays for it

    named = os.environ.get
    return S3FileSystem(
        endpoint_override=named("AWS_ENDPOINT_URL_S3") or named("AWS_ENDPOINT_URL"),
        region=named("AWS_REGION") or named("AWS_DEFAULT_REGION"),
        allow_delayed_open=True,
    )


@contextmanager
def told(where: Remote) -> Iterator[None]:
    """Raise StorageError, in one line, for what is not just an object that is missing."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        text = " ".join(str(error).split()).partition(" (Request ID")[0]
        raise StorageError(f"{where}: {text}") from None


def require_bucket(where: Location) -> None:
    """Raise StorageError where a place's bucket is not there."""
    if isinstance(where, Remote):
        bucket = Remote(where.key.partition("/")[0])
        if not bucket.exists():
            raise StorageError(f"{bucket} is not there, or is another's: make the bucket first")


def facts_of(info: Any) -> Facts:
    """What Arrow says of an object.

    Where a second is all that is known of the time, the size in the place of its nanoseconds tells
    most objects apart that were written in one second under one name.
    """
    return Facts(stat.S_IFREG, info.size, info.mtime_ns + info.size % SECOND_NS)


def path_of(info: Any) -> str:
    """Where Arrow found an object."""
    return str(info.path)


def put(file: Path, target: Remote) -> None:
    """Upload a file; the object is there when all of it is.

    Not by Arrow's `copy_files`, which does not tell of an upload that fails as it is completed.
    """
    with (
        file.open("rb") as source,
        told(target),
        connection().open_output_stream(target.key) as stream,
    ):
        shutil.copyfileobj(source, stream, 1 << 22)


def get(source: Remote, file: Path) -> None:
    """Download an object to a path; raises FileNotFoundError."""
    with source.open() as stream, told(source), file.open("wb") as target:
        shutil.copyfileobj(stream, target, 1 << 22)


def copy(source: Remote, target: Location) -> None:
    """Copy an object, within the storage without a way through this machine."""
    if isinstance(target, Path):
        get(source, target)
        return
    with told(source):
        connection().copy_file(source.key, target.key)


def names_of(folder: Location) -> list[str]:
    """The names of the files that lie in a folder; none where the folder is not there."""
    if isinstance(folder, Remote):
        return list(folder.below(recursive=False))
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []


def is_gone(error: OSError) -> bool:
    """Whether an error says that a file was removed; on another machine that is a stale handle."""
    return isinstance(error, FileNotFoundError) or error.errno == errno.ESTALE


@contextmanager
def gone_while_read(where: Location) -> Iterator[None]:
    """Raise FileNotFoundError for an object that was removed while it was read.

    What Arrow says of it differs from storage to storage.
    """
    try:
        yield
    except OSError as error:
        if isinstance(where, Remote) and not where.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(where)) from error
        raise


def names_in(folder: Location) -> dict[str, Facts | os.stat_result]:
    """The files that lie in a folder, with size and time; none where the folder is not there."""
    if isinstance(folder, Remote):
        return {**folder.below(recursive=False)}
    found: dict[str, Facts | os.stat_result] = {}
    for name in names_of(folder):
        with suppress(FileNotFoundError):  # removed since it was listed
            found[name] = (folder / name).stat()
    return found


def folders_in(folder: Location) -> list[Location]:
    """The folders that lie in a folder, in order."""
    if isinstance(folder, Remote):
        return [
            folder / name
            for name in sorted({n.partition("/")[0] for n in folder.below() if "/" in n})
        ]
    return sorted(folder.glob("*/"))


def bytes_below(folder: Location) -> int:
    """Bytes of a file, or of all files in a folder; 0 where there is none."""
    if folder.is_file():
        return folder.stat().st_size
    if isinstance(folder, Remote):
        return sum(facts.st_size for facts in folder.below().values())
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove(where: Location) -> None:
    """Remove a file, or a folder with all that lies in it."""
    if isinstance(where, Remote):
        with told(where):
            connection().delete_dir(where.key)
    elif where.is_dir():
        shutil.rmtree(where)
    else:
        where.unlink()


def each(function: Callable[[str], Result], names: Iterable[str], folder: Location) -> list[Result]:
    """A function's results for several names in order; of a remote folder several at once."""
    if isinstance(folder, Remote):
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
            return list(threads.map(function, names))
    return [function(name) for name in names]
