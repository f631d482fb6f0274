"""A run that was cut off or changed goes on, and does again only what it must."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.support.command import kill_group, start, vidcurate, wait_until
from tests.support.pipeline import done, names_below, process, rows, states, stored
from tests.support.videos import render
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import (
    CAPTIONS,
    CLIPS,
    CUTS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    PARTITIONS,
    QUALITY,
    SCANS,
    SOURCES,
    VIDEOS,
)
from vidcurate.store.table import Table

TABLES: tuple[Table[Any], ...] = (
    SOURCES,
    VIDEOS,
    SCANS,
    CUTS,
    CLIPS,
    QUALITY,
    KEPT,
    PARTITIONS,
    KEYFRAMES,
    CAPTIONS,
    EXPORTS,
)
# Tables that are made as a whole each time.
REMADE = {KEPT.name, PARTITIONS.name}
OPTIONS: dict[str, dict[str, Any]] = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "filter": {"rules": ("clips.n_frames > 1",)},
    "keyframes": {"count": 1},
    "caption": {},
    "export": {"preset": "ultrafast"},
}


def video_of(folder: Path, number: int) -> Path:
    """A video of two shots, as long as no other one."""
    shots = [("testsrc2", 2 + number / 8), ("mandelbrot=start_scale=0.5", 1.5)]
    return render(folder / f"{number}.mp4", shots, size=(160, 90))


def everything(out: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables, without how long they took."""
    return {t.name: [{**asdict(r), "seconds": 0} for r in rows(out, t)] for t in TABLES}


def folders(out: Path) -> dict[str, Mapping[str, tuple[int, int]]]:
    """Every file of each table's current rows, as it is on disk."""
    return {t.name: states(stored(out, t).folder) for t in TABLES}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five videos."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(5):
        video_of(folder, number)
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Path:
    """A data set made in one go."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    process(out, OPTIONS, videos)
    return out


def has(pattern: str) -> Callable[[Path], bool]:
    """Whether files of this pattern are in a data set."""
    return lambda out: any(out.glob(pattern))


MOMENTS = (
    has("manifest.json"),
    has("scans/*/files/*"),
    has("scans/*/done-*"),
    has("keyframes/*/done-*"),
    has("exports/*/files/*"),
    has("exports/*/done-*"),
)


def test_killed_at_many_moments(tmp_path: Path, videos: Path, undisturbed: Path) -> None:
    """Killed again and again, a run ends with the rows and files of one that was left alone.

    What was committed before a kill is never done again.
    """
    out, config = tmp_path / "out", tmp_path / "my.yaml"
    plain = {
        k: {n: list(v) if isinstance(v, tuple) else v for n, v in o.items()}
        for k, o in OPTIONS.items()
    }
    config.write_text(yaml.safe_dump(plain), "utf-8")
    command = ("run", videos, "-c", config, "-d", out, "--workers", "2")
    n_kills, committed = 0, dict[str, tuple[int, int]]()
    for moment in MOMENTS:
        running = start(command, tmp_path)
        try:
            n_kills += wait_until(lambda: moment(out), running)  # noqa: B023 - called in this turn
        finally:
            kill_group(running)
        now = states(out)
        assert {k: v for k, v in now.items() if k in committed} == committed
        committed |= {k: v for k, v in now.items() if is_commit(k)}
    assert n_kills >= 4
    ended = vidcurate(*command)
    assert ended.code == 0, ended.err
    assert {k: v for k, v in states(out).items() if k in committed} == committed
    assert everything(out) == everything(undisturbed)
    assert all(done(out, t) == done(undisturbed, t) for t in TABLES)
    whole, again = (pq.read_table(o / "export" / "data") for o in (undisturbed, out))
    assert again.equals(whole)
    assert names_below(out / "export") == names_below(undisturbed / "export")


def is_commit(name: str) -> bool:
    """Whether a file says that rows are there; tables made as a whole are made anew each time."""
    return "/done-" in name


def test_a_second_run_does_nothing(undisturbed: Path, videos: Path) -> None:
    """With nothing new, no row is made and no video is opened; only the filter is judged again."""
    before = folders(undisturbed)
    process(undisturbed, OPTIONS, videos)
    after = folders(undisturbed)
    assert {t for t in before if before[t] != after[t]} <= REMADE


def test_a_new_video_runs_alone(tmp_path: Path) -> None:
    """A video that is added is all that runs; the files of the others stay as they are."""
    videos, out = tmp_path / "videos", tmp_path / "out"
    video_of(videos, 0)
    process(out, OPTIONS, videos)
    before = folders(out)
    video_of(videos, 1)
    process(out, OPTIONS, videos)
    after = folders(out)
    for table in TABLES:
        n_rows = 2 if table.key == "video_id" else 4
        assert len(rows(out, table)) == n_rows, table.name
        if table.name not in REMADE:
            assert before[table.name].items() <= after[table.name].items()
    assert pq.read_table(out / "export" / "data").num_rows == 4


def test_other_rules_touch_no_row(tmp_path: Path, videos: Path) -> None:
    """Rules changed and changed back: filter and export anew, captions and clips are reused."""
    out = tmp_path / "out"
    process(out, OPTIONS, videos / "0.mp4", videos / "1.mp4")
    before = folders(out)
    stricter = {**OPTIONS, "filter": {"rules": ("clips.start_s > 1",)}}
    counts = process(out, stricter)
    assert (counts["filter"].rows, counts["caption"].inputs) == (2, 2)
    assert pq.read_table(out / "export" / "data").num_rows == 2
    process(out, OPTIONS)
    assert pq.read_table(out / "export" / "data").num_rows == 4
    after = folders(out)
    assert {t for t in before if before[t] != after[t]} <= REMADE


def test_looser_rules_make_only_what_is_new(tmp_path: Path, videos: Path) -> None:
    """Clips that a looser rule lets in are captioned; those that were in already are not."""
    out = tmp_path / "out"
    process(out, {**OPTIONS, "filter": {"rules": ("clips.start_s > 1",)}}, videos / "0.mp4")
    assert len(rows(out, CAPTIONS)) == 1
    before = folders(out)
    process(out, OPTIONS)
    after = folders(out)
    assert len(rows(out, CAPTIONS)) == 2
    for name in ("captions", "keyframes", "exports"):
        assert before[name].items() < after[name].items()
    assert all(before[name] == after[name] for name in ("scans", "clips", "quality"))


def test_other_lengths_decode_nothing(tmp_path: Path, videos: Path) -> None:
    """Another least length needs no decode, and clips that stay keep scores, texts and files."""
    out = tmp_path / "out"
    process(out, OPTIONS, videos / "0.mp4", videos / "4.mp4")
    before = folders(out)
    process(out, {**OPTIONS, "split": {"min_clip_s": 1.8}})
    after = folders(out)
    assert len(rows(out, CLIPS)) == 2
    assert {t for t in before if before[t] != after[t]} == {CLIPS.name, *REMADE}
    process(out, {**OPTIONS, "split": {"min_clip_s": 1.0, "max_clip_s": 1.75}})
    later = folders(out)
    assert all(before[t.name] == later[t.name] for t in (SOURCES, VIDEOS, SCANS, CUTS))
    assert before[QUALITY.name].items() < later[QUALITY.name].items()


def test_a_video_that_changed_is_another_video(tmp_path: Path, videos: Path) -> None:
    """A file with new content runs anew, and the clips of its old content leave the data set."""
    video, out = tmp_path / "video.mp4", tmp_path / "out"
    video.write_bytes((videos / "0.mp4").read_bytes())
    process(out, OPTIONS, video)
    before = set(pq.read_table(out / "export" / "data")["clip_id"].to_pylist())
    video.write_bytes((videos / "3.mp4").read_bytes())
    process(out, OPTIONS, video, run_options=RunOptions(allow_loss=True))
    after = set(pq.read_table(out / "export" / "data")["clip_id"].to_pylist())
    assert (len(before), len(after)) == (2, 2)
    assert not before & after
