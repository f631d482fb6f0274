"""Uploads of exports, against a hub on this machine."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import constants

from tests.support.hub_server import TOKEN, Hub, hub_server
from tests.support.pipeline import process
from vidcurate.cli.output import Quiet
from vidcurate.errors import MissingExtraError, StorageError, UsageError
from vidcurate.exporting.folder import hub as hub_module
from vidcurate.exporting.folder.hub import hub_errors, push
from vidcurate.exporting.folder.manifest import MANIFEST
from vidcurate.exporting.folder.marker import CARD
from vidcurate.pipeline.run_options import RunOptions, run_options
from vidcurate.store.markers import EXPORT_MARKER

WHOLE: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "filter": {},
    "caption": {},
    "export": {"preset": "ultrafast", "verify": False, "rows_per_shard": 2},
}
ADDRESS = "hub:me/films"
# The hub's own library calls its own client so.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def out(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three clips with its Parquet."""
    out = tmp_path_factory.mktemp("made") / "out"
    process(out, WHOLE, video)
    return out


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub without a repository, and a token for it."""
    with hub_server() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub


def below(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


class Notes(Quiet):
    """Remembers what a run says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Remember a message."""
        self.said.append(text)


def test_an_export_is_uploaded_whole(out: Path, hub: Hub) -> None:
    """A new private repository gets every file of the export, in one commit; the token stays."""
    notes = Notes()
    process(out, WHOLE, run_options=RunOptions(push_to=ADDRESS), listener=notes)
    [created] = hub.created
    assert (created["name"], created["type"]) == ("films", "dataset")
    assert created.get("private") or created.get("visibility") == "private"
    assert len(hub.commits) == 1
    own = {name: c for name, c in hub.files.items() if name != ".gitattributes"}
    assert own == below(out / "export")
    assert hub.tokens == {f"Bearer {TOKEN}", None}  # files are put where the hub says, without it
    said = notes.said[-1]
    assert f"uploaded to {hub.url}/datasets/me/films: {len(own)} files, 0." in said
    assert TOKEN not in said
    assert push(out / "export", ADDRESS, dry_run=False).endswith(
        f"0 files, 0.000 GB; {len(own)} there already, 0 removed"
    )
    assert len(hub.commits) == 1


def test_an_extended_export_replaces_its_own_files_only(
    video: Path, tmp_path: Path, hub: Hub
) -> None:
    """New and changed files go there, our shards of other names are removed, others' files stay."""
    other = tmp_path / "b.mp4"
    other.write_bytes(video.read_bytes() + b"\0" * 16)
    process(tmp_path / "out", WHOLE, video, run_options=RunOptions(push_to=ADDRESS))
    hub.put("notes.txt", b"of a user")
    large = set(hub.large)
    process(tmp_path / "out", WHOLE, other, run_options=RunOptions(push_to=ADDRESS))
    mine = below(tmp_path / "out" / "export")
    assert hub.files.pop("notes.txt") == b"of a user"
    hub.files.pop(".gitattributes")
    assert hub.files == mine
    assert sorted(name for name in mine if name.startswith("data/")) == [
        f"data/train-0000{n}-of-00003.parquet" for n in range(3)
    ]
    # Two shards and the videos are new; the first shard only has another name.
    assert len(set(hub.large) - large) == 3


def test_a_dry_run_lists_what_would_go(out: Path, hub: Hub) -> None:
    """Every file is named with its size, and nothing is made, sent or removed."""
    text = push(out / "export", ADDRESS, dry_run=True)
    files = below(out / "export")
    assert text.splitlines()[:-1] == [
        f"would upload {name} ({len(files[name])} bytes)"
        for name in [*sorted(set(files) - {MANIFEST, EXPORT_MARKER}), MANIFEST, EXPORT_MARKER]
    ]
    assert "nothing was uploaded" in text.splitlines()[-1]
    assert "(a new private repository)" in text.splitlines()[-1]
    assert not hub.exists
    assert not hub.large


def test_another_repository_is_refused(out: Path, hub: Hub) -> None:
    """A data set that is not this one's export, or a file of another in the way, stays."""
    hub.put(CARD, b"mine")
    hub.put("data/train-00000-of-00001.parquet", b"PAR1")
    with pytest.raises(UsageError, match=r"holds other things than this export \(such as README"):
        push(out / "export", ADDRESS, dry_run=False)
    mark = json.loads((out / "export" / EXPORT_MARKER).read_text("utf-8"))
    hub.put(EXPORT_MARKER, json.dumps({**mark, "dataset": "0" * 32}).encode())
    with pytest.raises(UsageError, match="another data set's"):
        push(out / "export", ADDRESS, dry_run=False)
    hub.put(EXPORT_MARKER, json.dumps(mark).encode())
    hub.put(MANIFEST, b"")
    with pytest.raises(UsageError, match=r"would be replaced: README\.md"):
        push(out / "export", ADDRESS, dry_run=False)
    assert hub.files[CARD] == b"mine"
    assert not hub.commits


def test_an_upload_that_is_interrupted_goes_on(
    out: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several commits the first says whose it is, so that the next upload completes it."""
    monkeypatch.setattr(hub_module, "FILES_PER_COMMIT", 2)
    hub.refuse_commits_after = 2
    with pytest.raises(StorageError, match=r"hub:me/films: .*storage limit reached"):
        push(out / "export", ADDRESS, dry_run=False)
    hub.put("notes.txt", b"of a user")
    hub.refuse_commits_after = 999
    push(out / "export", ADDRESS, dry_run=False)
    assert hub.files.pop("notes.txt") == b"of a user"
    hub.files.pop(".gitattributes")
    assert hub.files == below(out / "export")


def test_what_cannot_be_uploaded_is_said_before_anything_runs(
    video: Path, tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong address, several targets, no token and no library end the run at its start."""
    place = tmp_path / "out"

    def run(address: str, **changes: Any) -> None:
        options = {**WHOLE, "export": {**WHOLE["export"], **changes}}
        process(place, options, video, run_options=RunOptions(push_to=address))

    with pytest.raises(UsageError, match="must be hub:user/name, not 's3://b/x'"):
        run("s3://b/x")
    with pytest.raises(UsageError, match="no stage here makes one"):
        process(place, {"probe": {}}, video, run_options=RunOptions(push_to=ADDRESS))
    with pytest.raises(UsageError, match="give push_to too"):
        run_options({"dry_run": True})
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(UsageError, match="needs a token"):
        run(ADDRESS)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[hub\]'"):
        run(ADDRESS)
    assert not (place / "scans").exists()
    assert not hub.exists


def test_a_hub_that_is_not_there_is_an_error_in_a_line() -> None:
    """What the client raises where nothing answers, also behind another error, is one line."""
    silence = "hub:me/films: the hub does not answer: no route"
    with pytest.raises(StorageError, match=silence), hub_errors(ADDRESS):
        raise RuntimeError("Error while uploading") from httpx2.ConnectError("no\nroute")
    with pytest.raises(KeyError), hub_errors(ADDRESS):
        raise KeyError("a bug")
