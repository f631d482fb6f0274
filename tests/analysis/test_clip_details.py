import json
import shutil
from pathlib import Path

import cv2
import pytest

from tests.support.command import vidcurate
from tests.support.decisions import decided
from tests.support.pipeline import process, rows, stored
from vidcurate.analysis.clip_details import ClipDetails, clip_details
from vidcurate.analysis.decisions import deciding
from vidcurate.api.dataset import open_dataset
from vidcurate.errors import UsageError
from vidcurate.records import CAPTIONS, CLIPS, SCANS, Clip
from vidcurate.store.dataset import Dataset

RULES = ("quality.sharpness >= p1", "clips.start_s >= 1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """Three clips, of which the rule on the start rejects the first."""
    root = tmp_path_factory.mktemp("details") / "data"
    options = {
        "split": {"min_clip_s": 1.0},
        "bounds": {},
        "quality": {},
        "filter": {"rules": RULES},
        "keyframes": {"count": 1},
        "caption": {"backend": "facts"},
        "judge": {},
        "export": {"media": "none"},
    }
    process(root, options, video)
    return root


@pytest.fixture(scope="module")
def clips(root: Path) -> list[Clip]:
    """The clips in the order of time."""
    return sorted(rows(root, CLIPS), key=lambda clip: clip.start_pts)


@pytest.fixture(scope="module")
def kept(root: Path, clips: list[Clip]) -> ClipDetails:
    """What is known of a clip that was kept."""
    return clip_details(Dataset(root), clips[1].clip_id)


def test_each_value_has_its_unit_and_what_made_it(kept: ClipDetails) -> None:
    """A score stands with its unit; its stage, options and library versions made it."""
    quality = kept.rows["quality"]
    (sharpness,) = (value for value in quality.values if value.name == "sharpness")
    assert sharpness.unit == "squared 8-bit levels"
    assert quality.made_by.stage == "quality"
    assert quality.made_by.status == "ok"
    assert quality.made_by.options["max_freeze_delta"] == 0.1
    assert quality.made_by.seconds is not None
    assert "pyarrow" in quality.made_by.libraries
    assert kept.rows["captions"].made_by.model == "facts-4"
    assert kept.rows["scans"].made_by.options["metrics"]


def test_the_caption_is_the_tables_own(root: Path, kept: ClipDetails) -> None:
    """What is told is what the table holds."""
    (caption,) = (row for row in rows(root, CAPTIONS) if row.clip_id == kept.clip_id)
    assert kept.rows["captions"].get("text") == caption.text
    assert kept.rows["videos"].get("video_codec") == "h264"


def test_a_limit_stands_with_its_value(kept: ClipDetails) -> None:
    """A percentile is told as the number that it is over all clips."""
    sharp, later = kept.rules
    (limit,) = sharp.limits
    assert (sharp.holds, limit.holds) == (True, True)
    assert limit.condition == "quality.sharpness >= p1"
    assert limit.limit is not None
    assert limit.value is not None
    assert limit.value >= limit.limit
    assert (later.holds, later.limits[0].limit) == (True, 1)
    assert (kept.fate, kept.reason) == ("exported", None)


def test_the_file_is_where_the_export_has_it(tmp_path: Path, video: Path) -> None:
    """A clip's file is told by the path at which it lies, and the words heard in it with it.

    The words are those of the clip's own part of the transcript, also from Python.
    """
    copy = tmp_path / video.name
    shutil.copy(video, copy)
    cue = "1\n00:00:01,000 --> 00:00:03,000\nLook here\n"
    copy.with_suffix(".srt").write_text(cue, "utf-8")
    out = tmp_path / "out"
    options = {"split": {}, "transcribe": {"backend": "subtitles"}, "export": {"media": "copy"}}
    process(out, options, copy)
    heard = []
    for clip in open_dataset(out).clips():
        found = clip.details()
        assert found.files
        assert all(Path(file).exists() for file in found.files)
        assert found.heard is not None
        assert "".join(clip.words()["word"].to_pylist()).split() == found.heard.split()
        assert found.rows["transcripts"].made_by.backend == "subtitles"
        heard += found.heard.split()
    assert heard == ["Look", "here"]


def test_a_rejected_clip_names_the_rule_it_breaks(root: Path, clips: list[Clip]) -> None:
    """What later stages would say of it is absent, and not invented."""
    found = clip_details(Dataset(root), clips[0].clip_id)
    assert (found.fate, found.reason) == ("rejected", "clips.start_s >= 1")
    assert [rule.holds for rule in found.rules] == [True, False]
    assert found.rows["captions"].values == ()
    assert found.rows["captions"].made_by.status is None
    assert found.rows["kept"].made_by.reason == "clips.start_s >= 1"
    assert found.keyframes == ()


def test_what_is_not_made_names_its_command(root: Path, kept: ClipDetails) -> None:
    """Each missing table stands with what makes it; none of those that are there does."""
    assert kept.not_made["verified"] == f"vidcurate verify -d {root}"
    assert not kept.not_made.keys() & kept.rows.keys()


def test_the_strip_is_a_picture(tmp_path: Path, root: Path, clips: list[Clip]) -> None:
    """It lies where it was asked for, and shows frames of the clip side by side."""
    file = tmp_path / "strip.jpg"
    found = clip_details(Dataset(root), clips[1].clip_id, file)
    assert found.strip == str(file)
    picture = cv2.imread(str(file))
    assert picture is not None
    height, width, _ = picture.shape
    assert height == 180
    assert width > 2 * height
    with pytest.raises(UsageError, match="is not a folder: name another file"):
        clip_details(Dataset(root), clips[1].clip_id, tmp_path / "no" / "strip.jpg")


def test_a_lost_proxy_is_said(tmp_path: Path, root: Path, clips: list[Clip]) -> None:
    """Without a strip all the rest is told nevertheless."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in root.iterdir():
        (copy / part.name).symlink_to(part)
    (copy / SCANS.name).unlink()
    scans = stored(root, SCANS).folder
    own = copy / SCANS.name / scans.name
    own.mkdir(parents=True)
    for file in scans.glob("*.parquet"):
        (own / file.name).symlink_to(file)
    found = clip_details(Dataset(copy), clips[1].clip_id)
    assert found.strip is None
    assert found.strip_fault
    assert found.rows["quality"].values


@pytest.mark.parametrize("name", ["three shots.mp4@3", "{path}@2.5", "{id}", "{start}"])
def test_a_clip_is_named_in_several_ways(
    root: Path, video: Path, clips: list[Clip], name: str
) -> None:
    """By its film and a time, by its id, and by what only its id begins with."""
    second = clips[1].clip_id
    text = name.format(path=video, id=second, start=second.rpartition("-")[0])
    assert clip_details(Dataset(root), text).clip_id == second


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "no clip has the id ''"),
        ("{video}", "3 clips have ids that begin with"),
        ("{id}0", "no clip has the id .*: did you mean {id}[ ?]"),
        ("other.mp4@1", "no film here has the path or name 'other.mp4'"),
        ("three shot.mp4@1", r"did you mean three shots\.mp4"),
        ("three shots.mp4@99", "no clip of three shots.mp4 is shown at 99 s; next to it: {third}"),
        ("three shots.mp4@nan", "no clip has the id"),
    ],
)
def test_a_name_that_means_no_clip_is_refused(
    root: Path, clips: list[Clip], name: str, fault: str
) -> None:
    """What is near is named."""
    first, third = clips[0], clips[2]
    words = {"video": first.video_id, "id": first.clip_id, "third": third.clip_id}
    with pytest.raises(UsageError, match=fault.format(**words)):
        clip_details(Dataset(root), name.format(**words))


def test_a_data_set_without_clips_says_what_makes_them(tmp_path: Path, video: Path) -> None:
    """A clip is asked for before there is any."""
    process(tmp_path / "data", {"probe": {}}, video)
    with pytest.raises(UsageError, match="has no clips: `vidcurate split"):
        clip_details(Dataset(tmp_path / "data"), "any")


def test_a_data_set_of_clips_alone(tmp_path: Path, video: Path) -> None:
    """Where nothing was measured the span and the film are told, and the clip waits."""
    process(tmp_path / "data", {"split": {"min_clip_s": 1.0}}, video)
    shown = vidcurate("show", "three shots.mp4@3", "-d", tmp_path / "data")
    assert shown.code == 0, shown.err
    assert "fate      waiting" in shown.out
    assert "quality: vidcurate quality -d" in shown.out


def test_decisions_of_people_are_told(tmp_path: Path, root: Path, clips: list[Clip]) -> None:
    """What stands about the clip is told in order, with what it comes to."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in root.iterdir():
        (copy / part.name).symlink_to(part)
    clip_id = clips[1].clip_id
    made = [
        decided("reject", clip_id, reason="a\x1b[31mlogo"),
        decided("caption", clip_id, text="<script>"),
        decided("reject", clips[0].clip_id, reason="other"),
    ]
    with deciding(Dataset(copy)) as log:
        log.add(made)
    found = clip_details(Dataset(copy), clip_id)
    assert [decision.action for decision in found.decisions] == ["reject", "caption"]
    assert found.review is not None
    assert (found.review.verdict, found.review.caption) == ("reject", "<script>")
    shown = vidcurate("show", clip_id, "-d", copy).out
    assert "rejected by ada: a\\x1b[31mlogo" in shown
    assert "<script>" in shown
    assert "\x1b" not in shown


def test_the_command_prints_one_object(root: Path, clips: list[Clip], tmp_path: Path) -> None:
    """With --json all is one JSON object, values by table and column; nothing is written."""
    before = sorted(root.rglob("*"))
    ended = vidcurate("show", clips[1].clip_id, "-d", root, "--json", "--strip", tmp_path / "s.jpg")
    (found,) = ended.lines
    assert found["rows"]["quality"]["values"]["sharpness"]["value"] > 0
    assert found["rows"]["clips"]["values"]["time_base"]["unit"] == "s per tick"
    assert found["rows"]["videos"]["made_by"]["stage"] == "probe"
    assert found["strip"] == str(tmp_path / "s.jpg")
    assert json.dumps(found)
    assert sorted(root.rglob("*")) == before
    wrong = vidcurate("show", "nosuch", "-d", root)
    assert (wrong.code, wrong.out) == (2, "")


def test_the_library_tells_the_same(root: Path, kept: ClipDetails, tmp_path: Path) -> None:
    """A clip of an open data set has the same details."""
    found = open_dataset(root).clip(kept.clip_id).details(tmp_path / "strip.jpg")
    assert found.rows == kept.rows
