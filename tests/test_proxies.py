"""Proxies of a clip as pictures."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vidcurate.errors import MediaError
from vidcurate.media.proxies import clip_proxies, decode_jpeg, spread
from vidcurate.media.scan import ScanOptions, scan_film
from vidcurate.records import Clip


@pytest.fixture(scope="module")
def samples(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples of a real scan."""
    folder = tmp_path_factory.mktemp("proxies")
    scan_film(film, ScanOptions(), folder / "frames", folder / "samples")
    return folder / "samples"


def span(start_pts: int, end_pts: int) -> Clip:
    """A clip of which only the span matters."""
    return Clip("c", "v", start_pts, end_pts, Fraction(1, 1000), 0.0, 1.0, 1.0, 1)


def test_proxies_are_upright_rgb_pictures_in_time_order(samples: Path) -> None:
    """A clip over the whole film has all its proxies, as RGB pictures of one size."""
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


def test_a_clip_between_samples_is_an_error(samples: Path) -> None:
    """A clip without a proxy says what to do."""
    with pytest.raises(MediaError, match="sample_interval_s"):
        clip_proxies(samples, span(-20, -10))


@pytest.mark.parametrize("jpeg", [b"", b"\xff\xd8not a picture"])
def test_a_damaged_proxy_is_an_error(jpeg: bytes) -> None:
    """A proxy that is no JPEG is that clip's failure."""
    with pytest.raises(MediaError, match="damaged"):
        decode_jpeg(jpeg)
