from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.videos import ffmpeg, render
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, decode_video, shrinker_for
from vidcurate.media.scan.glimpses import Glimpses
from vidcurate.media.scan.keyframes import KeptPictures, key_frames, packets_of, told_packets
from vidcurate.media.shots.suspicion import picture_distances

ONE_GROUP = ("-g", "300", "-keyint_min", "300", "-sc_threshold", "1000000000")
CODECS = {
    "x264.mp4": ("-c:v", "libx264", "-x264-params", "keyint=300:scenecut=0"),
    "x265.mp4": ("-c:v", "libx265", "-x265-params", "keyint=300:scenecut=0:log-level=0"),
    "mpeg4.mp4": ("-c:v", "mpeg4", "-q:v", "4", *ONE_GROUP),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-q:v", "4", *ONE_GROUP),
}
CUT, LATER = 40, 60


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of two pictures that hardly move, cut at frame 40, next to lossless."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    shots = [("smptebars", 1.6), ("mandelbrot=start_scale=1:end_scale=0.99", 1.2)]
    return render(path, shots, rate="25", audio=False, encode=("-c:v", "ffv1"))


def glimpsed(video: Path, frames: list[int]) -> tuple[list[int], Glimpses, int]:
    """The times of frames, the glimpses of them, and how many frames were looked at as a whole."""
    _, pts = packets_of(told_packets(video, Faults()))
    times = pts[frames].tolist()
    glimpses, faults = Glimpses(frozenset(times)), Faults()
    with open_video(video) as (container, stream):
        n_looked_at = sum(1 for _ in key_frames(container, stream, frozenset(), glimpses, faults))
    assert faults.n_damaged == 0
    return times, glimpses, n_looked_at


def every_picture(video: Path) -> NDArray[np.uint8]:
    """The tiny pictures of all frames."""
    pictures, shrinker = KeptPictures(), None
    with open_video(video) as (container, stream):
        for _, frame in decode_video(container, stream, Faults()):
            shrinker = shrinker or shrinker_for(frame)
            pictures.add(shrinker.shrink(frame))
    return np.array(pictures.rows)


@pytest.mark.parametrize("name", CODECS)
def test_a_shot_that_begins_between_keyframes_is_glimpsed(
    name: str, film: Path, tmp_path: Path
) -> None:
    """The first frame that is coded anew looks like its shot, though none before was decoded."""
    video = tmp_path / name
    ffmpeg("-i", f"file:{film}", *CODECS[name], f"file:{video}")
    sizes = packets_of(told_packets(video, Faults()))[0].sizes
    anew = CUT + int(np.argmax(sizes[CUT : CUT + 5]))
    (time,), glimpses, n_looked_at = glimpsed(video, [anew])
    assert n_looked_at < 12
    picture = glimpses.pictures[time][None]
    whole = every_picture(video)
    to_own = picture_distances(picture, whole[anew : anew + 1])[0]
    to_key = picture_distances(picture, whole[:1])[0]
    assert to_own.mean() < 0.75 * to_key.mean()
    assert (to_own < to_key).all()


def test_a_shot_that_goes_on_is_glimpsed_like_its_keyframe(film: Path, tmp_path: Path) -> None:
    """What no picture since the keyframe has changed is there without those."""
    video = tmp_path / "x264.mp4"
    ffmpeg("-i", f"file:{film}", *CODECS["x264.mp4"], "-bf", "0", f"file:{video}")
    (time, late), glimpses, _ = glimpsed(video, [CUT - 10, LATER])
    whole = every_picture(video)
    assert (picture_distances(glimpses.pictures[time][None], whole[:1]) < 0.1).all()
    # No packet that was decoded has coded the second shot anew.
    assert (picture_distances(glimpses.pictures[late][None], whole[LATER : LATER + 1]) > 0.2).any()


def test_codecs_that_learn_from_packet_to_packet_are_not_glimpsed(
    film: Path, tmp_path: Path
) -> None:
    """Out of turn the packets of VP9 cannot be read."""
    video = tmp_path / "vp9.webm"
    vp9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "300")
    ffmpeg("-i", f"file:{film}", *vp9, f"file:{video}")
    assert glimpsed(video, [CUT])[1].pictures == {}
