from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.pipeline import process, rows, stored
from tests.support.tiny_models import LABELS, save_classifier
from tests.support.videos import ffmpeg
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.media.visual.proxies import clip_proxies
from vidcurate.media.visual.watermark import different, find_mark, gradient, without_lines
from vidcurate.models.vision.image_classifier import ClassifierChoice, open_image_classifier
from vidcurate.records import CLIPS, SCANS, WATERMARK, Clip, Watermark
from vidcurate.stages.scores.watermark import WATERMARK_STAGE, WatermarkConfig

SIZE = (320, 180)
RATE = 8
# Left, top, right and bottom of the mark, in pixels.
MARK = (220, 16, 300, 40)
# A texture moves across for ten seconds, and then stands still for four.
MOVES = "scroll=h=0.013:v=0.007"
MOVING_THEN_STILL: Mapping[str, Any] = {
    "cuts": {"detector": "fixed", "fixed_interval_s": 10.0},
    "split": {"min_clip_s": 1},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a texture and a half transparent mark, of letters and a frame."""
    folder = tmp_path_factory.mktemp("pictures")
    dice = np.random.default_rng(5)
    coarse = dice.uniform(0, 255, (60, 107)).astype(np.float32)
    texture = cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    cv2.imwrite(str(folder / "texture.png"), texture.astype(np.uint8))
    mark = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    white = (255, 255, 255, 110)
    left, top, right, bottom = MARK
    cv2.rectangle(mark, (left, top), (right, bottom), white, 2)
    for x in range(left + 8, right - 4, 10):
        cv2.rectangle(mark, (x, top + 6), (x + 3, bottom - 6), white, -1)
    cv2.imwrite(str(folder / "mark.png"), mark)
    return folder


def video_of(
    pictures: Path, name: str, *, moves: float, stands: float = 0, mark_until: float = 0
) -> Path:
    """A video that moves and then stands, marked for so many seconds."""
    file = pictures / f"{name}.mp4"
    parts = [f"[a]trim=duration={moves},{MOVES}[m]", f"[b]trim=duration={max(stands, 0.2)}[s]"]
    scale = f"crop={SIZE[0]}:{SIZE[1]}:0:0,setsar=1"
    graph = (
        f"[0:v]split[a][b];{';'.join(parts)};[m]{scale}[m2];[s]{scale}[s2];"
        f"[m2][s2]concat=n=2[video];[video][1:v]overlay=enable='lt(t,{mark_until})',format=yuv420p[v]"
    )
    still = ["-loop", "1", "-framerate", str(RATE), "-i"]
    inputs = [*still, str(pictures / "texture.png"), *still, str(pictures / "mark.png")]
    length = ["-t", str(moves + stands)]
    ffmpeg(*inputs, "-filter_complex", graph, "-map", "[v]", *length, "-crf", "20", str(file))
    return file


def judged(pictures: Path, name: str, **how: float) -> list[Watermark]:
    """The rows of such a video, in the order of its clips."""
    out = pictures / f"{name} out"
    process(out, {**MOVING_THEN_STILL, "watermark": {}}, video_of(pictures, name, **how))
    start = {clip.clip_id: clip.start_pts for clip in rows(out, CLIPS)}
    return sorted(rows(out, WATERMARK), key=lambda row: start[row.clip_id])


def test_a_mark_is_found_where_it_is(pictures: Path) -> None:
    """A half transparent mark over a moving texture is found, with its box; without it is none."""
    [marked] = judged(pictures, "marked", moves=10, mark_until=10)
    assert marked.score is not None
    assert marked.score > 0.5
    assert (marked.judged_by, marked.region) == ("clip", "top right")
    assert (marked.backend, marked.model) == ("edges", "")
    found = (marked.left, marked.top, marked.right, marked.bottom)
    wanted = (MARK[0] / SIZE[0], MARK[1] / SIZE[1], MARK[2] / SIZE[0], MARK[3] / SIZE[1])
    assert found == pytest.approx(wanted, abs=0.05)
    assert marked.area_share == pytest.approx(80 * 24 / (320 * 180), abs=0.03)
    [clean] = judged(pictures, "clean", moves=10)
    assert clean.score is not None
    assert clean.score < 0.2


def test_a_video_too_still_to_judge_has_no_score(pictures: Path) -> None:
    """Where nothing moves everything stays: the score is null, not 0, with mark and without."""
    for name, until in (("still marked", 10.0), ("still", 0.0)):
        [row] = judged(pictures, name, moves=0.2, stands=9, mark_until=until)
        assert (row.score, row.judged_by, row.region) == (None, None, None)


def test_a_still_clip_is_judged_by_its_video(pictures: Path) -> None:
    """The video's mark counts for a still clip if that shows it too."""
    moving, still = judged(pictures, "both", moves=10, stands=4, mark_until=14)
    assert moving.score is not None
    assert still.score is not None
    assert still.judged_by == "video"
    assert min(moving.score, still.score) > 0.5
    moving, still = judged(pictures, "first only", moves=10, stands=4, mark_until=10)
    assert moving.score is not None
    assert moving.score > 0.5
    assert (still.score, still.judged_by, still.region) == (0.0, "video", None)


def jpeg(luma: np.ndarray[Any, Any]) -> bytes:
    """A picture as a JPEG file."""
    return bytes(cv2.imencode(".jpg", luma)[1])


def textures(count: int) -> list[np.ndarray[Any, Any]]:
    """Pictures of nothing alike."""
    dice = np.random.default_rng(3)
    fields = dice.uniform(30, 220, (count, 30, 50)).astype(np.float32)
    large = (cv2.resize(field, (200, 120), interpolation=cv2.INTER_CUBIC) for field in fields)
    return [picture.clip(0, 255).astype(np.uint8) for picture in large]


def test_bars_are_no_mark() -> None:
    """The borders of a letterbox and a pillarbox stay in all pictures, and are left out."""
    seen = textures(12)
    for picture in seen:
        picture[:20], picture[-20:], picture[:, :30] = 16, 16, 16
    edges = np.stack([gradient(jpeg(picture)) for picture in seen])
    found = find_mark(edges)
    assert found is not None
    assert found.score < 0.2
    assert find_mark(edges, least=13) is None


def test_only_pictures_that_differ_count() -> None:
    """Repeats and black pictures add nothing; too few that differ cannot be judged."""
    black = np.zeros((120, 200), np.uint8)
    seen = [picture for picture in textures(5) for _ in range(3)]
    edges = np.stack([gradient(jpeg(picture)) for picture in [black, *seen]])
    assert different(edges) == [1, 4, 7, 10, 13]
    assert find_mark(edges) is None


def test_lines_across_the_picture_are_left_out() -> None:
    """A row that stays over half the width goes, and those beside it; the rest is kept."""
    flags = np.zeros((40, 60), bool)
    flags[10, :30] = flags[30, 5:12] = flags[12, 40] = True
    kept = without_lines(flags)
    assert np.argwhere(kept).tolist() == [[30, x] for x in range(5, 12)]


def test_a_damaged_proxy_fails_its_clips(pictures: Path) -> None:
    """A proxy that is no picture is named as the reason."""
    out = pictures / "damaged"
    video = video_of(pictures, "damaged video", moves=3)
    process(out, {"scan": {}}, video)
    [scan] = rows(out, SCANS)
    file = stored(out, SCANS).files / scan.samples_file
    file.write_bytes(file.read_bytes().replace(b"\xff\xd8\xff", b"\0\0\0"))
    with pytest.raises(EmptyResultError, match="a proxy is damaged: scan the video again"):
        process(out, {"watermark": {}}, video)


def test_a_classifier_judges_by_its_label(video: Path, tmp_path: Path) -> None:
    """A model of transformers gives the mean probability of the label, and no place."""
    pytest.importorskip("transformers", reason="the extra 'models' is not installed")
    model = str(save_classifier(tmp_path))
    options = {"backend": "transformers", "model": model, "label": "drawing", "max_frames": 2}
    process(tmp_path / "out", {"watermark": options}, video)
    [scan] = rows(tmp_path / "out", SCANS)
    file = stored(tmp_path / "out", SCANS).files / scan.samples_file
    classifier = open_image_classifier(ClassifierChoice(model))

    def wanted(clip: Clip) -> float:
        images = [proxy.image for proxy in clip_proxies(file, clip, 2)]
        return float(classifier.probabilities(images)[:, LABELS.index("drawing")].mean())

    found = rows(tmp_path / "out", WATERMARK)
    assert [row.score for row in found] == pytest.approx(
        [wanted(clip) for clip in rows(tmp_path / "out", CLIPS)], abs=1e-5
    )
    assert {(row.backend, row.model, row.region) for row in found} == {
        ("transformers", model, None)
    }


def test_what_is_not_there_is_said_before_decoding(video: Path, tmp_path: Path) -> None:
    """A label that the model does not know ends the command before a video is read."""
    pytest.importorskip("transformers", reason="the extra 'models' is not installed")
    options = {"backend": "transformers", "model": str(save_classifier(tmp_path))}
    with pytest.raises(UsageError, match="no label 'watermark'"):
        process(tmp_path / "out", {"watermark": options}, video)
    assert not (tmp_path / "out" / "scans").exists()


def test_a_classifier_must_be_named() -> None:
    """There is no classifier to fall back to."""
    with pytest.raises(ValueError, match="needs a model"):
        WatermarkConfig(backend="transformers")


def test_other_weights_under_the_same_path_are_others(tmp_path: Path) -> None:
    """What a model's folder holds decides the rows; edges have none."""
    config = WatermarkConfig(backend="transformers", model=str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"first")
    first = WATERMARK_STAGE.version.depends(config)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert WATERMARK_STAGE.version.depends(config) not in ("", first)
    assert WATERMARK_STAGE.version.depends(WatermarkConfig()) == ""
