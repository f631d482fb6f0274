"""Proxies of a clip as pictures."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vidcurate.errors import MediaError
from vidcurate.media.scan.scanner import ScanOptions, scan_video
from vidcurate.media.visual.proxies import clip_proxies, decode_jpeg, spread
from vidcurate.records import Clip


@pytest.fixture(scope="module")
def samples(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples of a real scan."""
    folder = tmp_path_factory.mktemp("proxies")
    scan_video(video, ScanOptions(), folder / "frames", folder / "samples")
    return folder / "samples"


def span(start_pts: int, end_pts: int) -> Clip:
    """A clip of which only the span matters."""
    return Clip("c", "v", start_pts, end_pts, Fraction(1, 1000), 0.0, 1.0, 1.0, 1)


def test_proxies_are_upright_rgb_pictures_in_time_order(samples: Path) -> None:
    """A clip over the whole video has all its proxies, as RGB pictures of one size."""
    found = clip_proxies(samples, span(0, 1 << 40))
    times = [proxy.pts for proxy in found]
    assert times == sorted(set(times))
    assert len(times) > 1
    assert {proxy.image.shape for proxy in found} == {found[0].image.shape}
    assert found[0].image.shape[2] == 3


def test_few_proxies_are_spread_over_the_clip(samples: Path) -> None:
    """`at_most` picks evenly, and never more than there are."""
    everything = [p.pts for p in clip_proxies(samples, span(0, 1 << 40))]
    one = [p.pts for p in clip_proxies(samples, span(0, 1 << 40), at_most=1)]
    assert one == [everything[len(everything) // 2]]
    assert [p.pts for p in clip_proxies(samples, span(0, 1 << 40), at_most=999)] == everything


@pytest.mark.parametrize(("count", "at_most"), [(1, 1), (5, 2), (7, 7), (10, 3), (3, None)])
def test_spread_gives_rising_numbers(count: int, at_most: int | None) -> None:
    """The numbers rise, lie inside, and are as many as asked for."""
    numbers = spread(count, at_most)
    assert len(numbers) == min(count, at_most or count)
    assert (np.diff(numbers) > 0).all()
    assert 0 <= numbers[0] <= numbers[-1] < count


def test_a_clip_between_proxies_has_the_nearest(samples: Path) -> None:
    """A clip without a proxy is judged by the one nearest to its middle, even with `at_most`."""
    every = [p.pts for p in clip_proxies(samples, span(0, 1 << 40))]
    assert [p.pts for p in clip_proxies(samples, span(-20, -10))] == every[:1]
    between = span(every[1] + 1, every[1] + 3)
    assert [p.pts for p in clip_proxies(samples, between, at_most=4)] == every[1:2]


def test_a_video_without_a_proxy_is_an_error(samples: Path, tmp_path: Path) -> None:
    """A clip of a video that no sample was taken of says what to do."""
    with pa.memory_map(str(samples)) as file:
        table = pa.ipc.open_file(file).read_all()
    with pa.OSFile(str(tmp_path / "none"), "wb") as file, pa.ipc.new_file(file, table.schema):
        pass
    with pytest.raises(MediaError, match="scan it again"):
        clip_proxies(tmp_path / "none", span(0, 1))


@pytest.mark.parametrize("jpeg", [b"", b"\xff\xd8not a picture"])
def test_a_damaged_proxy_is_an_error(jpeg: bytes) -> None:
    """A proxy that is no JPEG is that clip's failure."""
    with pytest.raises(MediaError, match="damaged"):
        decode_jpeg(jpeg)
