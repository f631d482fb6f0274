import cv2
import numpy as np

from tests.support.pictures import SCENES, jpeg
from vidcurate.media.visual.hashes import LEAST_SPREAD, mirrored_hashes, perceptual_hash


def hashed(picture: np.typing.NDArray[np.uint8]) -> np.typing.NDArray[np.uint8]:
    """The hash of a picture that has one."""
    found = perceptual_hash(picture)
    assert found is not None
    return found


def apart(one: np.typing.NDArray[np.uint8], other: np.typing.NDArray[np.uint8]) -> int:
    """How many bits differ."""
    return int(np.unpackbits(one ^ other).sum())


def test_copies_keep_their_hash_and_others_do_not() -> None:
    """Coarse, small and letterboxed copies differ in few of 64 bits, other scenes in many."""
    hashes = [hashed(picture) for picture in SCENES]
    others = [apart(a, b) for n, a in enumerate(hashes) for b in hashes[:n]]
    assert min(others) > 12
    for picture, own in zip(SCENES, hashes, strict=True):
        coarse = cv2.imdecode(np.frombuffer(jpeg(picture, 15), np.uint8), cv2.IMREAD_COLOR)
        small = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA)
        barred = cv2.copyMakeBorder(picture, 42, 42, 0, 0, cv2.BORDER_CONSTANT)
        for copy in (coarse, small, barred):
            assert apart(own, hashed(np.asarray(copy, np.uint8))) <= 8


def test_the_hash_of_the_mirrored_picture_is_known() -> None:
    """It is the one that the mirrored picture has, but for waves next to zero."""
    for picture in SCENES:
        known = mirrored_hashes(hashed(picture)[None])[0]
        assert apart(known, hashed(np.ascontiguousarray(picture[:, ::-1]))) <= 2


def test_what_shows_next_to_nothing_has_no_hash() -> None:
    """Black and a faint gradient have none; a gradient that is seen has one."""
    ramp = np.linspace(0, 1, 64)[None, :, None].repeat(48, 0).repeat(3, 2)
    assert perceptual_hash(np.zeros((48, 64, 3), np.uint8)) is None
    assert perceptual_hash((100 + ramp * LEAST_SPREAD).astype(np.uint8)) is None
    assert perceptual_hash((100 + ramp * 50).astype(np.uint8)) is not None
