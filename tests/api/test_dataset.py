import pickle
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import vidcurate as vc
from tests.support.videos import counted_frames, frame_number, render, render_counted
from vidcurate.errors import RuleError

CONFIG: dict[str, dict[str, object]] = {
    "cuts": {"detector": "fixed", "fixed_interval_s": 1.0},
    "split": {"min_clip_s": 0.5},
    "quality": {},
    "embed": {},
    "keyframes": {"count": 2, "format": "png"},
    "caption": {"backend": "facts"},
}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> vc.VideoDataset:
    """A counted video of 72 frames at 24 frames/s, cut into three clips of a second."""
    home = tmp_path_factory.mktemp("counted")
    render_counted(home / "counted.mp4", 72)
    return vc.run(home / "counted.mp4", CONFIG, home / "out", engine="inline").dataset


def numbers(frames: np.ndarray) -> list[int]:
    """The numbers that frames of a counted video carry."""
    return [frame_number(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in frames]


def clips_in_order(dataset: vc.VideoDataset) -> list[vc.DatasetClip]:
    """The clips of one video by their time."""
    return sorted(dataset, key=lambda clip: clip.row.start_pts)


def test_frames_are_those_of_the_span(counted: vc.VideoDataset) -> None:
    """All frames of each clip are its own, in order: none twice and none of a neighbour."""
    found = [numbers(clip.frames()) for clip in clips_in_order(counted)]
    assert found == [list(range(24)), list(range(24, 48)), list(range(48, 72))]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"count": 1}, [36]),
        ({"count": 4}, [27, 33, 39, 45]),
        ({"count": 48}, [n for n in range(24, 48) for _ in range(2)]),
        ({"fps": 4}, [24, 30, 36, 42]),
        ({"fps": Fraction(24)}, list(range(24, 48))),
        ({"times": [0, 1 / 24, 0.99, 0.5, 0.5]}, [24, 25, 47, 36, 36]),
    ],
)
def test_frames_are_chosen_by_count_rate_or_times(
    counted: vc.VideoDataset, choice: dict[str, object], expected: list[int]
) -> None:
    """Each way takes the frames that are shown at the times it stands for, in its own order."""
    clip = clips_in_order(counted)[1]
    assert numbers(clip.frames(**choice)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        ({"count": 2, "fps": 1}, "one of count, fps and times"),
        ({"count": 0}, "at least one frame"),
        ({"fps": 0}, "above 0"),
        ({"times": [1.0]}, "no frame at 1 s: it is 1 s long"),
        ({"times": [-0.1]}, "no frame at -0.1 s"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    counted: vc.VideoDataset, choice: dict[str, object], fault: str
) -> None:
    """Times outside of the clip, and two choices at once, are errors of usage."""
    with pytest.raises(vc.UsageError, match=fault):
        clips_in_order(counted)[1].frames(**choice)  # type: ignore[arg-type]


def test_sizes(counted: vc.VideoDataset) -> None:
    """A longest side shrinks and never enlarges; a width and height are exact."""
    clip = next(iter(counted))
    shapes = [clip.frames(2, size=size).shape for size in (None, 160, 9999, (30, 40))]
    assert shapes == [(2, 48, 320, 3), (2, 24, 160, 3), (2, 48, 320, 3), (2, 40, 30, 3)]
    assert clip.frames(2).dtype == np.uint8


def test_times_of_frames(counted: vc.VideoDataset) -> None:
    """They begin with the clip, in seconds."""
    clip = clips_in_order(counted)[2]
    assert np.allclose(clip.times_s, np.arange(24) / 24)


def test_variable_frame_rate(tmp_path: Path) -> None:
    """Where frames stand for different times, each moment gives the frame that is shown then."""
    halved = "select='lt(n,24)+not(mod(n,4))'"
    video = render_counted(tmp_path / "vfr.mp4", 36, video_filter=halved)
    made = vc.run(video, {"split": {"min_clip_s": 0}}, tmp_path / "out", engine="inline")
    [clip] = made.dataset
    base = clip.row.time_base
    shown = [(Fraction(pts) * base, number) for pts, number in counted_frames(video)]
    start = shown[0][0]
    times = [Fraction(n, 10) for n in range(int(clip.row.duration_s * 10))]
    expected = [[number for at, number in shown if at - start <= time][-1] for time in times]
    assert numbers(clip.frames(times=[float(time) for time in times])) == expected
    assert len(clip.times_s) == len(shown)


def test_a_clip_knows_its_rows(counted: vc.VideoDataset) -> None:
    """Its row, video, source, caption and stored keyframes."""
    clip = clips_in_order(counted)[0]
    assert clip.id == clip.row.clip_id == counted.clip(clip.id).id
    assert (clip.video.width, clip.video.height) == (320, 48)
    assert Path(clip.source.path).name == "counted.mp4"
    assert clip.caption == clip.captions["captions"]
    stored = clip.keyframes()
    assert [frame.shape for frame in stored] == [(48, 320, 3)] * 2
    assert numbers(np.stack(stored)) == numbers(clip.frames(2))


def test_tables_are_joined_and_filtered(counted: vc.VideoDataset) -> None:
    """Columns of other tables and rules, by full and by short names, on a table or its stage."""
    long = counted.table(
        "clips", where="clips.duration_s >= 0.5", columns=["clip_id", "quality.sharpness"]
    )
    assert long.column_names == ["clip_id", "quality.sharpness"]
    short = counted.table("split", where="duration_s >= 0.5", columns=["clip_id", "sharpness"])
    assert long.rename_columns(["clip_id", "sharpness"]).equals(short)
    assert counted.table("clips", where="sharpness < 0").num_rows == 0
    assert [c.id for c in counted.clips("start_s >= 2")] == [clips_in_order(counted)[2].id]
    assert len(list(counted.clips(table="kept"))) == len(counted) == 3


def test_what_is_not_there_is_named(counted: vc.VideoDataset) -> None:
    """An unknown table, column, rule, clip or stage is an error with the nearest name."""
    with pytest.raises(vc.UsageError, match="did you mean 'clips'"):
        counted.table("clip")
    with pytest.raises(vc.UsageError, match="no column"):
        counted.table("clips", columns=["clips.x"])
    with pytest.raises(RuleError):
        counted.table("clips", where="duration_s >>")
    with pytest.raises(vc.UsageError, match="no row of clips has the clip_id 'x'"):
        counted.clip("x")
    with pytest.raises(vc.UsageError):
        counted.failures("triage")


def test_search_by_clip_and_image(counted: vc.VideoDataset, tmp_path: Path) -> None:
    """A clip's like are other clips; an image finds the clip that it is of; text needs a model."""
    first, *_ = clips_in_order(counted)
    hits = counted.search(clip_id=first.id, top=5)
    assert {hit.clip.id for hit in hits} == {clip.id for clip in counted} - {first.id}
    assert hits == sorted(hits, key=lambda hit: -hit.score)
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), first.frames(1)[0][:, :, ::-1])
    assert counted.search(image=image, top=1)[0].score > 0.5
    with pytest.raises(vc.UsageError):
        counted.search("a rabbit")
    with pytest.raises(vc.UsageError, match="is not an image file"):
        counted.search(image=tmp_path / "none.png")


def test_people_s_decisions_are_read_and_made(tmp_path: Path, video: Path) -> None:
    """They are in the log under the reviewer's name, and the next filter honours them."""
    ds = vc.run(video, {"caption": {}}, tmp_path / "out", engine="inline").dataset
    first, second, third = [clip.id for clip in ds]
    assert (ds.decisions, dict(ds.reviews), "decisions" in ds.tables) == ([], {}, False)
    step = ds.decide("reject", [first, second], reviewer="ada", reason="logo")
    ds.decide("accept", second, reviewer="ben")
    ds.decide("caption", third, reviewer="ada", text="A bear.")
    assert [d.clip_id for d in ds.decisions if d.step == step] == [first, second]
    assert ds.table("decisions").num_rows == 4
    assert (ds.reviews[first].why_rejected, ds.reviews[second].verdict) == (
        "review: logo",
        "accept",
    )
    assert ds.clip(third).caption == "A bear."
    assert list(ds.clip(third).captions) == ["decisions", "captions"]
    ds.decide("caption", third, reviewer="ada", text="")
    assert list(ds.clip(third).captions) == ["captions"]
    ds.run({"filter": {}}, engine="inline")
    assert {clip.id for clip in ds.clips(table="kept")} == {second, third}
    for clip_id, action, reviewer in (
        ("none", "accept", "ada"),
        (first, "keep", "ada"),
        (first, "accept", ""),
    ):
        with pytest.raises(vc.UsageError):
            ds.decide(action, clip_id, reviewer=reviewer)  # type: ignore[arg-type]
    assert len(ds.decisions) == 5


def test_status_and_failures(tmp_path: Path, video: Path) -> None:
    """The funnel says what failed, and `failures` why."""
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "good.mp4").symlink_to(video)
    (videos / "bad.mp4").write_bytes(b"no video" * 100)
    made = vc.run(videos, {"probe": {}}, tmp_path / "out", engine="inline")
    assert made.counts["probe"].failed == 1
    assert list(made.failures) == ["probe"]
    failures = made.dataset.failures("probe")
    assert failures["path"].to_pylist() == [str(videos / "bad.mp4")]
    assert made.dataset.failures("probe", status="dropped").num_rows == 0
    assert [count.stage for count in made.dataset.status()] == ["ingest", "probe"]
    assert (len(made.dataset), bool(made.dataset)) == (0, True)


def test_a_data_set_is_pickled_without_its_tables(counted: vc.VideoDataset) -> None:
    """A data loader's worker gets the same clips."""
    again = pickle.loads(pickle.dumps(counted))  # noqa: S301 - our own bytes
    assert again.path == counted.path
    assert [clip.id for clip in again] == [clip.id for clip in counted]


def test_an_open_data_set_sees_what_it_runs(tmp_path: Path, video: Path) -> None:
    """After a stage through the object, or by its function, the tables are read anew."""
    ds = vc.run(video, {"split": {}}, tmp_path / "out", engine="inline").dataset
    assert (len(ds), ds.tables[-1]) == (3, "files")
    assert vc.split(ds, min_clip_s=0.5, max_clip_s=1, engine="inline").dataset is ds
    assert len(ds) == 6
    ds.run({"quality": {}}, engine="inline")
    assert "quality" in ds.tables


def test_a_source_that_is_gone_is_an_error_of_media(tmp_path: Path) -> None:
    """Frames cannot be had, and the reason names the video."""
    video = render(tmp_path / "gone.mp4", [("testsrc2", 1.0)], audio=False)
    ds = vc.run(video, {"split": {"min_clip_s": 0}}, tmp_path / "out", engine="inline").dataset
    video.unlink()
    with pytest.raises(vc.MediaError, match=r"gone\.mp4"):
        next(iter(ds)).frames(1)


def test_no_data_set(tmp_path: Path) -> None:
    """A folder without one is refused, and is not made."""
    with pytest.raises(vc.UsageError, match="holds no data set"):
        vc.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
