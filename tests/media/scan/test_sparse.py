from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.videos import ffmpeg, render
from vidcurate.media.io.packet_log import PacketLog
from vidcurate.media.scan import keyframes
from vidcurate.media.scan.files import read_frames, read_samples
from vidcurate.media.scan.partial import SkippedFrames
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video
from vidcurate.media.scan.sparse import scan_in_part
from vidcurate.media.shots.detectors import DetectorOptions, detect
from vidcurate.media.shots.suspicion import AFTER, Packets, Window, joined

X264 = ("-c:v", "libx264", "-preset", "medium", "-g", "30")
# What a scan says of a video that does not depend on which frames are decoded.
OF_TIME = (
    *("n_frames", "time_base", "first_pts", "end_pts", "duration_s", "frame_rate", "is_vfr"),
    *("proxy_width", "proxy_height", "fault", "clock_offsets", "losses"),
)
CASES = {
    "b-frames.mp4": X264,
    "vfr.mkv": ("-vf", "select='lt(t,1)+not(mod(n,3))'", "-fps_mode", "vfr", *X264),
    "open.ts": (*X264, "-x264-params", "open-gop=1"),
    "hevc.mkv": ("-c:v", "libx265", "-preset", "fast", "-x265-params", "keyint=30:log-level=0"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-bf", "2", "-g", "12"),
    "flash.flv": X264,
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three moving pictures, cut hard, next to lossless."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    shots = [("testsrc2", 1.6), ("mandelbrot", 1.2), ("life=seed=1:mold=10:ratio=0.2", 1.4)]
    return render(path, shots, rate="25", audio=False, encode=("-c:v", "ffv1"))


def made(film: Path, path: Path, *arguments: str) -> Path:
    """The film encoded in some way."""
    ffmpeg("-i", f"file:{film}", *arguments, f"file:{path}")
    return path


def whole(video: Path, folder: Path) -> VideoScan:
    """A video scanned whole into files of a folder."""
    return scan_video(video, ScanOptions(), folder / "whole.frames", folder / "whole.samples")


def part_files(folder: Path) -> tuple[Path, Path]:
    """The files of a scan in part."""
    return folder / "part.frames", folder / "part.samples"


def in_part(video: Path, folder: Path, decode: str) -> VideoScan:
    """A video scanned in part into files of a folder."""
    return scan_in_part(video, decode, ScanOptions(), *part_files(folder))


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column with NaN for null."""
    return np.asarray(table[name].to_numpy(), np.float64)


def assert_equal_times(one: VideoScan, other: VideoScan, folder: Path) -> None:
    """Two scans say the same of a video's time, frame by frame."""
    assert [(name, getattr(one, name)) for name in OF_TIME] == [
        (name, getattr(other, name)) for name in OF_TIME
    ]
    frames = [read_frames(folder / f"{name}.frames") for name in ("whole", "part")]
    for name in ("pts", "is_keyframe"):
        assert frames[0][name].to_pylist() == frames[1][name].to_pylist()


@pytest.mark.parametrize("name", CASES)
def test_reference_frames_have_the_times_and_numbers_of_a_whole_scan(
    name: str, film: Path, tmp_path: Path
) -> None:
    """Of frames that are left out only the numbers are null; all others are equal."""
    video = made(film, tmp_path / name, *CASES[name])
    one, other = whole(video, tmp_path), in_part(video, tmp_path, "reference")
    assert_equal_times(one, other, tmp_path)
    assert (other.decode, other.decode_reason) == ("reference", None)
    assert other.n_decoded < 0.8 * one.n_frames
    full, part = (read_frames(tmp_path / f"{n}.frames") for n in ("whole", "part"))
    known = ~np.isnan(numbers(part, "luma_mean"))
    assert known.sum() == other.n_decoded
    for column in ("luma_mean", "luma_spread", "black_share"):
        assert np.array_equal(numbers(full, column)[known], numbers(part, column)[known])
    follows = ~np.isnan(numbers(part, "luma_delta"))
    assert np.array_equal(follows, known & np.append(True, known[:-1]))
    assert np.array_equal(
        numbers(full, "luma_delta")[follows], numbers(part, "luma_delta")[follows]
    )


@pytest.mark.parametrize("name", CASES)
def test_a_scan_of_keyframes_keeps_times_and_tells_no_number_that_was_not_measured(
    name: str, film: Path, tmp_path: Path
) -> None:
    """Every frame has its time; what was decoded has the numbers of a whole scan."""
    video = made(film, tmp_path / name, *CASES[name])
    one, other = whole(video, tmp_path), in_part(video, tmp_path, "keyframes")
    assert_equal_times(one, other, tmp_path)
    assert (other.decode, other.decode_reason) == ("keyframes", None)
    full, part = (read_frames(tmp_path / f"{n}.frames") for n in ("whole", "part"))
    known = ~np.isnan(numbers(part, "luma_mean"))
    assert known.sum() == other.n_decoded < one.n_frames
    assert known[part["is_keyframe"].to_numpy(zero_copy_only=False)].all()
    for column in ("luma_mean", "luma_spread", "black_share"):
        assert np.array_equal(numbers(full, column)[known], numbers(part, column)[known])
    samples = read_samples(tmp_path / "part.samples")
    assert samples.num_rows == other.n_samples
    assert np.isin(samples["pts"].to_numpy(), full["pts"].to_numpy()[known]).all()


def test_cuts_at_keyframes_are_found_without_the_frames_between(film: Path, tmp_path: Path) -> None:
    """Cuts lie at the exact frames of keyframes, and each shot has a sample and its motion."""
    video = made(film, tmp_path / "web.mp4", "-c:v", "libx264", "-preset", "medium")
    scan = in_part(video, tmp_path, "keyframes")
    frames = read_frames(tmp_path / "part.frames")
    samples = read_samples(tmp_path / "part.samples")
    times = samples["pts"].to_numpy() * float(scan.time_base)
    for shot_s in (0.0, 1.6, 2.8):  # beyond what is trimmed from clips, with flow
        settled = (times >= shot_s + 0.1) & (times < shot_s + 0.4)
        assert settled.any()
        assert not np.isnan(numbers(samples, "motion_mean")[settled]).all()
    found = detect(frames, scan.time_base, scan.frame_rate, DetectorOptions())
    pts = frames["pts"].to_pylist()
    assert [(pts.index(cut.start_pts), pts.index(cut.end_pts)) for cut in found] == [
        (39, 40),
        (69, 70),
    ]


def test_keyframes_of_a_schedule_are_looked_at_briefly(film: Path, tmp_path: Path) -> None:
    """They are sampled themselves, and decoded after until something has moved, with flow."""
    blind = ("-c:v", "libx264", "-g", "15", "-x264-params", "scenecut=0")
    video = made(film, tmp_path / "grid.mp4", *blind)
    scan = scan_in_part(video, "keyframes", ScanOptions(()), *part_files(tmp_path))
    assert (scan.n_frames, scan.decode) == (105, "keyframes")
    samples = read_samples(tmp_path / "part.samples")
    times = np.round(samples["pts"].to_numpy() * float(scan.time_base) * 25).tolist()
    assert times[1:] == [15, 30, 45, 60, 75, 90]
    assert 0.1 * 25 <= times[0] < 0.4 * 25  # where the film begins its picture settles
    assert not np.isnan(numbers(samples, "motion_mean")).any()
    marked = made(film, tmp_path / "marked.mp4", "-c:v", "libx264")
    looked_at_long = scan_in_part(marked, "keyframes", ScanOptions(()), *part_files(tmp_path))
    assert scan.n_decoded / 7 < looked_at_long.n_decoded / 3


WHOLE = {
    "intra.mp4": (("-c:v", "libx264", "-g", "1"), "most of its frames are keyframes"),
    "untimed.avi": (("-c:v", "mpeg4", "-bf", "2"), "its packets have no display times"),
    "444.mp4": (
        ("-c:v", "libx264", "-pix_fmt", "yuv444p"),
        "its frames depend on where decoding begins",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_video_whose_packets_do_not_tell_its_frames_is_decoded_whole(
    name: str, film: Path, tmp_path: Path
) -> None:
    """Its row says that all frames were decoded, and why; its files are those of a whole scan."""
    arguments, reason = WHOLE[name]
    video = made(film, tmp_path / name, *arguments)
    one, other = whole(video, tmp_path), in_part(video, tmp_path, "keyframes")
    assert (other.decode, other.decode_reason) == ("all", reason)
    assert other.n_decoded == one.n_frames
    for file in ("frames", "samples"):
        assert (tmp_path / f"whole.{file}").read_bytes() == (tmp_path / f"part.{file}").read_bytes()


def test_a_video_whose_keyframe_is_not_shown_is_decoded_whole(film: Path, tmp_path: Path) -> None:
    """An edit list may begin after the only keyframe."""
    one = made(film, tmp_path / "one.mp4", "-c:v", "libx264", "-g", "600", "-sc_threshold", "0")
    ffmpeg("-ss", "1", "-i", f"file:{one}", "-c", "copy", f"file:{tmp_path / 'late.mp4'}")
    scans = (
        whole(tmp_path / "late.mp4", tmp_path),
        in_part(tmp_path / "late.mp4", tmp_path, "keyframes"),
    )
    assert_equal_times(*scans, tmp_path)
    assert scans[1].decode_reason == "no keyframe is shown"


def test_an_interlaced_video_is_decoded_whole(film: Path, tmp_path: Path) -> None:
    """Its fields are made whole by those of neighbours, which need to be there."""
    video = made(film, tmp_path / "fields.mp4", *X264)
    files = tmp_path / "part.frames", tmp_path / "part.samples"
    found = scan_in_part(video, "keyframes", ScanOptions(), *files, "top")
    assert (found.decode, found.decode_reason) == ("all", "it is interlaced")


def test_where_no_frame_can_be_skipped_the_row_says_so(film: Path, tmp_path: Path) -> None:
    """VP8 refers to each frame: all are decoded, and none twice."""
    video = made(
        film, tmp_path / "vp8.webm", "-c:v", "libvpx", "-b:v", "1M", "-deadline", "realtime"
    )
    found = in_part(video, tmp_path, "reference")
    assert (found.decode, found.decode_reason) == ("all", "no frame of its vp8 is skipped")
    assert found.n_decoded == found.n_frames


def test_a_cut_off_file_lacks_the_same_in_a_scan_in_part(film: Path, tmp_path: Path) -> None:
    """What a whole scan says of a file that ends early is said here too."""
    video = made(film, tmp_path / "whole.mkv", *X264)
    short = tmp_path / "short.mkv"
    short.write_bytes(video.read_bytes()[: video.stat().st_size * 3 // 10])
    one, other = whole(short, tmp_path), in_part(short, tmp_path, "keyframes")
    assert one.n_frames < 100
    assert_equal_times(one, other, tmp_path)


@pytest.mark.parametrize("length", [("-frames:v", "1"), ("-frames:v", "3"), ()])
def test_a_film_with_one_keyframe_is_scanned(
    length: tuple[str, ...], film: Path, tmp_path: Path
) -> None:
    """With no second keyframe to compare, what packets tell is looked at all the same."""
    rare = ("-c:v", "libx264", "-preset", "medium", "-g", "600", "-sc_threshold", "0")
    video = made(film, tmp_path / "one.mp4", *rare, *length)
    one, other = whole(video, tmp_path), in_part(video, tmp_path, "keyframes")
    assert_equal_times(one, other, tmp_path)
    assert other.decode == "keyframes"
    assert other.n_samples > 0


def test_only_what_is_shown_before_a_large_packet_is_decoded_besides() -> None:
    """The frames that come after it and are shown before it may begin a shot; later ones do not."""
    sizes = [*([100] * 12), 900, 40, 40, 40, 300, 40]
    shown = [*range(12), 16, 14, 13, 15, 20, 18]
    log = PacketLog()
    skipping, needed = SkippedFrames(log), []
    for number, (pts, size) in enumerate(zip(shown, sizes, strict=True)):
        log.pts.append(pts)
        log.sizes.append(size)
        needed.append(skipping.needs_all(number))
    assert [shown[n] for n, is_needed in enumerate(needed) if is_needed] == [16, 14, 13, 15]


def test_a_scan_of_keyframes_without_the_network_decodes_no_windows(
    film: Path, tmp_path: Path
) -> None:
    """Where no transition is looked for, keyframes and what follows them are all."""
    video = made(film, tmp_path / "web.mp4", "-c:v", "libx264", "-preset", "medium")
    found = scan_in_part(video, "keyframes", ScanOptions(()), *part_files(tmp_path))
    assert (found.decode, found.decode_reason) == ("keyframes", None)
    assert found.n_samples > 0
    assert found.n_decoded < in_part(video, tmp_path, "keyframes").n_decoded


@pytest.mark.parametrize("are_joined", [True, False])
def test_a_window_whose_keyframe_is_in_the_file_before_the_end_of_another_is_not_lost(
    are_joined: bool, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two are decoded as one; were they not, the video would be decoded whole."""

    def touching(video: Packets, *_: object) -> list[Window]:
        """Two windows with one frame between."""
        first, second = video.keys[:2].tolist()
        windows = [Window(first, second - 1), Window(second, second + 6)]
        return joined(windows) if are_joined else windows

    monkeypatch.setattr(keyframes, "suspected_windows", touching)
    video = made(film, tmp_path / "mpeg2.ts", *CASES["mpeg2.ts"])
    found = in_part(video, tmp_path, "keyframes")
    assert found.decode == ("keyframes" if are_joined else "all")
    reason = None if are_joined else "its frames are not those of its packets"
    assert found.decode_reason == reason


def test_shots_in_a_window_have_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are taken as in a whole scan, and where the shot that a window is for has settled."""
    shots = [("testsrc2", 2.4), ("mandelbrot", 2.4), ("life=seed=1:mold=10:ratio=0.2", 2.4)]
    blind = ("-c:v", "libx264", "-x264-params", "keyint=600:scenecut=0")
    video = render(tmp_path / "blind.mp4", shots, rate="25", audio=False, encode=blind)
    monkeypatch.setattr(keyframes, "suspected_windows", lambda *_: [Window(0, 120 + AFTER)])
    scan = in_part(video, tmp_path, "keyframes")
    samples = read_samples(tmp_path / "part.samples")
    times = samples["pts"].to_numpy() * float(scan.time_base)
    assert np.diff(times).max() <= 1.3
    last = times >= 4.8 + 0.1
    assert last.any()
    assert not np.isnan(numbers(samples, "motion_mean")[last]).all()
