"""Exports uploaded to a hub that speaks Hugging Face's protocol, where only our own is replaced."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vidcurate.errors import (
    MissingExtraError,
    StorageError,
    UsageError,
    VidcurateError,
    quantity,
    some,
)
from vidcurate.exporting.folder.manifest import MANIFEST, FileEntry, file_sha256, parse_manifest
from vidcurate.exporting.folder.marker import ExportMarker, read_marker, write_marker
from vidcurate.store.markers import EXPORT_MARKER

HUB = "hub:"
REPOSITORY = re.compile(r"hub:([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)")
# What a hub puts into each repository by itself.
OF_HUB = frozenset([".gitattributes"])
# What says which files are the export's; the mark comes last.
OWN_RECORDS = (MANIFEST, EXPORT_MARKER)
# A hub takes more files in one commit, but answers late then.
FILES_PER_COMMIT = 5_000
# Clients of the several versions of huggingface_hub.
TRANSPORTS = ("httpx", "httpx2", "requests", "urllib3")


def repository_of(address: str) -> str:
    """Return the repository that an address names; raises ValueError for another address."""
    found = REPOSITORY.fullmatch(address)
    if found is None:
        raise ValueError(f"must be hub:user/name, not {address!r}")
    return found[1]


@dataclass(frozen=True)
class Upload:
    """What an upload changes in a repository: files that go there, and that are removed there."""

    repository: str
    files: Sequence[FileEntry]
    removed: Sequence[str]
    n_same: int
    is_new: bool

    def __str__(self) -> str:
        n_bytes = sum(file.bytes for file in self.files)
        return (
            f"{quantity(len(self.files), 'file')}, {n_bytes / 1e9:.3f} GB; "
            f"{self.n_same} there already, {len(self.removed)} removed"
        )

    def lines(self) -> Iterator[str]:
        """Name each file that is uploaded or removed."""
        yield from (f"would upload {file.name} ({file.bytes} bytes)" for file in self.files)
        yield from (f"would remove {name}" for name in self.removed)


def hub_client() -> Any:
    """Make a client; raises MissingExtraError where its library is not installed."""
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub") from error
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="vidcurate")


def check_hub(address: str, *, dry_run: bool) -> None:
    """Check, before any work, that an upload can begin.

    Raises UsageError for a wrong address and where there is no token, MissingExtraError where the
    library is missing.
    """
    try:
        repository_of(address)
    except ValueError as fault:
        raise UsageError(f"--push-to {fault}") from None
    hub_client()
    from huggingface_hub import get_token  # noqa: PLC0415 - optional

    if not dry_run and not get_token():
        raise UsageError("the hub needs a token to upload: `hf auth login`, or set HF_TOKEN")


def push(folder: Path, address: str, *, dry_run: bool) -> str:
    """Upload a finished export to a repository; with `dry_run` only say what would be done.

    A repository that is not there is made, a private one. Files of ours that the export no longer
    has are removed; what others put there stays. Raises UsageError where a file of another would be
    replaced, and StorageError where the hub does not answer or refuses.
    """
    repository = repository_of(address)
    client = hub_client()
    with hub_errors(address), TemporaryDirectory() as scratch:
        upload = plan_upload(client, folder, repository, Path(scratch))
        where = f"{client.endpoint}/datasets/{repository}"
        if dry_run:
            new = " (a new private repository)" if upload.is_new else ""
            return "\n".join([*upload.lines(), f"nothing was uploaded to {where}{new}: {upload}"])
        if upload.is_new:
            client.create_repo(repository, repo_type="dataset", private=True)
        send(client, folder, upload, Path(scratch))
    return f"uploaded to {where}: {upload}"


def plan_upload(client: Any, folder: Path, repository: str, scratch: Path) -> Upload:
    """Compare an export with its repository; raises UsageError where that holds other things."""
    from huggingface_hub.errors import RepositoryNotFoundError  # noqa: PLC0415 - optional

    marker = read_marker(folder)
    assert marker is not None
    own = files_to_upload(folder)
    try:
        listed = client.list_repo_tree(repository, recursive=True, repo_type="dataset")
        present = {file.path: file for file in listed if hasattr(file, "size")}
        is_new = False
    except RepositoryNotFoundError:
        present, is_new = {}, True
    before = read_remote(client, repository, present, marker, own.keys(), scratch)
    theirs = sorted(present.keys() & own.keys() - before.keys())
    if theirs:
        raise UsageError(
            f"{repository} holds files that no export of this data set wrote, and that would be "
            f"replaced: {some(theirs)}: move them away, or name another repository"
        )
    changed = [file for name, file in own.items() if not is_there(file, before, present)]
    return Upload(
        repository=repository,
        files=changed,
        removed=sorted(before.keys() & present.keys() - own.keys()),
        n_same=len(own) - len(changed),
        is_new=is_new,
    )


def files_to_upload(folder: Path) -> dict[str, FileEntry]:
    """Map the files of an export to their entries, its manifest and mark last."""
    entries = parse_manifest((folder / MANIFEST).read_bytes())
    return entries | {name: entry_of(folder, name) for name in OWN_RECORDS}


def entry_of(folder: Path, name: str) -> FileEntry:
    """Return the entry of a file that no manifest lists."""
    return FileEntry(name, (folder / name).stat().st_size, file_sha256(folder / name))


def is_there(
    file: FileEntry, before: Mapping[str, FileEntry | None], present: Mapping[str, Any]
) -> bool:
    """Check whether a repository has a file with this content."""
    remote, known = present.get(file.name), before.get(file.name)
    if remote is None or remote.size != file.bytes:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == file.sha256)
    return known is not None and known.sha256 == file.sha256


def read_remote(
    client: Any,
    repository: str,
    present: Mapping[str, Any],
    marker: ExportMarker,
    wanted: Iterable[str],
    scratch: Path,
) -> dict[str, FileEntry | None]:
    """Map the files that an earlier export put into a repository to their entries.

    `wanted` are the files that are to be put there. Raises UsageError where the repository holds
    another data set's export, or only other things.
    """
    if not present.keys() - OF_HUB:
        return {}
    for name in OWN_RECORDS:
        if name in present:
            client.hf_hub_download(repository, name, repo_type="dataset", local_dir=scratch)
    found = read_marker(scratch)
    if found is None or (found.dataset, found.target) != (marker.dataset, marker.target):
        whose = "another data set's" if found else f"such as {min(present.keys() - OF_HUB)}"
        raise UsageError(
            f"{repository} holds other things than this export ({whose}): "
            "name a new or an empty repository"
        )
    manifest = scratch / MANIFEST
    entries = parse_manifest(manifest.read_bytes()) if manifest.exists() else {}
    known: dict[str, FileEntry | None] = {
        **entries,
        **{n: entry_of(scratch, n) for n in OWN_RECORDS if n in present},
    }
    if not found.finished:
        # An upload that was interrupted put files there that its manifest does not name yet.
        known |= {name: known.get(name) for name in wanted if name in present}
    return known


def send(client: Any, folder: Path, upload: Upload, scratch: Path) -> None:
    """Upload files in as few commits as the hub takes; the last one says that all are there."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete  # noqa: PLC0415

    # Its bars would write over those of a run.
    import_module("huggingface_hub.utils").disable_progress_bars()
    last = [file for file in upload.files if file.name in OWN_RECORDS]
    data = [file for file in upload.files if file not in last]
    batches = [data[n : n + FILES_PER_COMMIT] for n in range(0, len(data), FILES_PER_COMMIT)]
    batches = batches or [[]]
    for number, batch in enumerate(batches, 1):
        is_last = number == len(batches)
        operations: list[Any] = [
            CommitOperationAdd(file.name, str(folder / file.name))
            for file in (*batch, *(last if is_last else ()))
        ]
        if is_last:
            operations += [CommitOperationDelete(name) for name in upload.removed]
        elif number == 1:
            marker = read_marker(folder)
            assert marker is not None
            write_marker(scratch, ExportMarker(marker.dataset, marker.target))
            operations.append(CommitOperationAdd(EXPORT_MARKER, str(scratch / EXPORT_MARKER)))
        if operations:
            client.create_commit(
                upload.repository,
                operations,
                commit_message=f"Export of {upload.repository.partition('/')[2]}"
                + (f", part {number} of {len(batches)}" if len(batches) > 1 else ""),
                repo_type="dataset",
            )


@contextmanager
def hub_errors(address: str) -> Iterator[None]:
    """Raise StorageError, in one line, for what a hub answers or for its silence."""
    try:
        yield
    except VidcurateError:
        raise
    except Exception as error:
        found = hub_fault(error)
        if found is None:
            raise
        raise StorageError(f"{address}: {found}") from error


def hub_fault(error: BaseException) -> str | None:
    """Return what a hub said or did that led to an error; None for any other error."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415

    at: BaseException | None = error
    while at is not None:
        if isinstance(at, (HfHubHTTPError, OfflineModeIsEnabled)):
            return first_line(at)
        if type(at).__module__.partition(".")[0] in TRANSPORTS:
            return f"the hub does not answer: {first_line(at)}"
        at = at.__cause__
    return None


def first_line(error: BaseException) -> str:
    """Return what an error says in its lines that are not empty, as one."""
    return " ".join(line.strip() for line in str(error).splitlines() if line.strip())
