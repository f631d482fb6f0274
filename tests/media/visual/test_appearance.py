import cv2
import numpy as np
import pytest

from tests.support.pictures import SCENES, Image, jpeg
from vidcurate.errors import MediaError, UsageError
from vidcurate.media.visual.appearance import (
    Appearance,
    appearance_vector,
    mirrored,
    open_appearance,
)


def likeness(one: Image, other: Image) -> float:
    """Cosine of the vectors of two pictures that were stored as JPEG."""
    first, second = Appearance().image_vectors([jpeg(one), jpeg(other)])
    return float(first @ second)


def test_vectors_have_length_one() -> None:
    """Any picture gives 390 numbers of length one: black, white, a single pixel, a tall line."""
    odd = [np.full((h, w, 3), v, np.uint8) for h, w, v in ((9, 9, 0), (1, 1, 255), (300, 2, 99))]
    vectors = open_appearance(None).image_vectors([jpeg(p) for p in (*SCENES, *odd)])
    assert vectors.shape == (27, 390)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_others_are_less_alike_than_copies() -> None:
    """Small, coarse, brighter, cropped and letterboxed copies are liker than any other scene."""
    vectors = Appearance().image_vectors([jpeg(picture) for picture in SCENES])
    others = vectors @ vectors.T - np.eye(len(SCENES))
    for picture in SCENES[:8]:
        copies = (
            cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA),
            cv2.imdecode(np.frombuffer(jpeg(picture, 15), np.uint8), cv2.IMREAD_COLOR),
            cv2.convertScaleAbs(picture, alpha=1.1, beta=10),
            picture[12:-12, 22:-22],
            cv2.copyMakeBorder(picture, 42, 42, 0, 0, cv2.BORDER_CONSTANT),
        )
        likest = [likeness(picture, np.asarray(copy, np.uint8)) for copy in copies]
        assert min(likest) > others.max()


def test_bars_do_not_count() -> None:
    """Bars on opposite sides change next to nothing; a border on one side does."""
    picture = SCENES[0]
    bars = ((42, 42, 0, 0), (0, 0, 60, 60), (42, 42, 60, 60))
    for bar in bars:
        barred = cv2.copyMakeBorder(picture, *bar, cv2.BORDER_CONSTANT)
        assert likeness(picture, np.asarray(barred, np.uint8)) > 0.99
    shifted = cv2.copyMakeBorder(picture, 84, 0, 0, 0, cv2.BORDER_CONSTANT)
    assert likeness(picture, np.asarray(shifted, np.uint8)) < 0.95


def test_mirroring_needs_no_picture() -> None:
    """The mirrored vector is that of the mirrored picture, and mirroring twice gives it back."""
    for picture in SCENES[:4]:
        plain = appearance_vector(picture)[None]
        flipped = appearance_vector(np.ascontiguousarray(picture[:, ::-1]))[None]
        assert float((mirrored(plain) @ flipped.T)[0, 0]) > 0.9999
        assert float((plain @ flipped.T)[0, 0]) < 0.95
        np.testing.assert_array_equal(mirrored(mirrored(plain)), plain)


def test_a_batch_is_its_pictures() -> None:
    """A picture's vector does not depend on those beside it."""
    files = [jpeg(picture) for picture in SCENES[:5]]
    alone = np.concatenate([Appearance().image_vectors([file]) for file in files])
    np.testing.assert_array_equal(Appearance().image_vectors(files), alone)


@pytest.mark.parametrize("data", [b"", b"no picture", jpeg(SCENES[0])[:100]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """Empty, foreign and truncated files are faults of that video, said in words."""
    with pytest.raises(MediaError, match="cannot be decoded"):
        Appearance().image_vectors([data])


def test_words_are_refused_with_the_remedy() -> None:
    """It has no text side, and says which backend does."""
    with pytest.raises(UsageError, match="backend open_clip"):
        Appearance().text_vectors(["a rabbit"])
