from pathlib import Path

import pytest

from tests.support.command import vidcurate
from tests.support.pipeline import process, rows, states
from tests.support.tiny_models import save_clip
from tests.support.videos import SHOTS, ffmpeg, render
from vidcurate.records import CLIPS

SPLIT = {"split": {"min_clip_s": 0.5}}


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny image-text model of random weights."""
    return save_clip(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos that share a shot, and a picture of it."""
    folder = tmp_path_factory.mktemp("videos")
    render(folder / "a.mp4", tuple((shot, 2.0) for shot in SHOTS[:3]), audio=False)
    render(folder / "b.mp4", tuple((shot, 2.0) for shot in SHOTS[1:3]), audio=False)
    ffmpeg("-ss", "3", "-i", str(folder / "a.mp4"), "-frames:v", "1", str(folder / "shot.png"))
    return folder


@pytest.fixture(scope="module")
def out(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of both, with appearance vectors."""
    out = tmp_path_factory.mktemp("search") / "out"
    process(out, {"embed": {}, **SPLIT}, videos)
    return out


def test_clips_like_a_picture(out: Path, videos: Path) -> None:
    """The two clips that show it come first, with video, times and scores; then the others."""
    ended = vidcurate("search", "--like", videos / "shot.png", "-d", out, "--json", "--top", "3")
    assert ended.code == 0, ended.err
    found = ended.lines[0]["clips"]
    assert [(Path(c["video"]).name, round(c["start_s"])) for c in found[:2]] in (
        [("a.mp4", 2), ("b.mp4", 0)],
        [("b.mp4", 0), ("a.mp4", 2)],
    )
    assert found[0]["score"] >= found[1]["score"] > 0.9 > found[2]["score"]
    assert (out / "search" / "clips.arrow").exists()
    before = states(out / "search")
    again = vidcurate("search", "--like", videos / "shot.png", "-d", out, "--pool", "softmax")
    assert again.code == 0
    assert found[0]["clip_id"] in again.out
    assert states(out / "search") == before


def test_clips_like_a_clip(out: Path) -> None:
    """The likest is the same shot in the other video; the clip itself is not shown."""
    clips = rows(out, CLIPS)
    counts = {c.video_id: sum(o.video_id == c.video_id for o in clips) for c in clips}
    own = next(c for c in clips if counts[c.video_id] == 3 and round(c.start_s) == 4)
    ended = vidcurate("search", "--like", own.clip_id, "-d", out, "--json", "--top", "9")
    found = ended.lines[0]["clips"]
    assert len(found) == 4
    assert own.clip_id not in [clip["clip_id"] for clip in found]
    assert (Path(found[0]["video"]).name, round(found[0]["start_s"])) == ("b.mp4", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a rabbit in a meadow",), "embed with backend open_clip"),
        (("--like", "nothing"), "nothing is neither a file nor the id of a clip"),
        ((), "say what to look for"),
        (("a rabbit", "--like", "x"), "say what to look for"),
    ],
)
def test_what_cannot_be_searched_is_said(
    out: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Each ends with code 2 and one line that says what to do."""
    ended = vidcurate("search", *arguments, "-d", out)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_file_that_is_no_picture(out: Path, tmp_path: Path) -> None:
    """It is named."""
    (tmp_path / "text.jpg").write_text("no picture")
    ended = vidcurate("search", "--like", tmp_path / "text.jpg", "-d", out)
    assert ended.code == 2
    assert "text.jpg: a picture cannot be decoded" in ended.err


def test_without_vectors_or_clips(videos: Path, tmp_path: Path) -> None:
    """What is missing is named with the command that makes it."""
    process(tmp_path / "out", SPLIT, videos / "b.mp4")
    ended = vidcurate("search", "--like", "x", "-d", tmp_path / "out")
    assert ended.code == 2
    assert "has no vectors: run `vidcurate embed -d" in ended.err


def test_words_find_clips(videos: Path, tiny_model: Path, tmp_path: Path) -> None:
    """With an image-text model each text ranks all clips its way; with other weights none does."""
    model = tmp_path / "model"
    model.mkdir()
    for file in tiny_model.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    out = tmp_path / "out"
    embed = {"embed": {"backend": "open_clip", "model": f"local-dir:{model}"}}
    process(out, {**embed, **SPLIT}, videos)
    scores = {}
    for text in ("a rabbit in a meadow", "an empty street at night"):
        ended = vidcurate("search", text, "-d", out, "--json")
        assert ended.code == 0, ended.err
        found = ended.lines[0]["clips"]
        assert len(found) == 5
        scores[text] = [clip["score"] for clip in found]
        assert scores[text] == sorted(scores[text], reverse=True)
    assert len({tuple(s) for s in scores.values()}) == 2
    weights = model / "open_clip_pytorch_model.bin"
    weights.write_bytes(weights.read_bytes() + b"other")
    ended = vidcurate("search", "a rabbit", "-d", out)
    assert ended.code == 2
    assert "the vectors are stale" in ended.err
