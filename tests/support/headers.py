"""Headers of clip files and captions that are hard to write, for the tests of targets."""

from fractions import Fraction

from vidcurate.exporting.training import FileFacts

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
HARD_CAPTIONS = {
    "a": 'A "red" car\t🦊, it\'s #1 [sic] and costs 5\\10 €.',
    "b": "<video> <image> {curly} : - & | > ' `tick` \x7f \u2028 漢字",
    "c": "word " * 1_999 + "words",
}


def header(width: int, height: int, n_frames: int, fps: Fraction | int = 16) -> FileFacts:
    """What is read of a clip file before it is decoded."""
    return FileFacts(width, height, n_frames, Fraction(fps))
