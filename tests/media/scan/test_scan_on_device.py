from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.devices import CpuDevice
from tests.support.videos import ffmpeg, render
from vidcurate.media.io.devices import (
    AUTO,
    Device,
    device_fault,
    device_of,
    devices_that_open,
    names_of,
)
from vidcurate.media.io.interlacing import PROGRESSIVE, TOP
from vidcurate.media.scan.scanner import ScanOptions, VideoScan, scan_video

PLAIN = ("-c:v", "libx264", "-preset", "ultrafast")
CLOSED = [name for name in names_of(AUTO) if device_fault(name)]
OPTIONS = ScanOptions(metrics=("learned", "content"))


def scanned(
    video: Path, folder: Path, *devices: Device, order: str = PROGRESSIVE
) -> tuple[VideoScan, list[bytes]]:
    """What a scan finds, and the bytes of both its files."""
    files = folder / "frames.arrow", folder / "samples.arrow"
    found = scan_video(video, OPTIONS, *files, field_order=order, devices=devices)
    return found, [file.read_bytes() for file in files]


def assert_cpu_scanned(
    video: Path, folder: Path, device: CpuDevice, fault: str, order: str = PROGRESSIVE
) -> VideoScan:
    """Check that all is as without a device, and that the row says why."""
    expected, files = scanned(video, folder, order=order)
    found, found_files = scanned(video, folder, device.device(), order=order)
    assert (found.decoder, found.decoder_fault) == ("cpu", fault)
    assert (replace(found, decoder_fault=None), found_files) == (expected, files)
    return found


@pytest.mark.parametrize(
    ("name", "order", "encode"),
    [
        ("plain.mp4", PROGRESSIVE, PLAIN),
        ("deep.mkv", PROGRESSIVE, ("-pix_fmt", "yuv420p10le", *PLAIN)),
        ("full range.mkv", PROGRESSIVE, ("-pix_fmt", "yuvj420p", *PLAIN)),
        ("interlaced.mkv", TOP, ("-flags", "+ildct+ilme", *PLAIN)),
        ("deep interlaced.mkv", TOP, ("-pix_fmt", "yuv420p10le", *PLAIN)),
        ("vp9.mkv", PROGRESSIVE, ("-c:v", "libvpx-vp9", "-deadline", "realtime")),
    ],
)
def test_a_device_records_what_the_cpu_does(
    tmp_path: Path, name: str, order: str, encode: tuple[str, ...]
) -> None:
    """Signals, samples and the row are those of the CPU, and the row says what decoded."""
    video = render(tmp_path / name, (("testsrc2", 1.0), ("rgbtestsrc", 1.0)), encode=encode)
    expected, files = scanned(video, tmp_path, order=order)
    device = CpuDevice()
    found, found_files = scanned(video, tmp_path, device.device("vaapi"), order=order)
    assert (found.decoder, found.decoder_fault) == ("vaapi", None)
    assert device.n_frames == found.n_frames
    assert (replace(found, decoder="cpu"), found_files) == (expected, files)


def test_the_cpu_begins_again_where_a_device_fails(video: Path, tmp_path: Path) -> None:
    """A device that runs out of memory after 100 frames costs time, and nothing else."""
    device = CpuDevice(fails_after=100)
    assert_cpu_scanned(video, tmp_path, device, "cuda: Cannot allocate memory")
    assert device.n_frames == 101


def test_a_device_that_fails_at_once_leaves_all_to_the_cpu(video: Path, tmp_path: Path) -> None:
    """A device that refuses the first picture, as one of a profile it lacks, is left at once."""
    device = CpuDevice(fails_after=0)
    assert_cpu_scanned(video, tmp_path, device, "cuda: Cannot allocate memory")
    assert device.n_frames == 1


@pytest.mark.parametrize("number", [1, 24])
def test_a_device_that_shows_another_picture_is_not_used(
    video: Path, tmp_path: Path, number: int
) -> None:
    """The first 24 pictures are compared with the CPU's, pixel by pixel."""
    device = CpuDevice(spoils_from=number)
    fault = f"cuda: picture {number} is not the one that the CPU decodes"
    assert_cpu_scanned(video, tmp_path, device, fault)
    assert number <= device.n_frames < 144


def test_pictures_that_no_device_gives_are_not_said_to_be_a_devices(
    video: Path, tmp_path: Path
) -> None:
    """A decoder that decodes on the CPU after all is told by the form of its pictures."""
    fault = "cuda: pictures come as yuv420p"
    assert_cpu_scanned(video, tmp_path, CpuDevice(gives="yuv420p"), fault)


def test_damage_is_the_cpus(tmp_path: Path) -> None:
    """Of a damaged video the CPU says what is damaged, since no two decoders conceal alike."""
    whole = render(tmp_path / "whole.ts", audio=False)
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    damaged = tmp_path / "damaged.ts"
    damaged.write_bytes(data)
    expected, _ = scanned(damaged, tmp_path)
    found, _ = scanned(damaged, tmp_path, CpuDevice().device())
    assert found.decoder == "cpu"
    assert found.decoder_fault is not None
    assert replace(found, decoder_fault=None) == expected
    assert found.n_decode_errors > 0


def test_a_device_that_ends_early_is_not_believed(video: Path, tmp_path: Path) -> None:
    """A device that gives nothing more after 2 of 6 seconds, and no error, loses nothing."""
    fault = "cuda: decoding stopped at 2.0 s of 6.0 s: the file ends there"
    found = assert_cpu_scanned(video, tmp_path, CpuDevice(stops_after=48), fault)
    assert found.losses == ()


def test_other_codecs_stay_with_the_cpu(tmp_path: Path) -> None:
    """MPEG-4 may be decoded in more ways than one, so no device is asked."""
    video = render(tmp_path / "old.avi", audio=False, encode=("-c:v", "mpeg4"))
    device = CpuDevice()
    assert_cpu_scanned(video, tmp_path, device, "cuda: not used for mpeg4")
    assert device.n_frames == 0


@pytest.mark.skipif(not CLOSED, reason="all devices of this build of PyAV open here")
def test_the_cpu_decodes_where_a_device_is_gone(video: Path, tmp_path: Path) -> None:
    """A device that was there when the worker began, and does not open any more, costs nothing."""
    found, files = scanned(video, tmp_path, device_of(CLOSED[0]))
    assert found.decoder == "cpu"
    assert str(found.decoder_fault).startswith(f"{CLOSED[0]}: it does not open: ")
    assert (replace(found, decoder_fault=None), files) == scanned(video, tmp_path)


@pytest.mark.skipif(not devices_that_open(AUTO), reason="no device for decoding on this machine")
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_devices_of_this_machine_record_what_the_cpu_does(tmp_path: Path, pixels: str) -> None:
    """Each device that opens here leaves what the CPU leaves of a video in H.264 and in HEVC."""
    for encoder in ("libx264", "libx265"):
        encode = ("-pix_fmt", pixels, "-c:v", encoder, "-preset", "ultrafast")
        video = tmp_path / f"{encoder}.mkv"
        source = "testsrc2=size=640x360:rate=24"
        ffmpeg("-f", "lavfi", "-t", "2", "-i", source, *encode, f"file:{video}")
        expected, files = scanned(video, tmp_path)
        for device in devices_that_open(AUTO):
            found, found_files = scanned(video, tmp_path, device)
            if found.decoder != "cpu":  # H.264 of ten bits is what many devices lack
                assert (replace(found, decoder="cpu"), found_files) == (expected, files)
