from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.pipeline import process, rows
from tests.support.videos import ffmpeg
from vidcurate.clips.regions import Box
from vidcurate.models.vision.text_reader import Line
from vidcurate.records import TEXT, Clip, Text
from vidcurate.stages.scores.text import in_corner, overlays, score, stays

CLIP = Clip("c", "v", 0, 4, Fraction(1), 0.0, 4.0, 4.0, 4)
LOGO = Line(Box(0.4, 0.12, 0.6, 0.2), "logo")


def low(text: str, half: float, middle: float = 0.5, top: float = 0.85) -> Line:
    """A subtitle, of half a width, around the middle."""
    return Line(Box(middle - half, top, middle + half, top + 0.06), text)


def passing(step: int) -> Line:
    """A sign that the camera passes."""
    left = 0.2 + 0.1 * step
    return Line(Box(left, 0.4, left + 0.12, 0.48), "sign")


def found(frames: list[list[Line]], times_s: list[float] | None = None) -> list[list[str]]:
    """The texts of overlays, by frame; frames are a second apart unless said otherwise."""
    laid_over = overlays(frames, times_s or list(map(float, range(len(frames)))))
    return [[line.text for line in lines] for lines in laid_over]


def test_a_line_that_stays_is_an_overlay() -> None:
    """A logo that is found twice is an overlay where it is found; a sign that moves is none."""
    frames = [[LOGO, passing(0)], [passing(1)], [LOGO, passing(2)]]
    assert found(frames) == [["logo"], [], ["logo"]]


def test_a_line_must_stay_for_a_second() -> None:
    """Two judged frames less than a second apart prove nothing."""
    assert found([[LOGO], [LOGO]], [0.0, 0.5]) == [[], []]
    assert found([[LOGO], [LOGO], [LOGO]], [0.0, 0.5, 1.0]) == [["logo"], [], ["logo"]]


def test_subtitles_that_change_are_overlays() -> None:
    """Lines of other width stay if they are low, of one height and one middle."""
    assert found([[low("short", 0.1)], [low("much longer", 0.35)]]) == [["short"], ["much longer"]]
    assert found([[low("left", 0.1, 0.3)], [low("right", 0.1, 0.7)]]) == [[], []]
    assert found([[low("up", 0.1, top=0.4)], [low("up, longer", 0.35, top=0.4)]]) == [[], []]
    assert found([[low("here", 0.1)], [low("lower", 0.35, top=0.9)]]) == [[], []]


def test_a_corner_is_enough() -> None:
    """In one frame only what reaches into a corner is an overlay."""
    clock = Line(Box(0.85, 0.03, 0.95, 0.09), "12:01")
    assert found([[LOGO, clock]]) == [["12:01"]]
    assert not in_corner(Box(0.85, 0.3, 0.95, 0.4))
    assert not in_corner(Box(0.4, 0.9, 0.6, 1.0))


def test_a_box_may_jitter() -> None:
    """Most of what two boxes cover together must be covered by both."""
    assert stays(LOGO.box, Box(0.405, 0.125, 0.61, 0.205))
    assert not stays(LOGO.box, Box(0.44, 0.12, 0.64, 0.2))


def test_a_row_says_what_was_seen() -> None:
    """Areas are means and a maximum over frames; strings are different ones, and bounded."""
    long = Line(Box(0.0, 0.5, 0.5, 0.6), "x" * 500)
    frames = [[LOGO, long], [LOGO], [], []]
    row = score(CLIP, frames, [[LOGO], [LOGO], [], []])
    assert row.area_mean == pytest.approx((2 * LOGO.box.area + 0.05) / 4)
    assert row.area_max == pytest.approx(LOGO.box.area + 0.05)
    assert (row.n_frames, row.text_share, row.overlay_share) == (4, 0.5, 0.5)
    assert row.overlay_area == pytest.approx(LOGO.box.area / 2)
    assert (row.overlay_regions, row.overlay_strings) == (("top",), ("logo",))
    assert row.strings == ("logo", "x" * 100)
    many = [[Line(LOGO.box, f"text {number}") for number in range(50)]]
    assert score(CLIP, many, [[]]).strings == tuple(f"text {number}" for number in range(20))
    assert score(CLIP, many, [[]]).area_mean <= 1


def caption(file: Path) -> None:
    """A transparent picture with one line of white text on black, low in the middle."""
    picture = np.zeros((180, 320, 4), np.uint8)
    cv2.rectangle(picture, (90, 146), (230, 172), (0, 0, 0, 255), -1)
    cv2.putText(picture, "Good morning", (100, 165), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255,) * 4, 1)
    cv2.imwrite(str(file), picture)


def judged(folder: Path, graph: str, options: dict[str, Any]) -> Text:
    """The row of a video of four seconds, of a smooth moving picture and a caption."""
    caption(folder / "caption.png")
    smooth = "gradients=size=320x180:rate=8:duration=4:speed=0.05:seed=2:c0=0x305070:c1=0x708090"
    inputs = ["-f", "lavfi", "-i", smooth, "-i", str(folder / "caption.png")]
    ffmpeg(*inputs, "-filter_complex", graph, "-map", "[v]", str(folder / "video.mp4"))
    whole = {"detector": "fixed", "fixed_interval_s": 10.0}
    process(folder / "out", {"cuts": whole, "text": options}, folder / "video.mp4")
    [row] = rows(folder / "out", TEXT)
    return row


def test_a_caption_is_read_off_a_video(tmp_path: Path) -> None:
    """A caption over the last three of four seconds is text in these, read, and an overlay."""
    pytest.importorskip("rapidocr", reason="the extra 'text' is not installed")
    row = judged(tmp_path, "[0:v][1:v]overlay=enable='gte(t,0.9)',format=yuv420p[v]", {})
    assert (row.n_frames, row.text_share, row.overlay_share) == (4, 0.75, 0.75)
    assert (row.overlay_regions, row.strings) == (("bottom",), ("Good morning",))
    assert row.overlay_strings == row.strings
    assert row.area_max == pytest.approx(130 * 18 / (320 * 180), rel=0.5)
    assert row.area_mean == pytest.approx(row.area_max * 0.75, rel=0.1)
    assert row.overlay_area == row.area_mean


def test_a_caption_that_moves_is_no_overlay(tmp_path: Path) -> None:
    """Text that crosses the picture is text and no overlay; few frames are searched if told so."""
    pytest.importorskip("rapidocr", reason="the extra 'text' is not installed")
    graph = "[0:v][1:v]overlay=y='-35*t',format=yuv420p[v]"
    row = judged(tmp_path, graph, {"max_frames": 3})
    assert (row.n_frames, row.text_share, row.overlay_share) == (3, 1.0, 0.0)
    assert row.overlay_regions == ()
