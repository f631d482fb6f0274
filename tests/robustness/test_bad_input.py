"""Whatever lies in a folder of videos: each bad file is a row with a reason, the others go on."""

import os
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.command import vidcurate
from tests.support.pipeline import done, process, rows
from tests.support.videos import ffmpeg, render
from vidcurate.errors import EmptyResultError, TooManyFailuresError
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.pipeline.scope import FOUND
from vidcurate.records import EXPORTS, FILES, SCANS, SOURCES, VIDEOS
from vidcurate.store.dataset import Dataset

AS_ROOT = os.geteuid() == 0
OPTIONS = {"split": {"min_clip_s": 1.0}, "export": {"media": "none"}}
ODD = ('it\'s a "video".mp4', "two\nlines.mp4", "-leading dash.mp4", "%s $HOME `x`;&.mp4")
GOOD = (*ODD, "a/same name.mp4", "b/same name.mp4", "日本.mkv")


def make_good(folder: Path) -> None:
    """Videos of odd names, each as long as no other one."""
    for number, name in enumerate(GOOD):
        shots = [("testsrc2", 1.5 + number / 8)]
        render(folder / name, shots, size=(160, 90), audio=False)


def make_bad(folder: Path) -> None:
    """One file of each kind that is no video."""
    video = (folder / GOOD[0]).read_bytes()
    (folder / "zero.mp4").touch()
    (folder / "truncated.mp4").write_bytes(video[: len(video) // 2])
    (folder / "text.mp4").write_text("Dear diary,\n" * 100, "utf-8")
    (folder / "playlist.mp4").write_text("#EXTM3U\n/etc/passwd\n", "utf-8")
    ffmpeg("-f", "lavfi", "-t", "1", "-i", "sine", str(folder / "sound.mp4"))
    image = np.full((90, 160, 3), 80, np.uint8)
    (folder / "image.mp4").write_bytes(bytes(cv2.imencode(".jpg", image)[1]))
    (folder / "codec.mp4").write_bytes(video.replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.mp4")).write_bytes(video)
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "video.mp4").mkdir()
    if not AS_ROOT:
        (folder / "shut").mkdir(mode=0)
        (folder / "shut.mp4").write_bytes(video)
        (folder / "shut.mp4").chmod(0)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good videos and one of each kind of bad file."""
    folder = tmp_path_factory.mktemp("bad") / "videos"
    make_good(folder)
    make_bad(folder)
    return folder


@pytest.fixture(scope="module")
def out(videos: Path) -> Path:
    """The data set made of them."""
    counts = process(videos.parent / "out", OPTIONS, videos)
    assert counts["export"].rows == len(GOOD)
    return videos.parent / "out"


def reasons(out: Path) -> Mapping[str, str]:
    """Why each bad file failed, by its name."""
    found_files = Dataset(out).stored(FILES, FOUND).read(None, FILES.schema)
    files = {f.file_id: Path(f.path).name for f in FILES.from_arrow(found_files)}
    sources = {s.video_id: Path(s.path).name for s in rows(out, SOURCES)}
    found = {files[i]: reason for i, (_, reason) in done(out, SOURCES).items() if reason}
    for table in (VIDEOS, SCANS):
        for i, (_, reason) in done(out, table).items():
            if reason:
                found[sources[i]] = reason
    return found


REASONS = {
    "zero.mp4": "the file is empty (0 bytes)",
    "truncated.mp4": "the index (moov) is missing: the file was cut short or never finished",
    "text.mp4": "not a media file, or its header is damaged",
    "playlist.mp4": "an HLS playlist, not a video",
    "sound.mp4": "no video stream: audio only",
    "image.mp4": "a still image, not a video",
    "codec.mp4": "no decoder for codec ",
    "caf\\xe9.mp4": "the file name is not UTF-8: rename the file",
    "gone.mp4": "the link leads nowhere: ",
}


@pytest.mark.parametrize("name", REASONS)
def test_each_bad_file_has_its_reason(out: Path, name: str) -> None:
    """What is wrong with a file is told in plain words, in one line, beside its name."""
    reason = reasons(out)[name]
    assert reason.startswith(REASONS[name])
    assert "\n" not in reason


def test_no_other_file_fails(out: Path) -> None:
    """Nothing fails but what is bad."""
    shut = set() if AS_ROOT else {"shut", "shut.mp4"}
    assert set(reasons(out)) == {*REASONS, *shut}


@pytest.mark.skipif(AS_ROOT, reason="root may read everything")
def test_what_may_not_be_read_is_told(out: Path) -> None:
    """A folder and a video without permission are named."""
    assert "Permission denied" in reasons(out)["shut"]
    assert "Permission denied" in reasons(out)["shut.mp4"]


def test_odd_names_go_all_the_way(out: Path) -> None:
    """Quotes, line ends, dashes, shell signs and other scripts: each video gives its clip."""
    exported = {row.video_id for row in rows(out, EXPORTS)}
    names = sorted(Path(s.path).name for s in rows(out, SOURCES) if s.video_id in exported)
    assert names == sorted(Path(name).name for name in GOOD)


def test_two_videos_of_one_name_stay_apart(out: Path) -> None:
    """Videos of one name in two folders are two videos, each with its own clip."""
    same = [s for s in rows(out, SOURCES) if Path(s.path).name == "same name.mp4"]
    assert len(same) == len({s.video_id for s in same}) == 2
    assert {s.video_id for s in same} <= {row.video_id for row in rows(out, EXPORTS)}


def test_a_video_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    """A video whose end is missing is told apart, and what can be decoded of it is used."""
    fast = ("-c:v", "libx264", "-g", "12", "-movflags", "+faststart")
    whole = render(tmp_path / "whole.mp4", size=(160, 90), audio=False, encode=fast)
    short = tmp_path / "short.mp4"
    short.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    process(tmp_path / "out", OPTIONS, short)
    [video], [scan] = rows(tmp_path / "out", VIDEOS), rows(tmp_path / "out", SCANS)
    assert any("cut short" in fault for fault in video.faults)
    assert scan.fault
    assert 1 < scan.duration_s < 5
    assert sum(row.duration_s for row in rows(tmp_path / "out", EXPORTS)) <= scan.duration_s


def test_no_failure_allowed(videos: Path, tmp_path: Path) -> None:
    """Past the failures that are allowed, the run ends after the stage, and says where to look."""
    with pytest.raises(
        TooManyFailuresError, match=r"\d rows failed, more than the 0 allowed: see "
    ):
        process(tmp_path, OPTIONS, videos, run_options=RunOptions(max_failed=0))
    many = len(REASONS) + 2
    counts = process(tmp_path, OPTIONS, videos, run_options=RunOptions(max_failed=many))
    assert counts["export"].rows == len(GOOD)


def test_nothing_good_at_all(videos: Path, tmp_path: Path) -> None:
    """Where every file is bad, the run says that nothing came out and which stage lost it."""
    with pytest.raises(EmptyResultError, match="nothing came out: probe left none of 2"):
        process(tmp_path, OPTIONS, videos / "text.mp4", videos / "sound.mp4")


def test_exit_codes(videos: Path, tmp_path: Path) -> None:
    """Bad files beside good ones: 0. More than --max-failed: 3. An empty folder: 3."""
    inline = ("--engine", "inline", "-q")
    ended = vidcurate("split", videos, "-d", tmp_path / "out", *inline)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    ended = vidcurate("split", videos, "-d", tmp_path / "strict", "--max-failed", "0", *inline)
    assert ended.code == 3
    assert "rows failed, more than the 0 allowed" in ended.err
    (tmp_path / "empty").mkdir()
    ended = vidcurate("split", tmp_path / "empty", "-d", tmp_path / "none", *inline)
    assert ended.code == 3
    assert "the folder holds no video" in ended.err


def test_a_video_whose_name_begins_with_a_dash(videos: Path, tmp_path: Path) -> None:
    """After -- a name that looks like an option is a video."""
    options = ("-d", str(tmp_path / "out"), "--engine", "inline", "-q")
    ended = vidcurate("probe", *options, "--", "-leading dash.mp4", at=videos)
    assert ended.code == 0, ended.err
    assert len(rows(tmp_path / "out", VIDEOS)) == 1
