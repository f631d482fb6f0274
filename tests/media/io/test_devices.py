from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from av.codec.hwaccel import hwdevices_available
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from vidcurate.media.io.colour import FULL_RANGE
from vidcurate.media.io.decode import as_planar, plane_array, shrinker_for
from vidcurate.media.io.devices import (
    AUTO,
    EXACT_CODECS,
    NAMES,
    device_fault,
    device_of,
    devices_that_open,
    opening_fault,
)
from vidcurate.media.io.orientation import display_matrix
from vidcurate.media.scan.samples import LIMITED_RANGE, SAMPLES_SCHEMA, ProxyShape, sample_row

BT709, BT2020, UNSPECIFIED = 1, 9, 2
Pixels = NDArray[Any]
FORMATS = [
    ("yuv420p", LIMITED_RANGE, BT709),
    ("yuv420p", 0, UNSPECIFIED),
    ("yuv420p", FULL_RANGE, BT709),
    ("yuvj420p", FULL_RANGE, UNSPECIFIED),
    ("yuv420p10le", LIMITED_RANGE, BT2020),
    ("yuv420p10le", FULL_RANGE, BT709),
]


def filled(form: str, planes: list[Pixels], colour_range: int, matrix: int) -> VideoFrame:
    """A frame of these pixels, each plane as a row of numbers for each of its lines."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, form)
    for plane, pixels in zip(frame.planes, planes, strict=True):
        data = np.ascontiguousarray(pixels).view(np.uint8)
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        lines[:, : data.shape[1]] = data
    frame.color_range, frame.colorspace = colour_range, matrix
    frame.pts, frame.time_base = 0, Fraction(1, 24)
    return frame


def both_ways(
    size: tuple[int, int], form: str, colour_range: int, matrix: int
) -> tuple[VideoFrame, VideoFrame]:
    """One picture as the CPU gives it, with three planes, and as a device does, with two."""
    width, height = size
    noise = np.random.default_rng(7)
    is_deep = form.endswith("10le")
    kind, levels = ("uint16", 1024) if is_deep else ("uint8", 256)
    shapes = [(height, width), *[(height // 2, width // 2)] * 2]
    y, u, v = (noise.integers(0, levels, shape, dtype=kind) for shape in shapes)
    both = np.stack([u, v], axis=-1).reshape(height // 2, width)
    shift = 6 if is_deep else 0  # ten bits are the upper ones of sixteen
    planar = filled(form, [y, u, v], colour_range, matrix)
    name = "p010le" if is_deep else "nv12"
    return planar, filled(name, [y << shift, both << shift], colour_range, matrix)


@pytest.mark.parametrize("size", [(1280, 720), (640, 362), (250, 102), (64, 48)])
@pytest.mark.parametrize(("form", "colour_range", "matrix"), FORMATS)
def test_small_pictures_are_the_cpus(
    size: tuple[int, int], form: str, colour_range: int, matrix: int
) -> None:
    """The small picture of a device's frame is that of the CPU's, to the last bit."""
    planar, device = both_ways(size, form, colour_range, matrix)
    found, expected = (shrinker_for(frame).shrink(frame) for frame in (device, planar))
    assert np.array_equal(found.i420, expected.i420)
    assert found.colorspace == expected.colorspace


@pytest.mark.parametrize("size", [(640, 362), (64, 48)])
@pytest.mark.parametrize(("form", "colour_range", "matrix"), FORMATS)
def test_samples_are_the_cpus(
    size: tuple[int, int], form: str, colour_range: int, matrix: int
) -> None:
    """All that is measured of a device's frame, and its JPEG, are those of the CPU's."""
    planar, device = both_ways(size, form, colour_range, matrix)
    side = min(448, size[0])
    shape = ProxyShape(side, side * size[1] // size[0], display_matrix(planar), 80)
    rows = [
        sample_row(0, frame, shrinker_for(frame).shrink(frame), shape, VideoReformatter())
        for frame in (device, planar)
    ]
    found, expected = (pa.RecordBatch.from_pylist([row], schema=SAMPLES_SCHEMA) for row in rows)
    assert found.equals(expected)


def test_a_small_picture_of_nv12_is_a_view_of_every_nth_pixel() -> None:
    """Chroma that lies in pairs is taken from the decoder's memory, the middle of each cell."""
    _, device = both_ways((1280, 720), "yuv420p", LIMITED_RANGE, BT709)
    small = shrinker_for(device).shrink(device).i420
    pairs = np.frombuffer(memoryview(device.planes[1]), np.uint8).reshape(360, -1)[:, :1280]
    blue, red = (pairs[2::5, n::2][:, 2::5] for n in range(2))
    assert np.array_equal(small[:144], plane_array(device.planes[0])[2::5, 2::5])
    assert np.array_equal(small[144:].reshape(2, 72, 128), np.stack([blue, red]))


def test_a_planar_frame_stays_what_it_is() -> None:
    """A frame of the CPU is not copied."""
    planar, _ = both_ways((64, 48), "yuv420p", LIMITED_RANGE, BT709)
    assert as_planar(planar) is planar


def test_a_device_that_the_build_lacks_is_told() -> None:
    """A build of PyAV has never all devices: one that it lacks is named, with those that it has."""
    lacking = next(name for name in NAMES if name not in hwdevices_available())
    fault = device_fault(lacking)
    assert fault is not None
    assert fault.endswith(f", not on {lacking}")
    assert opening_fault(lacking) == fault
    assert devices_that_open(lacking) == ()


def test_auto_takes_what_opens() -> None:
    """Either a device opens on this machine, or each that the build has says why it does not."""
    found, fault = devices_that_open(AUTO), opening_fault(AUTO)
    assert bool(found) == (fault is None)
    assert [device.name for device in found] == [n for n in NAMES if device_fault(n) is None]


def test_devices_take_only_codecs_whose_values_are_fixed() -> None:
    """MPEG-4, MPEG-2 and JPEG, which this build's devices may decode too, stay with the CPU."""
    for name in NAMES:
        assert device_of(name).codecs <= set(EXACT_CODECS)
