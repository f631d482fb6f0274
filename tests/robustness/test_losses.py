"""What is lost inside a video is counted in seconds, where a user looks."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.command import vidcurate
from tests.support.pipeline import process, rows, stored
from tests.support.videos import ffmpeg, render
from vidcurate.errors import EmptyResultError
from vidcurate.media.io.packets import Clock, Damage, packets
from vidcurate.records import CLIPS, SCANS
from vidcurate.store.dataset import DONE, DONE_WITH_LOSSES, Dataset, with_versions

X264 = ("-c:v", "libx264", "-preset", "ultrafast")
HELD = "select='lt(t,2)+gte(t,32)'"


def refuse(constant: str) -> None:
    """Raise for what JSON does not know."""
    raise AssertionError(constant)


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorder's video that holds one frame for 30 s, and half a video after it in its file."""
    folder, root = tmp_path_factory.mktemp("videos"), tmp_path_factory.mktemp("data")
    source = ("-f", "lavfi", "-t", "34", "-i", "testsrc2=size=160x96:rate=10")
    ffmpeg(*source, "-vf", HELD, "-fps_mode", "passthrough", *X264, f"{folder / 'held.mkv'}")
    half = render(folder / "half.flv", size=(160, 96), audio=False, encode=X264)
    half.write_bytes(half.read_bytes() * 2)
    config = root / "short.yaml"
    config.write_text(
        "ingest: {}\nprobe: {}\nscan: {metrics: [histogram]}\ncuts: {detector: histogram}\n"
        "split: {min_clip_s: 1, max_clip_s: 10}\nquality: {}\nexport: {preset: ultrafast}\n"
    )
    ended = vidcurate("run", folder, "-d", root / "d", "-c", config)
    assert ended.code == 0, ended.err
    assert "lost inside videos" in ended.err
    return root / "d"


def test_no_clip_is_one_frame_or_too_long(data_set: Path) -> None:
    """The moving parts are clips; the frame held for half a minute is in none."""
    clips = [clip for clip in rows(data_set, CLIPS) if clip.end_s > 7]
    assert [clip.n_frames for clip in clips] == [20]
    assert all(clip.duration_s <= 10 and clip.n_frames > 1 for clip in rows(data_set, CLIPS))


def test_losses_are_told_in_seconds_of_video(data_set: Path) -> None:
    """`status`, its JSON and the card say what is lost, by stage, and how long it is."""
    stages = {
        s["stage"]: s
        for s in json.loads(vidcurate("status", "-d", data_set, "--json").out)["stages"]
    }
    held = stages["split"]["losses"]["single frame, however long it is held"]
    assert held["count"] == 1
    assert held["seconds"] == pytest.approx(30, abs=0.5)
    rest = stages["scan"]["losses"]["end of the video not decoded"]
    assert rest["seconds"] == pytest.approx(6, abs=1)
    shown = vidcurate("status", "-d", data_set).out
    card = (data_set / "export" / "README.md").read_text("utf-8")
    for what in ("single frame, however long it is held", "end of the video not decoded"):
        assert what in shown
        assert what in card


def test_rows_are_valid_json(data_set: Path) -> None:
    """No measurement of a video with a held frame is NaN or infinite."""
    for table in ("quality", "clips", "scans", "videos"):
        for line in vidcurate("rows", table, "-d", data_set).out.splitlines():
            json.loads(line, parse_constant=refuse)


def test_losses_survive_compaction_and_are_not_asked_of_older_tables(tmp_path: Path) -> None:
    """Done rows of before, which say nothing of losses, are read beside those that do."""
    place = Dataset(tmp_path).stored(SCANS, "f")
    row = {"id": "a", "status": "ok", "reason": None, "seconds": 1.0}
    place.commit("0-old", None, pa.Table.from_pylist([row], schema=DONE))
    lost = [{"what": "hole", "count": 1, "seconds": 2.0}]
    new = pa.Table.from_pylist([row | {"id": "b", "losses": lost}], schema=DONE_WITH_LOSSES)
    place.commit("1-new", None, new)
    words = with_versions(place.done_with_versions(), place.versions())
    place.rewrite([], [SCANS.schema.empty_table()], words)
    found = {r["id"]: r["losses"] for r in place.done(DONE_WITH_LOSSES).to_pylist()}
    assert found == {"a": None, "b": lost}
    assert place.done().schema.equals(DONE)


def test_an_error_that_does_not_pass_ends_the_reading() -> None:
    """Reading goes on after damage, as often as a file of its size can have it, and then ends."""

    class Broken:
        """A container that never gives a packet."""

        size = 1 << 20

        def __init__(self, error: Exception) -> None:
            self.error, self.n_tries = error, 0

        def demux(self, _streams: object) -> "Broken":
            """Itself."""
            return self

        def __next__(self) -> None:
            self.n_tries += 1
            raise self.error

    import av.error  # noqa: PLC0415 - for its error classes

    for error, most in (
        (OSError(5, os.strerror(5)), 1),
        (av.error.BlockingIOError(11, "again"), 1100),
        (av.error.InvalidDataError(1, "damage"), 1100),
    ):
        broken, damage = Broken(error), Damage()
        assert list(packets(broken, (), damage)) == []  # type: ignore[arg-type]
        assert damage.stopped
        assert broken.n_tries <= most


def test_a_video_split_where_nothing_is_left_says_how_much(tmp_path: Path) -> None:
    """A video that is dropped whole counts its seconds, too."""
    video = render(tmp_path / "video.mkv", size=(160, 96), audio=False, encode=X264)
    options = {
        "scan": {"metrics": ("histogram",)},
        "cuts": {"detector": "histogram"},
        "split": {"min_clip_s": 5},
    }
    with pytest.raises(EmptyResultError):
        process(tmp_path / "d", options, video)
    (row,) = stored(tmp_path / "d", CLIPS).done(DONE_WITH_LOSSES).to_pylist()
    lost_s = sum(loss["seconds"] for loss in row["losses"])
    assert (row["status"], lost_s) == ("dropped", pytest.approx(6, abs=0.01))


def test_a_clock_goes_on_where_it_begins_again() -> None:
    """A part begins where the one before it ends, by its times or, without, by its packets."""

    class Packet:
        """What a clock asks of a packet."""

        def __init__(self, pts: int | None, dts: int | None) -> None:
            self.pts, self.dts, self.duration = pts, dts, 10

    clock = Clock()
    video = [Packet(0, 0), Packet(None, 10), Packet(20, 20), Packet(0, 0), Packet(10, 10)]
    for packet in video:
        clock.place(packet, 15)  # type: ignore[arg-type]
    assert [p.dts for p in video] == [0, 10, 20, 30, 40]
    assert clock.offsets == [0, 30]
