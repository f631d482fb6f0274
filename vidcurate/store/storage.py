"""Files on a disk and objects in a bucket, in the words of pathlib.

A location is a `pathlib.Path` or a `Remote`; most code need not know which. Times of objects have
whole seconds. An object is written completely or not at all, and every reader sees it at once.
"""

import errno
import io
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from vidcurate.errors import MissingExtraError, StorageError

# Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.
SCHEMES = ("s3", "gs", "az")
SECOND_NS = 1_000_000_000
# Each request waits for the network most of the time.
CONCURRENT_REQUESTS = 16
CHUNK_BYTES = 1 << 24
# Smaller objects are read in one request, larger ones as far as they are asked for.
SMALL_BYTES = 1 << 20
RETRIES: Any = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=10),
        "base": 2,
    },
}
# For one request, which carries at most CHUNK_BYTES.
REQUEST_TIMEOUT = timedelta(minutes=3)

Result = TypeVar("Result")
Version = Mapping[str, str]


class FileInfo(NamedTuple):
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
    scheme: str = "s3"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}"

    def __truediv__(self, name: str) -> "Remote":
        return replace(self, key=f"{self.key}/{name}")

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
        return replace(self, key=self.key.rpartition("/")[0])

    @property
    def bucket(self) -> "Remote":
        """The bucket that holds this."""
        return replace(self, key=self.key.partition("/")[0])

    @property
    def path(self) -> str:
        """The object's name in its bucket."""
        return self.key.partition("/")[2]

    @property
    def client(self) -> Any:
        """The client of the bucket."""
        return connection(self.scheme, self.bucket.key)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: folders come with their objects."""

    def exists(self) -> bool:
        """Whether an object or a folder is there."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether an object is there."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether a folder is there; a bucket is one even when it is empty."""
        with storage_errors(self):
            found = self.client.list(self.path or None, chunk_size=1)
            return any(True for chunk in found for _ in chunk) or not self.path

    def stat(self) -> FileInfo:
        """Size and time; raises FileNotFoundError where there is no object."""
        if not self.path:
            raise not_found(self)
        with storage_errors(self):
            return info_of(self.client.head(self.path))

    def open(self, _mode: str = "rb") -> io.BufferedIOBase:
        """The object as a file to be read and sought; raises FileNotFoundError."""
        size = self.stat().st_size
        if size <= SMALL_BYTES:
            return io.BytesIO(self.read_bytes())
        return io.BufferedReader(ObjectReader(self, size), SMALL_BYTES)

    def read_bytes(self) -> bytes:
        """The object's content; raises FileNotFoundError."""
        with storage_errors(self):
            return bytes(self.client.get(self.path).bytes())

    def read_version(self) -> tuple[bytes, Version]:
        """The object's content with its ETag and version number; raises FileNotFoundError."""
        with storage_errors(self):
            found = self.client.get(self.path)
            meta = found.meta
            version = {n: meta[n] for n in ("e_tag", "version") if meta.get(n)}
            return bytes(found.bytes()), version

    def read_text(self, encoding: str) -> str:
        """The object's text; raises FileNotFoundError."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Put an object in one step."""
        with storage_errors(self):
            self.client.put(self.path, content)

    def write_if(self, content: bytes, version: Version | None) -> bool:
        """Put an object if it still has a version, or with None if there is none yet.

        The storage decides this in one step. False where another writer came first, or where a
        repeated request met its own first one. Raises NotImplementedError where the storage has no
        such step.
        """
        exceptions = obstore().exceptions
        mode = "create" if version is None else dict(version)
        try:
            self.client.put(self.path, content, mode=mode)
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
            return False
        except FileNotFoundError as error:  # removed since it was read, or there is no bucket
            if version is None:
                raise StorageError(no_bucket(self)) from error
            return False
        except exceptions.NotSupportedError as error:
            raise NotImplementedError(one_line(error)) from error
        except exceptions.BaseError as error:
            if "501 Not Implemented" in str(error):
                raise NotImplementedError(one_line(error)) from error
            raise StorageError(f"{self}: {one_line(error)}") from error
        return True

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the object."""
        if not missing_ok:
            self.stat()  # most storages do not say whether there was one
        with storage_errors(self), suppress(FileNotFoundError):
            self.client.delete(self.path)

    def below(self, *, recursive: bool = True) -> dict[str, FileInfo]:
        """The objects of a folder, by their names from here, in order; none where it is not."""
        prefix = self.path or None
        with storage_errors(self):
            if recursive:
                found = [item for chunk in self.client.list(prefix) for item in chunk]
            else:
                found = list(self.client.list_with_delimiter(prefix)["objects"])
        start = len(self.path) + 1 if self.path else 0
        named = {item["path"][start:]: info_of(item) for item in found}
        return {name: named[name] for name in sorted(named) if name}


class ObjectReader(io.RawIOBase):
    """Reads an object piece by piece, as it is asked for."""

    def __init__(self, where: Remote, size: int) -> None:
        super().__init__()
        self._where, self._size, self._position = where, size, 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next piece begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes; returns how many there were."""
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        with storage_errors(self._where):
            found = self._where.client.get_range(
                self._where.path, start=self._position, length=length
            )
        buffer[: len(found)] = memoryview(found)
        self._position += len(found)
        return len(found)


Location = Path | Remote


def location(name: str | Path) -> Location:
    """A user's path, made absolute, or an address such as `s3://bucket/folder`.

    pathlib shortens the address to `s3:/bucket/folder`, which is accepted too.
    Raises StorageError where the bucket has no name.
    """
    scheme, colon, rest = str(name).partition(":")
    if scheme not in SCHEMES or not colon or not rest.startswith("/"):
        return Path(name).absolute()
    key = rest.strip("/")
    if not key:
        raise StorageError(f"{scheme}:// names no bucket: give {scheme}://BUCKET/FOLDER")
    return Remote(key, scheme)


def resolve_name(folder: Location, name: str) -> Location:
    """A file that a list in a folder names; absolute names and addresses stay what they are."""
    is_address = any(name.startswith(f"{scheme}://") for scheme in SCHEMES)
    if is_address or (isinstance(folder, Remote) and name.startswith("/")):
        return location(name)
    return folder / name


@cache
def obstore() -> Any:
    """The client library; raises MissingExtraError where it is not installed."""
    try:
        import obstore  # noqa: PLC0415 - optional, and only who works remotely pays for it
        import obstore.exceptions  # noqa: PLC0415 - as above
        import obstore.store  # noqa: PLC0415 - as above
    except ImportError as error:
        raise MissingExtraError("obstore", "storage") from error
    return obstore


@cache
def connection(scheme: str, bucket: str) -> Any:
    """The client of a bucket, by the environment that the cloud's own tools read.

    Raises StorageError where the environment lacks something.
    """
    store = obstore().store
    options: Any = {
        # An address with http:// is the user's own choice.
        "client_options": {"allow_http": True, "timeout": REQUEST_TIMEOUT},
        "retry_config": RETRIES,
    }
    try:
        if scheme == "gs":
            return store.GCSStore(bucket, **options)
        if scheme == "az":
            account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
            if not account:
                raise StorageError(f"az://{bucket}: set AZURE_STORAGE_ACCOUNT_NAME to its account")
            return store.AzureStore(bucket, account_name=account, **options)
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            options["endpoint"] = endpoint
        return store.S3Store(bucket, **options, **aws_profile())
    except obstore().exceptions.BaseError as error:
        raise StorageError(f"{scheme}://{bucket}: {one_line(error)}") from error


def aws_profile() -> dict[str, Any]:
    """Credentials and region from the files of AWS's tools, unless the environment holds keys.

    Raises MissingExtraError where a profile is asked for and boto3, which reads it, is missing.
    """
    variables = os.environ
    if "AWS_ACCESS_KEY_ID" in variables or "AWS_SKIP_SIGNATURE" in variables:
        return {}
    named = variables.get("AWS_PROFILE") or variables.get("AWS_DEFAULT_PROFILE")
    files = (
        variables.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials",
        variables.get("AWS_CONFIG_FILE") or "~/.aws/config",
    )
    if not named and not any(Path(file).expanduser().is_file() for file in files):
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingExtraError("boto3", "aws") from error
    provider = Boto3CredentialProvider()
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    known = {"region": region} if region else dict(provider.config)
    return {"credential_provider": provider, **known}


@contextmanager
def storage_errors(where: Remote) -> Iterator[None]:
    """Raise StorageError, in one line, for what is not just an object that is missing."""
    try:
        yield
    except FileNotFoundError as error:
        if is_bucket_missing(error):
            raise StorageError(no_bucket(where)) from None
        raise not_found(where) from error
    except obstore().exceptions.BaseError as error:
        if is_bucket_missing(error):
            raise StorageError(no_bucket(where)) from None
        raise StorageError(f"{where}: {one_line(error)}{credentials_hint(error)}") from None


def credentials_hint(error: BaseException) -> str:
    """Where a server refuses the caller, or none has keys: what to look at."""
    refused = ("169.254.169.254", "metadata.google.internal", "401 Unauthorized", "403 Forbidden")
    is_refused = any(sign in str(error) for sign in refused)
    return (
        ": check the keys in the environment (docs/guides/object-storage.md)" if is_refused else ""
    )


def is_bucket_missing(error: BaseException) -> bool:
    """Whether the bucket itself is missing, in the words of S3, Google and Azure."""
    answers = ("NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound")
    return any(answer in str(error) for answer in answers)


def no_bucket(where: Remote) -> str:
    """The message where a bucket is missing."""
    return f"{where}: there is no bucket {where.bucket}: make it first"


def not_found(where: Remote) -> FileNotFoundError:
    """The error of an object that is missing."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(where))


def one_line(error: BaseException) -> str:
    """The client's message in one line, without its debug output and the answer's XML."""
    text = str(error).partition("\n\nDebug source:")[0].partition(": <")
    return " ".join(text[0].split())


def require_bucket(where: Location) -> None:
    """Raise StorageError where a location's bucket is not there."""
    if isinstance(where, Remote):
        where.bucket.is_dir()


def info_of(meta: Any) -> FileInfo:
    """The size and time of an object.

    Times have whole seconds; the size is added as nanoseconds, so that most objects that are
    written under one name within a second differ.
    """
    size = int(meta["size"])
    time_ns = int(meta["last_modified"].timestamp()) * SECOND_NS
    return FileInfo(stat.S_IFREG, size, time_ns + size % SECOND_NS)


def put(file: Path, target: Remote) -> None:
    """Upload a file; the object is there when all of it is."""
    with storage_errors(target):
        target.client.put(target.path, file, chunk_size=CHUNK_BYTES, max_concurrency=4)


def get(source: Remote, file: Path) -> None:
    """Download an object to a path; raises FileNotFoundError."""
    with source.open() as stream, file.open("wb") as target:
        shutil.copyfileobj(stream, target, CHUNK_BYTES)


def copy(source: Remote, target: Location) -> None:
    """Copy an object; within a bucket the storage does it."""
    if isinstance(target, Path):
        get(source, target)
    elif source.bucket == target.bucket:
        with storage_errors(source):
            source.client.copy(source.path, target.path)
    else:
        with storage_errors(source), storage_errors(target):
            target.client.put(target.path, source.client.get(source.path).stream())


def list_names(folder: Location) -> list[str]:
    """The names of the files in a folder; none where it does not exist."""
    if isinstance(folder, Remote):
        return list(folder.below(recursive=False))
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []


def is_gone(error: OSError) -> bool:
    """Whether an error means that a file was removed; on a network disk, a stale handle."""
    return isinstance(error, FileNotFoundError) or error.errno == errno.ESTALE


@contextmanager
def gone_while_read(where: Location) -> Iterator[None]:
    """Raise FileNotFoundError for an object that was removed while Arrow read it."""
    try:
        yield
    except OSError as error:
        if isinstance(where, Remote) and not where.exists():
            raise not_found(where) from error
        raise


def list_files(folder: Location) -> dict[str, FileInfo | os.stat_result]:
    """The files in a folder, with size and time; none where it does not exist."""
    if isinstance(folder, Remote):
        return {**folder.below(recursive=False)}
    found: dict[str, FileInfo | os.stat_result] = {}
    for name in list_names(folder):
        with suppress(FileNotFoundError):  # removed since it was listed
            found[name] = (folder / name).stat()
    return found


def list_folders(folder: Location) -> list[Location]:
    """The folders in a folder, in order."""
    if isinstance(folder, Remote):
        return [
            folder / name
            for name in sorted({n.partition("/")[0] for n in folder.below() if "/" in n})
        ]
    return sorted(folder.glob("*/"))


def bytes_below(folder: Location) -> int:
    """The size of a file, or of all files below a folder; 0 where there is none."""
    if folder.is_file():
        return folder.stat().st_size
    if isinstance(folder, Remote):
        return sum(facts.st_size for facts in folder.below().values())
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove(where: Location) -> None:
    """Remove a file, or a folder with its content."""
    if isinstance(where, Remote):
        names = list(where.below())
        with storage_errors(where):
            where.client.delete([(where / name).path for name in names] or [where.path])
    elif where.is_dir():
        shutil.rmtree(where)
    else:
        where.unlink()


def map_names(
    function: Callable[[str], Result], names: Iterable[str], folder: Location
) -> list[Result]:
    """Call a function for several names, for a remote folder in parallel; results in order."""
    if isinstance(folder, Remote):
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as threads:
            return list(threads.map(function, names))
    return [function(name) for name in names]
