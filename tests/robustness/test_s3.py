"""Videos and data sets in object storage, against an S3 server in a process of its own."""

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.command import ENVIRONMENT, Ended, kill_group, start, vidcurate, wait_until
from tests.support.decisions import decided, spanned, undone
from tests.support.pipeline import done, process, rows
from tests.support.s3_server import SECRET, reached
from tests.support.videos import render
from vidcurate.analysis.decisions import deciding
from vidcurate.errors import BusyError, UsageError
from vidcurate.exporting.folder.intact import check_export
from vidcurate.exporting.folder.quarantine import Quarantined, update_quarantine
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import (
    CAPTIONS,
    CLIPS,
    CUTS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    QUALITY,
    SCANS,
    VERIFIED,
    VIDEOS,
)
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import Location, Remote, put
from vidcurate.store.table import Table, arrow_source

OPTIONS: dict[str, Any] = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "filter": {"rules": ("clips.n_frames > 1",)},
    "keyframes": {"count": 1},
    "caption": {},
    "export": {"media": "copy"},
}
TABLES: tuple[Table[Any], ...] = (
    *(VIDEOS, SCANS, CUTS, CLIPS, QUALITY, KEPT, KEYFRAMES, CAPTIONS, EXPORTS, VERIFIED),
)
SHOTS = [("testsrc2", 2.0), ("mandelbrot=start_scale=0.5", 1.5)]
INLINE = ("--engine", "inline")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, s3_address: dict[str, str]) -> Iterator[Path]:
    """Two videos in a folder and in s3://bucket/videos, of a server that all tests here reach."""
    folder = tmp_path_factory.mktemp("videos")
    cache = {"VIDCURATE_CACHE": str(tmp_path_factory.mktemp("cache"))}
    with reached({**s3_address, **cache}):
        for number, name in enumerate(("a", "b")):
            video = render(folder / f"{name}.mp4", SHOTS[number:] * 2, size=(160, 90))
            put(video, Remote(f"bucket/videos/{name}.mp4"))
        yield folder


def command(*arguments: str | Path) -> Ended:
    """Run the command with the variables of this test."""
    return vidcurate(*arguments, environment={**os.environ, **ENVIRONMENT})


def everything(out: Location) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables, without how long they took."""
    return {t.name: [{**asdict(r), "seconds": 0} for r in rows(out, t)] for t in TABLES}


def objects(out: Remote) -> Mapping[str, Any]:
    """The objects of a data set with size and time, but those of the export, always put anew."""
    return {n: f for n, f in out.below().items() if not n.startswith("export/")}


def test_a_review_of_a_data_set_in_a_bucket(videos: Path) -> None:
    """The log, its lock and the changes that clips show lie there; an undoing brings clips back."""
    assert videos.is_dir()
    out, stages = Remote("bucket/reviewed"), {"split": {"min_clip_s": 1.0}, "filter": {}}
    process(out, stages, "s3://bucket/videos/a.mp4")
    first, second, *others = [clip.clip_id for clip in rows(out, CLIPS)]
    video, _, end = first.split("-")
    cut = spanned(first, (0, int(end) // 2), (int(end) // 2, int(end)))
    with deciding(Dataset(out)) as log:
        log.add([cut, decided("reject", second)])
        with pytest.raises(BusyError), deciding(Dataset(out)):
            pass
    process(out, stages)
    halves = {f"{video}-0-{int(end) // 2}", f"{video}-{int(end) // 2}-{end}"}
    assert {clip.clip_id for clip in rows(out, KEPT)} == {*halves, *others}
    with deciding(Dataset(out)) as log:
        log.add([undone(cut.step, first)])
    process(out, stages)
    assert {clip.clip_id for clip in rows(out, KEPT)} == {first, *others}


def test_the_same_tables_as_on_a_disk(tmp_path: Path, videos: Path) -> None:
    """A bucket's videos make in a bucket what a disk's make on a disk; a new run does nothing."""
    out = Remote("bucket/same")
    process(tmp_path, OPTIONS, videos)
    process(out, OPTIONS, "s3://bucket/videos")
    assert everything(out) == everything(tmp_path)
    export, there = tmp_path / "export", out / "export"
    names = {str(p.relative_to(export)) for p in export.rglob("*") if p.is_file()}
    assert set(there.below()) == names
    media = [name for name in names if name.endswith((".mp4", ".jpg"))]
    assert len(media) > 4
    assert all((there / n).read_bytes() == (export / n).read_bytes() for n in media)
    before = objects(out)
    process(out, OPTIONS)
    assert objects(out) == before
    (there / "data/train-00000-of-00009.parquet").write_bytes(b"left over")
    process(out, {**OPTIONS, "export": {"media": "none"}})
    assert set(there.below()) == {n for n in names if not n.endswith(".mp4")}


def test_an_export_with_bytes_here_and_there(tmp_path: Path, videos: Path) -> None:
    """The finished data set of a bucket lies there or on a disk; its shards hold the same clips."""
    del videos
    out = Remote("bucket/here")
    export = {"media": "copy", "embed_bytes": True}
    on_disk = {**export, "out": tmp_path / "finished"}
    process(out, {"split": {"min_clip_s": 1.0}, "export": on_disk}, "s3://bucket/videos/a.mp4")
    process(out, {"split": {"min_clip_s": 1.0}, "export": export})
    shard = "data/train-00000-of-00001.parquet"
    here = pq.read_table(tmp_path / "finished" / shard)
    assert here.equals(pq.read_table(arrow_source(out / "export" / shard)))
    assert here.num_rows > 1
    for row in here.to_pylist():
        clip = (tmp_path / "finished" / row["file_name"]).read_bytes()
        assert clip == row["video"]["bytes"] == (out / "export" / row["file_name"]).read_bytes()


def test_another_target_than_parquet_is_written_to_a_disk(tmp_path: Path, videos: Path) -> None:
    """Its clips come from the bucket; the Parquet is checked in the bucket by its manifest."""
    out = Remote("bucket/layouts")
    target = {"media": "copy", "verify": False, "target": ("jsonl",)}
    options = {**OPTIONS, "export": target}
    with pytest.raises(UsageError, match="jsonl is written to a disk: name a folder there as out"):
        process(out, options, "s3://bucket/videos")
    process(out, {**OPTIONS, "export": {**target, "out": tmp_path / "pairs"}}, "s3://bucket/videos")
    clips = sorted((tmp_path / "pairs" / "clips").iterdir())
    assert [c.stem for c in clips] == [e.clip_id for e in rows(out, EXPORTS)]
    assert check_export(tmp_path / "pairs").is_intact
    assert [path.name for path in tmp_path.iterdir()] == ["pairs"]
    process(out, {**OPTIONS, "export": {**target, "target": ("parquet",)}})
    export = out / "export"
    assert check_export(export).is_intact
    clip = next(name for name in export.below() if name.startswith("clips/"))
    (export / clip).write_bytes(b"")
    assert check_export(export).changed == (clip,)
    assert videos.exists()


def test_a_list_and_what_is_missing(videos: Path) -> None:
    """A list in a bucket names its neighbours; what is not there or changed is a row's failure."""
    out = Remote("bucket/listed")
    Remote("bucket/list.csv").write_bytes(b"path,licence\nvideos/a.mp4,CC0\nvideos/none.mp4,CC0\n")
    process(out, {"probe": {}}, "s3://bucket/list.csv", str(videos / "b.mp4"))
    assert len(rows(out, VIDEOS)) == 2
    Remote("bucket/videos/none.mp4").write_bytes((videos / "b.mp4").read_bytes() + b" ")
    process(out, {"probe": {}}, "s3://bucket/videos/none.mp4")
    assert len(rows(out, VIDEOS)) == 3
    Remote("bucket/videos/none.mp4").unlink()
    process(out, {"scan": {}}, run_options=RunOptions(retry_failed=True))
    failed = [reason for status, reason in done(out, SCANS).values() if status == "failed"]
    gone = "the video is gone or has changed since it was ingested: s3://bucket/videos/none.mp4"
    assert failed == [gone]


def test_a_killed_run_goes_on(tmp_path: Path, videos: Path) -> None:
    """A run that was killed with its workers is resumed at once, and does again only what it must.

    Meanwhile another is refused; `status` and `rows` see what is there.
    """
    del videos
    config = tmp_path / "c.yaml"
    config.write_text("split: {min_clip_s: 1.0}\n", "utf-8")
    out = Remote("bucket/killed")
    do = ("run", "s3://bucket/videos", "-d", str(out), "-c", config, "--workers", "1")
    running = start(do, tmp_path, environment=dict(os.environ))
    try:
        assert wait_until(
            lambda: any(n.startswith("scans/") and "/done-" in n for n in out.below()), running
        )
        running.send_signal(signal.SIGSTOP)  # it must not end before the other has tried
        refused = command(*do)
        assert (refused.code, f"being written by process {running.pid}" in refused.err) == (2, True)
    finally:
        kill_group(running)
    before = objects(out)
    ended = command(*do)
    assert ended.code == 0, ended.err
    after = objects(out)
    scans = [name for name in before if name.startswith("scans/") and "files" not in name]
    assert scans
    assert {name: after[name] for name in scans} == {name: before[name] for name in scans}
    assert "lock" not in after
    [reported] = command("status", "-d", str(out), "--json").lines
    assert {stage["pending"] for stage in reported["stages"]} == {0}
    shown = command("rows", "clips", "-d", str(out)).lines
    assert sorted(row["clip_id"] for row in shown) == [clip.clip_id for clip in rows(out, CLIPS)]


@pytest.mark.parametrize(
    ("source", "out", "variables", "says"),
    [
        ("s3://nobucket/videos", "out", {}, "there is no bucket s3://nobucket"),
        ("s3://bucket/videos", "s3://nobucket/out", {}, "there is no bucket s3://nobucket"),
        ("s3://", "out", {}, "names no bucket"),
        (
            "s3://bucket/videos",
            "s3://bucket/out",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            "error sending request",
        ),
    ],
)
def test_one_line_where_the_storage_refuses(
    tmp_path: Path, videos: Path, source: str, out: str, variables: dict[str, str], says: str
) -> None:
    """A missing bucket or server is told in one line, without a key, and ends with code 2."""
    del videos
    reported = vidcurate(
        "ingest",
        source,
        "-d",
        out,
        *INLINE,
        at=tmp_path,
        environment={**os.environ, **ENVIRONMENT, **variables},
    )
    assert reported.code == 2, reported.err
    assert says in reported.err
    assert len(reported.err.splitlines()) == 1
    assert SECRET not in reported.err


@pytest.mark.usefixtures("videos")
def test_a_quarantine_in_a_bucket() -> None:
    """Files that failed are copied aside with the reasons, and taken away when they pass."""
    source, folder = Remote("bucket/clips"), Remote("bucket/quarantine")
    (source / "a.mp4").write_bytes(b"a")
    failed = [Quarantined(n, "video", f"{n}.mp4", n * 64, "it hangs") for n in ("a", "gone")]
    update_quarantine(folder, source, failed)
    assert set(folder.below()) == {"a.mp4", "reasons.jsonl"}
    update_quarantine(folder, source, [])
    assert not folder.below()
    assert (source / "a.mp4").read_bytes() == b"a"
