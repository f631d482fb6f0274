from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.pipeline import process
from tests.support.reviews import Page, reviewing
from tests.support.videos import counted_frames, ffmpeg, frame_number, render_counted

START_S = 1.4


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A review of films whose frames carry their number: one that browsers play, two that not."""
    folder = tmp_path_factory.mktemp("counted")
    first = render_counted(folder / "films" / "1 plain.mp4", 96, beep_s=(1, 2))
    for name in ("2 late.ts", "3 late.mkv"):
        late = ("-c", "copy", "-output_ts_offset", str(START_S))
        ffmpeg("-i", f"file:{first}", *late, f"file:{folder / 'films' / name}")
    render_counted(folder / "films" / "4 avi.avi", 96, encode=("-c:v", "mpeg4", "-g", "24"))
    process(folder / "data", {"split": {"min_clip_s": 1, "max_clip_s": 2}}, folder / "films")
    with reviewing(folder / "data") as page:
        yield page


def test_a_film_that_browsers_play_is_played_from_its_source(counted: Page) -> None:
    """Its time line is the film's own, and ranges of the file are given out."""
    clip = counted.get(f"/api/clips/{counted.ids('text=plain')[1]}")
    media = clip["media"]
    assert (media["type"], media["offset_s"]) == ("video/mp4", 0.0)
    assert (media["start_s"], media["end_s"]) == (clip["start_s"], clip["end_s"])
    whole = Path(clip["video_path"]).read_bytes()
    found = counted.client.get(media["url"], headers={"range": "bytes=100-199"})
    assert (found.status_code, found.content) == (206, whole[100:200])
    assert found.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert found.headers["content-type"] == "video/mp4"
    assert counted.client.get(media["url"], headers={"range": "bytes=-50"}).content == whole[-50:]
    beyond = counted.client.get(media["url"], headers={"range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416
    assert counted.client.get(media["url"]).content == whole
    head = counted.client.head(media["url"])
    assert (head.headers["content-length"], head.content) == (str(len(whole)), b"")


@pytest.mark.parametrize("name", ["late.ts", "late.mkv", "4 avi"])
def test_a_film_that_browsers_do_not_play_has_previews(
    counted: Page, name: str, tmp_path: Path
) -> None:
    """A preview holds exactly the clip's frames from time 0 on, whatever the film's clock says."""
    clip = counted.get(f"/api/clips/{counted.ids(f'text={name}')[1]}")
    media = clip["media"]
    assert media["url"].startswith("/preview/")
    assert media == {**media["preview"], "preview": media["preview"]}
    assert (media["start_s"], media["offset_s"]) == (0.0, -clip["start_s"])
    file = tmp_path / "preview.mp4"
    file.write_bytes(counted.client.get(media["url"]).content)
    shown = [number for _, number in counted_frames(file)]
    assert len(shown) == clip["n_frames"]
    assert shown == numbers_between(clip, clip["start_pts"], clip["end_pts"])
    assert counted.client.get(media["url"], headers={"range": "bytes=0-9"}).status_code == 206


def test_frames_about_an_edge(counted: Page) -> None:
    """The pictures show the very frames that a nudge counts, with those before the clip marked."""
    clip_id = counted.ids("text=late.ts")[1]
    clip = counted.get(f"/api/clips/{clip_id}")
    frames = counted.get(f"/api/clips/{clip_id}/frames?around=start&count=5")
    assert [frame["is_in_clip"] for frame in frames] == [False, False, True, True, True]
    assert frames[2]["pts"] == clip["start_pts"]
    assert frames[2]["time_s"] == pytest.approx(clip["start_s"])
    shown = [number_at(counted, frame["url"]) for frame in frames]
    assert shown == numbers_between(clip, frames[0]["pts"], frames[-1]["pts"] + 1)
    last = counted.ids("text=late.ts")[-1]
    ends = counted.get(f"/api/clips/{last}/frames?around=end&count=9")
    assert number_at(counted, ends[-1]["url"]) == 95  # the film has no frame after it
    assert "around start or end" in counted.refused(f"/api/clips/{clip_id}/frames?around=x", 400)


def numbers_between(clip: Mapping[str, Any], start_pts: int, end_pts: int) -> list[int]:
    """The numbers of a film's frames between two times, as its own decode has them."""
    frames = counted_frames(Path(clip["video_path"]))
    return [number for pts, number in frames if start_pts <= pts < end_pts]


def number_at(page: Page, url: str) -> int:
    """The number that a frame carries which is given out as JPEG."""
    data = np.frombuffer(page.client.get(url).content, np.uint8)
    return frame_number(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8))


def test_strips_of_any_size(counted: Page) -> None:
    """A strip has the pictures and the height asked for, within reason."""
    clip_id = counted.ids()[0]
    data = counted.client.get(f"/strip/{clip_id}.jpg?count=2&height=40").content
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[0] == 40
    assert "1 to 24" in counted.refused(f"/strip/{clip_id}.jpg?count=10000", 400)
    assert "no keyframe" in counted.refused(f"/keyframe/{clip_id}/0.jpg", 404)


def test_a_clip_whose_film_is_gone_can_still_be_reviewed(counted: Page) -> None:
    """The error names the film; strip and scores are there, and so is the verdict."""
    clip_id = counted.ids("text=avi")[0]
    clip = counted.get(f"/api/clips/{clip_id}")
    film = Path(clip["video_path"])
    away = film.rename(film.with_suffix(".away"))
    try:
        for url in (f"/media/{clip['video_id']}", f"/preview/{clip_id}.mp4"):
            assert str(film) in counted.refused(url, 404)
        frame = counted.get(f"/api/clips/{clip_id}/frames?around=end")[0]["url"]
        assert str(film) in counted.refused(frame, 404)
        assert counted.client.get(clip["strip"]).status_code == 200
        assert counted.decide("accept", clip_id)["clip"]["verdict"] == "accept"
        film.write_bytes(b"something else")
        assert "changed" in counted.refused(f"/media/{clip['video_id']}", 404)
    finally:
        away.rename(film)
    assert counted.client.get(f"/media/{clip['video_id']}").status_code == 200
