"""What a user points at: our own folders, links, lists as programs write them, videos that go."""

import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.command import vidcurate
from tests.support.found_files import names, touch
from tests.support.pipeline import process, rows
from vidcurate.errors import UsageError
from vidcurate.pipeline.discovery.found_files import drop_files, ingest_sources, live_files
from vidcurate.pipeline.discovery.sources import find_files
from vidcurate.records import FILES, SOURCES, FoundFile
from vidcurate.store.dataset import Dataset
from vidcurate.store.markers import LAYOUT


def files_of(*sources: Path | str, stdin: str = "", own: Path | None = None) -> list[FoundFile]:
    """Every file that the sources name."""
    names = [str(source) for source in sources]
    return list(find_files(names, ("mp4", "mkv"), io.StringIO(stdin), recursive=True, own=own))


def made_dataset(root: Path, marker: str = "manifest.json") -> None:
    """The folders of a data set with clips in them, known by manifest or lock."""
    touch(root, "exports/0123456789ab/files/c.mp4", "export/clips/c.mp4", "files/found/x.parquet")
    text = json.dumps({"vidcurate": LAYOUT, "tables": {}}) if marker == "manifest.json" else ""
    (root / marker).write_text(text, "utf-8")


@pytest.mark.parametrize("marker", ["manifest.json", "lock"])
def test_a_data_set_below_the_videos_is_no_source(tmp_path: Path, marker: str) -> None:
    """Its clips are not taken, whichever data set it is, by folder, pattern or list."""
    touch(tmp_path, "a.mp4", "mine.json", "manifest/b.mp4")
    made_dataset(tmp_path / "out", marker)
    wanted = ["a.mp4", "manifest/b.mp4"]
    reported: list[str] = []
    found = find_files(
        [str(tmp_path)], ("mp4",), io.StringIO(), recursive=True, note=reported.append
    )
    assert names(list(found), tmp_path) == wanted
    assert reported == [f"skipped, since vidcurate wrote it: {tmp_path / 'out'}"]
    assert names(files_of(tmp_path, own=tmp_path / "out"), tmp_path) == wanted
    assert names(files_of(f"{tmp_path}/**/*.mp4"), tmp_path) == wanted
    clip = tmp_path / "out" / "exports" / "0123456789ab" / "files" / "c.mp4"
    [listed] = files_of("-", stdin=str(clip))
    assert listed.fault == f"the file is in the data set {tmp_path / 'out'}, which vidcurate wrote"
    for source in (clip, clip.parent, tmp_path / "out" / "export"):
        with pytest.raises(UsageError, match="which vidcurate wrote"):
            files_of(source)


def test_an_export_is_no_source(tmp_path: Path) -> None:
    """An export elsewhere is known by its marker, also in a copy and of another version."""
    touch(tmp_path, "a.mp4", "final/clips/c.mp4", "theirs/clips/d.mp4")
    marker = {"vidcurate": 1, "kind": "export", "dataset": "0" * 32}
    (tmp_path / "final" / ".vidcurate-export.json").write_text(json.dumps(marker), "utf-8")
    shutil.copytree(tmp_path / "final", tmp_path / "copy")
    (tmp_path / "theirs" / "manifest.json").write_text('{"name": "an app"}', "utf-8")
    assert names(files_of(tmp_path), tmp_path) == ["a.mp4", "theirs/clips/d.mp4"]
    with pytest.raises(UsageError, match=r"is in the export .*/copy, which vidcurate wrote"):
        files_of(tmp_path / "copy" / "clips")


def test_a_data_set_beside_its_videos(tmp_path: Path) -> None:
    """Where videos lie in the data set's own folder, they are taken, and its clips are not."""
    touch(tmp_path, "a.mp4", "videos/b.mp4")
    made_dataset(tmp_path)
    for _ in range(2):
        process(tmp_path, {"ingest": {}}, tmp_path)
        assert names(files_of(tmp_path, own=tmp_path), tmp_path) == ["a.mp4", "videos/b.mp4"]
    assert len(rows(tmp_path, SOURCES)) == 2


def test_links_are_followed_once(tmp_path: Path) -> None:
    """Folders and videos behind links are found, each once; rings end; a broken link is named."""
    touch(tmp_path, "videos/a.mp4", "disk/deep/b.mp4", "disk/c.mp4")
    links: dict[str, str | Path] = {
        "videos/0ring": ".",
        "videos/disk": tmp_path / "disk",
        "videos/zdisk": tmp_path / "disk",
        "disk/back": tmp_path / "videos",
        "videos/again.mp4": "a.mp4",
        "videos/lost.mp4": "nowhere.mp4",
        "videos/self": "self",
        "only/videos": tmp_path / "disk",
    }
    for link, target in links.items():
        (tmp_path / link).parent.mkdir(exist_ok=True)
        (tmp_path / link).symlink_to(target)
    found = files_of(tmp_path / "videos")
    good = [f for f in found if not f.fault]
    assert names(good, tmp_path / "videos") == ["a.mp4", "disk/c.mp4", "disk/deep/b.mp4"]
    assert [f.fault for f in found if f.fault] == [
        "the link leads nowhere: nowhere.mp4",
        "the link leads nowhere: self",
    ]
    matched = names(files_of(f"{tmp_path}/videos/**/*.mp4"), tmp_path / "videos")
    assert sorted(matched) == ["a.mp4", "disk/c.mp4", "disk/deep/b.mp4", "lost.mp4"]
    assert len([f for f in files_of(tmp_path / "only") if not f.fault]) == 3


TABLE = {
    "comma": b"path,licence\na.mp4,CC0\n,CC0\n,\n\nb.mp4,\n",
    "semicolon, capitals": b"licence;PATH \r\nCC0;a.mp4\r\nCC0;\r\n;\r\n\r\n;b.mp4\r\n",
    "tab, mark": b"\xef\xbb\xbfVideo\tlicence\na.mp4\tCC0\n\tCC0\n\t\n\nb.mp4 \t\n",
    "UTF-16": "path\tlicence\r\na.mp4\tCC0\r\n\tCC0\r\n\t\r\n\r\nb.mp4\t\r\n".encode("utf-16"),
    "quotes": b'"licence","file"\n"CC0","a.mp4"\n"CC0",""\n"",""\n\n"","b.mp4"\n',
}


@pytest.mark.parametrize("text", TABLE.values(), ids=TABLE.keys())
@pytest.mark.parametrize("ending", ["CSV", "tsv"])
def test_a_row_without_path_is_one_failed_row(tmp_path: Path, text: bytes, ending: str) -> None:
    """It is named as an editor counts; empty rows are skipped; the other videos are taken."""
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / f"L.{ending}").write_bytes(text)
    found = files_of(tmp_path / f"L.{ending}")
    assert [f.fault for f in found] == [None, "row 3 has no path", None]
    assert [Path(f.path).name for f in found if not f.fault] == ["a.mp4", "b.mp4"]
    assert [f.extra for f in found] == [{"licence": "CC0"}, {"licence": "CC0"}, {}]


def test_rows_of_other_lists(tmp_path: Path) -> None:
    """Null, NaN, missing and broken rows of JSON and Parquet fail by themselves, however late."""
    touch(tmp_path, "a.mp4")
    good = '{"path": "a.mp4", "said": "one\u2028two", "score": NaN}'
    bad = ['{"path": null, "x": 1}', '{"path": NaN, "x": 1}', '{"x": 1}', '{"path"', '["a"]', "{}"]
    (tmp_path / "l.jsonl").write_text("\r\n".join([good, "", *bad]), "utf-8")
    found = files_of(tmp_path / "l.jsonl")
    assert found[0].extra == {"said": "one\u2028two"}
    starts = ["row 3 has no path", "row 4 has no path", "row 5 has no path (path, ", "row 6 is not"]
    faults = [str(f.fault) for f in found[1:]]
    assert len(faults) == 5  # an object without anything is an empty row
    assert all(f.startswith(s) for f, s in zip(faults, [*starts, "row 7 is not"], strict=True))
    (tmp_path / "l.json").write_text(json.dumps(["a.mp4", {"path": "", "x": 1}]), "utf-8")
    assert [f.fault for f in files_of(tmp_path / "l.json")] == [None, "row 2 has no path"]
    many = [{"Path": "a.mp4"}] * 5000 + [{"Path": None}, {"Path": "  "}]
    pq.write_table(
        pa.Table.from_pylist(many).append_column("n", [range(5002)]), tmp_path / "P.PARQUET"
    )
    late = files_of(tmp_path / "P.PARQUET")
    assert [f.fault for f in late[5000:]] == ["row 5001 has no path", "row 5002 has no path"]


def test_a_list_without_paths_names_its_columns(tmp_path: Path) -> None:
    """What the list has instead is said."""
    (tmp_path / "l.csv").write_text("title;name\nOne;a.mp4\n", "utf-8")
    with pytest.raises(UsageError, match=r"has no path column \(path, .*\): it has title, name"):
        files_of(tmp_path / "l.csv")


def test_paths_as_people_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses, home, quotes and blanks around a path are read; variables are parts of a name."""
    touch(tmp_path, "a b.mp4", "home.mp4", "c.mp4", "$X.mp4", " d.mp4 ")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    address = (tmp_path / "a b.mp4").as_uri()
    lines = [address, "", "~/home.mp4", '"c.mp4"', "c.mp4\t", "$X.mp4", " d.mp4 ", "\t"]
    found = names(files_of("-", stdin="\ufeff" + "\r\n".join(lines)), tmp_path)
    assert found == ["a b.mp4", "home.mp4", "c.mp4", "c.mp4", "$X.mp4", " d.mp4 "]
    assert names(files_of(address), tmp_path) == ["a b.mp4"]


def taken(dataset: Path, *sources: Path | str) -> list[str]:
    """Take sources in; what was told."""
    reported: list[str] = []
    given = [str(s) for s in sources]
    where = Dataset(dataset)
    ingest_sources(where, given, ("mp4",), io.StringIO(), recursive=True, note=reported.append)
    process(dataset, {"ingest": {}})
    return reported


def test_videos_that_go_are_told_and_dropped(tmp_path: Path) -> None:
    """A removed file and a removed row are told; dropped ones leave until taken again."""
    videos, out = tmp_path / "videos", tmp_path / "out"
    touch(videos, "a.mp4", "b.mp4")
    touch(tmp_path, "c.mp4", "d.mp4")
    (tmp_path / "l.txt").write_text("c.mp4\nd.mp4\n", "utf-8")
    assert taken(out, videos, tmp_path / "l.txt") == []
    (videos / "b.mp4").unlink()
    (tmp_path / "l.txt").write_text("c.mp4\n", "utf-8")
    [reported] = taken(out, videos, tmp_path / "l.txt")
    assert reported.startswith(
        f"gone or no longer listed: {videos / 'b.mp4'} and 1 more; the clips stay"
    )
    assert taken(out, videos) != []  # said each time, and nothing is dropped unasked
    assert len(live_files(Dataset(out))) == 4
    assert [Path(f.path).name for f in drop_files(Dataset(out), lambda f: f.state == "gone")] == [
        "b.mp4",
        "d.mp4",
    ]
    assert process(out, {"ingest": {}})["ingest"].rows == 2
    touch(videos, "b.mp4")
    assert taken(out, videos) == [f"ingested again, though dropped before: {videos / 'b.mp4'}"]
    assert process(out, {"ingest": {}})["ingest"].rows == 3


def test_a_mended_row_leaves_no_failure(tmp_path: Path) -> None:
    """What failed as a row of a list is forgotten when the list has it no more."""
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "l.csv").write_text("path,x\na.mp4,1\n,1\n", "utf-8")
    taken(tmp_path / "out", tmp_path / "l.csv")
    assert process(tmp_path / "out", {"ingest": {}})["ingest"].failed == 1
    (tmp_path / "l.csv").write_text("path,x\na.mp4,1\nb.mp4,1\n", "utf-8")
    assert taken(tmp_path / "out", tmp_path / "l.csv") == []
    counts = process(tmp_path / "out", {"ingest": {}})["ingest"]
    assert (counts.ok, counts.failed) == (2, 0)


def test_drop_command(tmp_path: Path) -> None:
    """A video is dropped by its path; one that is not there is said; the rows follow at once."""
    touch(tmp_path, "videos/a.mp4", "videos/b.mp4")
    out = tmp_path / "out"
    assert vidcurate("ingest", tmp_path / "videos", "-d", out, "-q").code == 0
    ended = vidcurate("drop", tmp_path / "videos" / "a.mp4", tmp_path / "x.mp4", "-d", out)
    assert ended.lines == [{"path": str(tmp_path / "videos" / "a.mp4"), "dropped": True}]
    assert f"no video of this data set is named {tmp_path / 'x.mp4'}" in ended.err
    assert ended.code == 2
    left = vidcurate("rows", FILES.name, "-d", out, "--columns", "path").lines
    assert left == [{"path": str(tmp_path / "videos" / "b.mp4")}]
    assert vidcurate("drop", "-d", out).code == 2
