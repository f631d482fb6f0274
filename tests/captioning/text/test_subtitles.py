import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.captioning.text.subtitles import Cue, heard, read_subtitles, subtitle_name

SRT = """1
00:00:01,000 --> 00:00:02,500
Good <i>morning</i>,
{\\an8}Bob &amp; Ann.

2
00:01:00,5 --> 01:00:00,25
And now?
"""
VTT = """WEBVTT - made by hand
Kind: captions

NOTE
nothing to read here

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start position:10%
<v Bob>Good <c.loud>morning</c>,<00:00:02.000> Ann.

100:00:00.000 --> 100:00:01.000
Late.
"""


def cues(text: str) -> list[tuple[float, float, str]]:
    """The cues of a file."""
    return [(c.start_s, c.end_s, c.text) for c in read_subtitles(text.encode()).cues]


def test_subrip_is_read() -> None:
    """Times with a comma and few decimals, several lines, tags and entities are understood."""
    assert cues(SRT) == [
        (1.0, 2.5, "Good morning,\nBob & Ann."),
        (60.5, 3600.25, "And now?"),
    ]


def test_webvtt_is_read() -> None:
    """Hours may be missing; header, notes, styles, identifiers and settings are no text."""
    assert cues(VTT) == [(1.0, 2.5, "Good morning, Ann."), (360000.0, 360001.0, "Late.")]


def test_line_ends_and_order_do_not_matter() -> None:
    """Windows line ends are as good; cues come in the order of time."""
    assert cues(SRT.replace("\n", "\r\n")) == cues(SRT)
    first, second = SRT.split("\n\n")
    assert cues(f"{second}\n\n{first}\n") == cues(SRT)


def test_a_missing_empty_line_joins_nothing() -> None:
    """The number of a cue that follows at once is no part of the text before it."""
    assert cues(SRT.replace("\n\n", "\n")) == cues(SRT)


@pytest.mark.parametrize(
    "line",
    [
        "00:00:01 --> 00:00:02",
        "00:00:61,000 --> 00:01:02,000",
        "00:00:02,000 --> 00:00:02,000",
        "00:00:03,000 --> 00:00:02,000",
        "one --> two",
        "-00:00:01,000 --> 00:00:02,000",
        "00:00:01,000 -->",
        "00:00:0\u0661,000 --> 00:00:0\u0662,000",
    ],
)
def test_a_bad_cue_is_skipped_and_counted(line: str) -> None:
    """A cue whose times make no sense costs itself only."""
    found = read_subtitles(f"1\n{line}\nLost.\n\n{SRT}".encode())
    assert found.n_skipped == 1
    assert [cue.text for cue in found.cues] == [text for _, _, text in cues(SRT)]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("Café".encode(), "utf-8"),
        (b"\xef\xbb\xbf" + "Café".encode(), "utf-8"),
        ("Café".encode("utf-16"), "utf-16"),
        ("Café".encode("latin-1"), "latin-1"),
    ],
)
def test_encodings_are_told(data: bytes, encoding: str) -> None:
    """UTF-8 with or without mark and UTF-16 with one are known; the rest is Latin-1, and said."""
    head = "00:01.000 --> 00:02.000\n"
    as_utf_16 = encoding == "utf-16"
    whole = (head + "Café").encode("utf-16") if as_utf_16 else head.encode() + data
    if data.startswith(b"\xef\xbb\xbf"):
        whole = b"\xef\xbb\xbf" + head.encode() + data[3:]
    found = read_subtitles(whole)
    assert found.encoding == encoding
    assert [cue.text for cue in found.cues] == ["Café"]


@given(
    st.binary(max_size=400) | st.text(alphabet="0123:,.-> \n<{&;x", max_size=200).map(str.encode)
)
def test_any_bytes_are_survived(data: bytes) -> None:
    """Whatever a file holds, reading ends, and each cue has a text and a length."""
    for cue in read_subtitles(data).cues:
        assert cue.start_s < cue.end_s
        assert cue.text.strip()


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["video.srt", "video.en.srt", "video.vtt"], "video.srt"),
        (["video.de.vtt", "video.en-GB.srt", "video.en.srt"], "video.de.vtt"),
        (["VIDEO.SRT"], "VIDEO.SRT"),
        (["video2.srt", "video.txt", "video.srt.bak", "avideo.srt", "video.extra.words.srt"], None),
        ([], None),
    ],
)
def test_subtitles_are_found_by_name(names: list[str], chosen: str | None) -> None:
    """The file has the video's stem, perhaps a language, and a known ending."""
    assert subtitle_name("video.mp4", names) == chosen
    assert subtitle_name("video.mp4", reversed(names)) == chosen


def test_a_stem_is_no_pattern() -> None:
    """Brackets and dots in a video's name stand for themselves."""
    assert subtitle_name("a.b (1) [x].mkv", ["aXb (1) [x].srt", "a.b (1) [x].srt"]) == (
        "a.b (1) [x].srt"
    )


CUES = (Cue(0, 2, "one"), Cue(2, 4, "two\nthree"), Cue(4, 4.1, "three"), Cue(4.1, 60, "four"))


@pytest.mark.parametrize(
    ("start_s", "end_s", "text"),
    [
        (0, 4, "one two three"),
        (0, 60, "one two three four"),
        (1.2, 4, "two three"),
        (30, 33, "four"),
        (60, 70, ""),
        (1.5, 1.9, "one"),
    ],
)
def test_words_are_cut_to_a_span(start_s: float, end_s: float, text: str) -> None:
    """A cue counts by half of the shorter of both; lines that repeat are said once."""
    assert heard(CUES, start_s, end_s) == text
