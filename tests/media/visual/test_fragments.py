import numpy as np

from vidcurate.media.visual.fragments import (
    corners,
    fragment_frames,
    fragment_picture,
    fragment_pieces,
)


def test_frames_are_four_pieces_of_every_other_frame() -> None:
    """Of 400 frames each hundred has 32 from its middle on; a short clip begins again."""
    found = fragment_frames(400)
    assert found[:3] == [18, 20, 22]
    assert found[31:34] == [80, 118, 120]
    assert found[-1] == 380
    assert len(fragment_frames(5)) == 128
    assert set(fragment_frames(5)) == set(range(5))


def test_squares_are_of_each_part_at_native_size() -> None:
    """A frame of 700 x 1400 gives squares from the middle of parts of 100 x 200 pixels."""
    assert corners(700) == [34 + 100 * n for n in range(7)]
    rows, columns = np.mgrid[:700, :1400]
    image = np.stack([rows // 100, columns // 200, rows % 100], -1).astype(np.uint8)
    made = fragment_picture(image)
    assert made.shape == (224, 224, 3)
    assert made[::32, 0, 0].tolist() == list(range(7))
    assert made[0, ::32, 1].tolist() == list(range(7))
    assert made[:32, 0, 2].tolist() == list(range(34, 66))


def test_small_frames_are_enlarged() -> None:
    """Of 90 x 160 pixels the squares overlap, and all are filled."""
    assert corners(90) == [0, 12, 24, 36, 48, 58, 58]
    assert (fragment_picture(np.full((90, 160, 3), 9, np.uint8)) == 9).all()


def test_pieces_are_in_the_wanted_order() -> None:
    """A frame that is wanted twice is decoded once."""
    images = [(n, np.full((224, 224, 3), n, np.uint8)) for n in range(3)]
    pieces = fragment_pieces(images, [n % 3 for n in range(128)])
    assert pieces.shape == (4, 32, 224, 224, 3)
    assert pieces[0, :4, 0, 0, 0].tolist() == [0, 1, 2, 0]
