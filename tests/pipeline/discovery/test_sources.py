import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.found_files import names, touch
from tests.support.pipeline import done, process, rows
from vidcurate.errors import UsageError
from vidcurate.pipeline.discovery.found_files import add_files
from vidcurate.pipeline.discovery.sources import find_files
from vidcurate.pipeline.scope import FOUND
from vidcurate.records import FILES, SOURCES, FoundFile
from vidcurate.store.dataset import Dataset

ENDINGS = ("mp4", "mkv")
AS_ROOT = os.geteuid() == 0


def files_of(
    *sources: Path | str, stdin: str = "", endings: Sequence[str] = ENDINGS, recursive: bool = True
) -> list[FoundFile]:
    """Every file that the sources name."""
    names = [str(source) for source in sources]
    return list(find_files(names, endings, io.StringIO(stdin), recursive=recursive))


def test_folder_gives_videos_below_it_in_order(tmp_path: Path) -> None:
    """Videos are found at every depth by their endings; hidden files and folders are left out."""
    touch(tmp_path, "b.mp4", "a.MKV", "notes.txt", ".c.mp4", ".d/e.mp4", "f/g.mp4", "f/h/i.mp4")
    assert names(files_of(tmp_path), tmp_path) == ["a.MKV", "b.mp4", "f/g.mp4", "f/h/i.mp4"]
    assert names(files_of(tmp_path, recursive=False), tmp_path) == ["a.MKV", "b.mp4"]
    assert names(files_of(tmp_path, endings=(".TXT",)), tmp_path) == ["notes.txt"]


def test_odd_names_are_found_as_they_are(tmp_path: Path) -> None:
    """Spaces, quotes, line ends, dashes, brackets and other scripts are parts of a name."""
    odd = [
        "-a b.mp4",
        'it\'s "x".mp4',
        "line\nend.mp4",
        "[1].mp4",
        "日本 é.mp4",
        "100%.mp4",
        "*.mp4",
    ]
    touch(tmp_path, *odd)
    found = files_of(tmp_path)
    assert sorted(names(found, tmp_path)) == sorted(odd)
    assert [f.fault for f in found] == [None] * len(odd)
    assert sorted(names(files_of(*(tmp_path / name for name in odd)), tmp_path)) == sorted(odd)


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    """Its bytes are shown and the remedy is named; the video beside it is taken."""
    touch(tmp_path, "good.mp4")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")).write_bytes(b"x")
    bad, good = files_of(tmp_path)
    assert Path(bad.path).name == "caf\\xe9.mp4"
    assert bad.fault == "the file name is not UTF-8: rename the file"
    assert good.fault is None


def test_empty_folder_is_a_row(tmp_path: Path) -> None:
    """A folder without a video is reported as one thing with a fault."""
    touch(tmp_path, "notes.txt")
    [found] = files_of(tmp_path)
    assert (found.path, found.fault) == (str(tmp_path), "the folder holds no video")


@pytest.mark.skipif(AS_ROOT, reason="root may read everything")
def test_folder_without_permission_is_a_row(tmp_path: Path) -> None:
    """A folder that may not be read is reported; those beside it are taken."""
    touch(tmp_path, "a.mp4", "shut/b.mp4")
    (tmp_path / "shut").chmod(0)
    try:
        found = files_of(tmp_path)
    finally:
        (tmp_path / "shut").chmod(0o700)
    assert names(found, tmp_path) == ["a.mp4", "shut"]
    assert found[1].fault == "cannot read the folder: Permission denied"


def test_glob(tmp_path: Path) -> None:
    """A pattern gives its matches in order, with ** at every depth; folders are looked into."""
    touch(tmp_path, "a1.mp4", "a2.mp4", "b.mp4", "x/a3.mp4", "a4/c.mkv")
    assert names(files_of(tmp_path / "a[12].mp4"), tmp_path) == ["a1.mp4", "a2.mp4"]
    assert names(files_of(f"{tmp_path}/**/a?.mp4"), tmp_path) == ["a1.mp4", "a2.mp4", "x/a3.mp4"]
    assert names(files_of(f"{tmp_path}/a*"), tmp_path) == ["a1.mp4", "a2.mp4", "a4/c.mkv"]
    [none] = files_of(tmp_path / "z*.mp4")
    assert none.fault == "the pattern matches no file"


def test_file_named_by_itself_is_always_taken(tmp_path: Path) -> None:
    """A named file needs no video's ending; one that is missing is taken, and fails at ingest."""
    touch(tmp_path, "video.xyz")
    assert names(files_of(tmp_path / "video.xyz"), tmp_path) == ["video.xyz"]
    assert names(files_of(tmp_path / "gone.mp4"), tmp_path) == ["gone.mp4"]


def write_lists(folder: Path) -> None:
    """The same two videos, one with a licence, in each kind of list."""
    table = [{"path": "a b.mp4", "licence": "CC-BY", "year": 1999}, {"path": "c.mp4"}]
    lines = [json.dumps(row) for row in table]
    (folder / "list.jsonl").write_text("\n".join(lines) + "\n\n", "utf-8")
    (folder / "list.ndjson").write_text("\r\n".join(lines), "utf-8-sig")
    (folder / "list.txt").write_text("\n".join(lines), "utf-8")
    text = "path,licence,year\na b.mp4,CC-BY,1999\nc.mp4,,\n"
    (folder / "list.csv").write_text(text, "utf-8-sig")
    pq.write_table(pa.Table.from_pylist(table), folder / "list.parquet")


@pytest.mark.parametrize("kind", ["jsonl", "ndjson", "txt", "csv", "parquet"])
def test_lists_name_videos_and_say_more_of_them(tmp_path: Path, kind: str) -> None:
    """Paths are relative to the list; further columns are kept as text, empty ones left out."""
    write_lists(tmp_path)
    found = files_of(tmp_path / f"list.{kind}")
    assert names(found, tmp_path) == ["a b.mp4", "c.mp4"]
    assert [f.extra for f in found] == [{"licence": "CC-BY", "year": "1999"}, {}]


def test_plain_list(tmp_path: Path) -> None:
    """A text file is one path a line: blanks inside count, empty lines and CR do not."""
    text = f"  a.mp4\r\n\n{tmp_path}/x/y.mp4\r\n-b c.mp4\n"
    (tmp_path / "videos.txt").write_bytes(text.encode())
    found = names(files_of(tmp_path / "videos.txt"), tmp_path)
    assert found == ["  a.mp4", "x/y.mp4", "-b c.mp4"]


@pytest.mark.parametrize("column", ["path", "file", "file_name", "video", "video_path"])
def test_usual_names_of_the_path_column(tmp_path: Path, column: str) -> None:
    """A list may call its paths what lists call them."""
    (tmp_path / "l.csv").write_text(f"title,{column}\nOne,a.mp4\n", "utf-8")
    [found] = files_of(tmp_path / "l.csv")
    assert (Path(found.path).name, found.extra) == ("a.mp4", {"title": "One"})


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("l.csv", b"title,name\nOne,a.mp4\n", "no path column"),
        ("l.txt", b"caf\xe9.mp4\n", "cannot read the list"),
        ("l.parquet", b"no parquet", "cannot read the list"),
        ("gone.csv", None, "cannot read the list .*gone.csv: .*No such file"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(
    tmp_path: Path, name: str, content: bytes | None, fault: str
) -> None:
    """A broken list is a usage error, since what it names is not known."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=fault):
        files_of(tmp_path / name)


@pytest.mark.parametrize("name", ["recipe.yaml", "recipe.YML"])
def test_a_config_file_is_no_source(tmp_path: Path, name: str) -> None:
    """Who names a config file among the videos is told the option, and nothing runs."""
    (tmp_path / name).write_text("stages: []\n", "utf-8")
    with pytest.raises(UsageError, match=r"name it with -c"):
        files_of(tmp_path / name)


def test_stdin_by_line_ends_and_by_nul(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Paths on stdin are relative to the working folder; NUL lets names hold line ends."""
    monkeypatch.chdir(tmp_path)
    assert names(files_of("-", stdin="a b.mp4\n./c.mp4\n"), tmp_path) == ["a b.mp4", "c.mp4"]
    assert names(files_of("-", stdin="a\nb.mp4\0c.mp4\0"), tmp_path) == ["a\nb.mp4", "c.mp4"]
    row = '{"path": "d.mp4", "licence": "CC0"}\n'
    assert [f.extra for f in files_of("-", stdin=row)] == [{"licence": "CC0"}]


def test_a_path_that_no_file_system_takes_is_a_row(tmp_path: Path) -> None:
    """A NUL inside a path of a list fails as one video, not as the list."""
    (tmp_path / "l.jsonl").write_text('{"path": "a\\u0000.mp4"}\n{"path": "b.mp4"}\n', "utf-8")
    assert len(files_of(tmp_path / "l.jsonl")) == 2


def found_in(root: Path) -> list[FoundFile]:
    """All files that a data set was ever given."""
    stored = Dataset(root).stored(FILES, FOUND)
    return FILES.from_arrow(stored.read(None, FILES.schema))


def test_files_are_added_once(tmp_path: Path) -> None:
    """Giving the same files again adds none; a changed one and a new one are added."""
    videos, dataset = tmp_path / "videos", Dataset(tmp_path / "out")
    touch(videos, "a.mp4", "b.mp4")
    assert add_files(dataset, files_of(videos)) == 2
    assert add_files(dataset, files_of(videos)) == 2
    assert len(found_in(dataset.root)) == 2
    (videos / "a.mp4").write_text("longer than before", "utf-8")
    touch(videos, "c.mp4")
    assert add_files(dataset, files_of(videos)) == 3
    assert names(found_in(dataset.root), videos) == ["a.mp4", "b.mp4", "a.mp4", "c.mp4"]


def test_two_paths_to_one_file_in_one_command(tmp_path: Path) -> None:
    """A file that is named twice is one file."""
    touch(tmp_path, "a.mp4", "x/b.mp4")
    dataset = Dataset(tmp_path / "out")
    add_files(dataset, files_of(tmp_path / "a.mp4", tmp_path / "x" / ".." / "a.mp4"))
    assert names(found_in(dataset.root), tmp_path) == ["a.mp4"]


def test_exact_copies_become_one_source(tmp_path: Path) -> None:
    """Files of equal content are one source with all their paths and all that lists say of it."""
    videos, out = tmp_path / "videos", tmp_path / "out"
    touch(videos, "a.mp4", "b.mp4")
    (videos / "copy.mp4").write_text("a.mp4", "utf-8")
    (videos / "l.csv").write_text("path,licence\ncopy.mp4,CC0\n", "utf-8")
    counts = process(out, {"ingest": {}}, videos / "a.mp4", videos / "b.mp4", videos / "l.csv")
    assert (counts["ingest"].inputs, counts["ingest"].ok, counts["ingest"].rows) == (3, 3, 2)
    [twice] = [s for s in rows(out, SOURCES) if len(s.paths) == 2]
    assert set(twice.paths) == {str(videos / "a.mp4"), str(videos / "copy.mp4")}
    assert twice.extra == {"licence": "CC0"}


def test_a_changed_file_is_another_source(tmp_path: Path) -> None:
    """After a change the old content is no longer live; the same content again is."""
    video, out = tmp_path / "a.mp4", tmp_path / "out"
    ids = []
    for text in ("first", "second", "first"):
        video.write_text(text, "utf-8")
        counts = process(out, {"ingest": {}}, video)
        assert (counts["ingest"].inputs, counts["ingest"].rows) == (1, 1)
        ids.append({s.video_id for s in rows(out, SOURCES)})
    assert len(ids[0]) == 1
    assert len(ids[1]) == 2
    assert ids[2] == ids[1]


def test_a_video_that_moved_is_the_same_source(tmp_path: Path) -> None:
    """Content that is found elsewhere keeps its id."""
    touch(tmp_path, "a.mp4")
    process(tmp_path / "out", {"ingest": {}}, tmp_path / "a.mp4")
    (tmp_path / "a.mp4").rename(tmp_path / "z.mp4")
    process(tmp_path / "out", {"ingest": {}}, tmp_path / "z.mp4")
    [source] = rows(tmp_path / "out", SOURCES)
    assert Path(source.path).name == "z.mp4"


def test_what_ingest_refuses_has_its_reason(tmp_path: Path) -> None:
    """Missing, empty and folder-like files fail with plain words, and the video beside passes."""
    touch(tmp_path, "good.mp4")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    wanted = ["good.mp4", "empty.mp4", "gone.mp4", "folder.mp4"]
    (tmp_path / "l.txt").write_text("\n".join(wanted), "utf-8")
    out = tmp_path / "out"
    counts = process(out, {"ingest": {}}, tmp_path / "l.txt")
    assert (counts["ingest"].ok, counts["ingest"].failed) == (1, 3)
    assert sorted(reason for _, reason in done(out, SOURCES).values() if reason) == [
        "a folder, not a video",
        "cannot read the file: No such file or directory",
        "the file is empty (0 bytes)",
    ]
