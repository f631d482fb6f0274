import re
from pathlib import Path
from typing import get_args

import av
import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from tests.support.pipeline import done, process, rows, stored
from tests.support.tiny_models import CLIP_NAME, CLIP_WEIGHTS, save_clip
from tests.support.videos import ffmpeg
from vidcurate.clips.vectors import matrix, read_video_vectors
from vidcurate.clips.windows import window
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.media.scan.scanner import read_frames, read_samples
from vidcurate.models.vision.clip_embedder import open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import KEPT, KEYFRAMES, SCANS, VECTORS, Clip, ClipKeyframes
from vidcurate.stages.selection.keyframes import KeyframesConfig, MethodName

SPLIT = {"split": {"min_clip_s": 1.0}}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """The clips of the video of three shots."""
    root = tmp_path_factory.mktemp("keyframes") / "out"
    process(root, {**SPLIT, "filter": {}}, video)
    return root


def stills(out: Path, **options: object) -> list[tuple[Clip, ClipKeyframes]]:
    """Each clip with its stills as these options take them."""
    process(out, {**SPLIT, "keyframes": options})
    pairs = list(zip(rows(out, KEPT), rows(out, KEYFRAMES), strict=True))
    assert all(clip.clip_id == row.clip_id for clip, row in pairs)
    return pairs


def frame_times(out: Path, clip: Clip) -> list[int]:
    """The times of a clip's frames."""
    [scan] = rows(out, SCANS)
    frames = read_frames(stored(out, SCANS).files / scan.frames_file, ("pts",))
    return list(window(frames, clip)["pts"].to_pylist())


@pytest.mark.parametrize("method", ["uniform", "middle", "sharpest"])
def test_stills_are_frames_of_their_clip(out: Path, method: str) -> None:
    """Every still has the time of a frame inside its clip, in order, and a file of full size."""
    for clip, row in stills(out, method=method, count=2):
        times = [k.pts for k in row.keyframes]
        assert len(times) == (1 if method == "middle" else 2)
        assert times == sorted(times)
        assert set(times) <= set(frame_times(out, clip))
        for still in row.keyframes:
            image = cv2.imread(str(stored(out, KEYFRAMES).files / still.file))
            assert image is not None
            assert image.shape == (180, 320, 3)
            assert (still.width, still.height) == (320, 180)
            assert still.time_s == float(still.pts * clip.time_base)


@pytest.mark.parametrize("method", sorted({*get_args(MethodName)} - {"query"}))
def test_every_method_takes_frames_of_the_clip(out: Path, method: str) -> None:
    """Stills of any method have times of frames inside their clip, in order, and lie on disk."""
    for clip, row in stills(out, method=method, count=3, max_side=32):
        times = [k.pts for k in row.keyframes]
        assert times
        assert times == sorted(set(times))
        assert set(times) <= set(frame_times(out, clip))
        assert all((stored(out, KEYFRAMES).files / k.file).is_file() for k in row.keyframes)


def test_codec_takes_what_the_container_marks(out: Path, video: Path) -> None:
    """The stills are the keyframes of the video's packets, which nothing needs to decode."""
    with av.open(str(video)) as container:
        packets = [p for p in container.demux(video=0) if p.is_keyframe]
    marked = {packet.pts for packet in packets}
    pairs = stills(out, method="codec", count=256)
    assert all({k.pts for k in row.keyframes} <= marked for _, row in pairs)
    assert sum(len(row.keyframes) for _, row in pairs) == 3


def test_middle_is_the_middle(out: Path) -> None:
    """The one still of `middle` is the frame on screen half-way through the clip."""
    for clip, row in stills(out, method="middle"):
        times = frame_times(out, clip)
        assert row.keyframes[0].pts == times[len(times) // 2]


def test_sharpest_takes_the_sharpest_sample(tmp_path: Path) -> None:
    """In a video that is sharp only around 2 s, that is where the one still is."""
    video, out = tmp_path / "focus.mp4", tmp_path / "out"
    picture = "mandelbrot=size=320x180:rate=24:start_scale=0.5,trim=end_frame=1,loop=-1:1"
    picture += ",setpts=N/24/TB,gblur=sigma=4:enable='not(between(t,1.9,2.6))'"
    ffmpeg("-f", "lavfi", "-t", "4", "-i", picture, str(video))
    options = {
        "scan": {"sample_interval_s": 0.5},
        "cuts": {"detector": "fixed", "fixed_interval_s": 10.0},
        "keyframes": {"method": "sharpest", "count": 1},
    }
    process(out, options, video)
    [row], [scan] = rows(out, KEYFRAMES), rows(out, SCANS)
    assert 1.9 <= row.keyframes[0].time_s <= 2.6
    samples = read_samples(stored(out, SCANS).files / scan.samples_file, ("pts", "sharpness"))
    best = int(np.argmax(samples["sharpness"].to_numpy()))
    assert row.keyframes[0].pts == samples["pts"][best].as_py()


@pytest.mark.parametrize(
    ("kind", "ending", "head"),
    [("jpeg", "jpg", b"\xff\xd8\xff"), ("png", "png", b"\x89PNG"), ("webp", "webp", b"RIFF")],
)
def test_formats(out: Path, kind: str, ending: str, head: bytes) -> None:
    """A still's bytes and ending are those of the format asked for; its side is held."""
    for _, row in stills(out, method="middle", format=kind, max_side=160):
        [still] = row.keyframes
        file = stored(out, KEYFRAMES).files / still.file
        assert file.suffix == f".{ending}"
        assert file.read_bytes().startswith(head)
        assert (still.width, still.height) == (160, 90)


def test_more_stills_than_frames(tmp_path: Path) -> None:
    """A clip of five frames asked for nine stills gives its five frames, each once."""
    video, out = tmp_path / "short.mp4", tmp_path / "out"
    ffmpeg("-f", "lavfi", "-t", "0.2", "-i", "testsrc2=size=320x180:rate=25", str(video))
    process(out, {"split": {"min_clip_s": 0.1}, "keyframes": {"count": 9}}, video)
    [row] = rows(out, KEYFRAMES)
    [clip] = rows(out, KEPT)
    assert [k.pts for k in row.keyframes] == frame_times(out, clip)
    assert len(row.keyframes) == 5


def test_a_video_that_is_gone_fails_its_clips_only(tmp_path: Path, video: Path) -> None:
    """Clips of a video that was moved away fail with the reason; those of another video pass."""
    out, gone = tmp_path / "out", tmp_path / "gone.mp4"
    gone.write_bytes(video.read_bytes() + b"\0" * 16)
    process(out, {**SPLIT, "filter": {}}, video, gone)
    gone.unlink()
    count = process(out, {**SPLIT, "keyframes": {}})["keyframes"]
    assert (count.ok, count.failed) == (3, 3)
    assert list(count.reasons) == [
        f"the video is gone or has changed since it was ingested: {gone}"
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The options of embed that name a tiny image-text model of random weights."""
    pytest.importorskip("open_clip", reason="the extra 'models' is not installed")
    folder = save_clip(tmp_path_factory.mktemp("weights"))
    names = {"model": CLIP_NAME, "pretrained": str(folder / CLIP_WEIGHTS)}
    return {"backend": "open_clip", **names}


def test_a_query_takes_the_likest_sample(
    tmp_path: Path, video: Path, model: dict[str, str]
) -> None:
    """One still of each clip is the sample whose vector is nearest to the text's."""
    text = {"method": "query", "query": "a test card", "count": 1}
    process(tmp_path, {**SPLIT, "embed": model, "keyframes": text}, video)
    words = open_clip_embedder(ModelChoice(model["model"], model["pretrained"]))
    [query], [video_row] = words.text_vectors(["a test card"]), rows(tmp_path, VECTORS)
    table = read_video_vectors(stored(tmp_path, VECTORS).files / video_row.vectors_file)
    for clip, row in zip(rows(tmp_path, KEPT), rows(tmp_path, KEYFRAMES), strict=True):
        own = window(table, clip)
        likest = own["pts"][int(np.argmax(matrix(own) @ query))].as_py()
        assert [k.pts for k in row.keyframes] == [likest]


def test_a_query_needs_vectors_that_know_words(out: Path) -> None:
    """With appearance vectors it is refused before anything runs, saying what to set."""
    with pytest.raises(UsageError, match=re.escape("set it to open_clip")):
        stills(out, method="query", query="a rabbit")


def test_a_query_has_words() -> None:
    """The method without a text is refused when options are read."""
    with pytest.raises(ValidationError, match="needs query"):
        KeyframesConfig(method="query", query=" ")


def test_lost_vectors_fail_their_clips(tmp_path: Path, video: Path) -> None:
    """Where the file of vectors is gone, methods by look fail with the reason; others work."""
    process(tmp_path, {**SPLIT, "embed": {}}, video)
    [row] = rows(tmp_path, VECTORS)
    (stored(tmp_path, VECTORS).files / row.vectors_file).unlink()
    with pytest.raises(EmptyResultError):
        process(tmp_path, {**SPLIT, "keyframes": {"method": "cluster"}})
    reason = f"cannot read the vectors '{row.vectors_file}': embed the video again"
    assert set(done(tmp_path, KEYFRAMES).values()) == {("failed", reason)}
    assert process(tmp_path, {**SPLIT, "keyframes": {"method": "codec"}})["keyframes"].ok == 3
