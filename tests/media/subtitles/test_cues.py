import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.media.subtitles.cues import Cue, read_subtitles, subtitle_name, words_between

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
def test_a_bad_cue_is_skipped_and_its_line_named(line: str) -> None:
    """A cue whose times make no sense costs itself only."""
    found = read_subtitles(f"1\n{line}\nLost.\n\n{SRT}".encode())
    assert found.skipped_lines == (2,)
    assert [cue.text for cue in found.cues] == [text for _, _, text in cues(SRT)]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Café"),
        ("utf-8-sig", "Café"),
        ("utf-16", "Café"),
        ("cp1252", "Où vas-tu, mon garçon ? Le café est fermé, n\u2019est-ce pas ?"),
        ("cp1252", "Weißt du, wo das Mädchen über die Brücke läuft?"),
        ("cp1250", "Dokąd idziesz, chłopcze? Jeszcze nie wiem. Kawiarnia jest już zamknięta."),
        ("cp1251", "Куда ты идёшь? Я ещё не знаю. Кафе уже закрыто."),
        ("gb18030", "我要去那里。我还不知道。咖啡馆已经关门了。女孩跑过桥。"),
        ("cp932", "どこへ行くの。"),
    ],
)
def test_the_encoding_is_found(encoding: str, text: str) -> None:
    """UTF-8 and marked UTF-16 are certain; else the commonest code pages are told apart."""
    found = read_subtitles(f"00:01.000 --> 00:02.000\n{text}\n".encode(encoding))
    assert [cue.text for cue in found.cues] == [text]
    assert found.encoding == encoding.removesuffix("-sig")


ASS = r"""[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,Last, but {\b1}not{\b0} least.
Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,Not said.
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\an8}Good\Nmorning.
Dialogue: 0,0:00:02.00,0:00:02.50,Default,,0,0,0,,{\p1}m 0 0 l 9 9{\p0}
"""


def test_substation_alpha_is_read() -> None:
    """Dialogue counts, without its markup; comments and drawings do not."""
    found = read_subtitles(ASS.encode(), "video.ass").cues
    assert [(c.start_s, c.end_s, c.text) for c in found] == [
        (1.0, 2.5, "Good\nmorning."),
        (3.0, 4.0, "Last, but not least."),
    ]


@pytest.mark.parametrize("text", ["", "[Events]\n", ASS.replace("0:00:03.00", "soon"), SRT])
def test_a_broken_substation_file_is_survived(text: str) -> None:
    """What cannot be read gives no cue, or those that can be."""
    assert all(cue.text for cue in read_subtitles(text.encode(), "video.ass").cues)


@given(
    st.binary(max_size=400) | st.text(alphabet="0123:,.-> \n<{&;x", max_size=200).map(str.encode)
)
def test_any_bytes_are_survived(data: bytes) -> None:
    """Whatever a file holds, reading ends, and each cue has a text and a length."""
    for cue in (*read_subtitles(data).cues, *read_subtitles(data, "video.ass").cues):
        assert cue.start_s < cue.end_s
        assert cue.text.strip()


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["video.srt", "video.en.srt", "video.vtt"], "video.srt"),
        (["video.de.vtt", "video.en-GB.srt", "video.en.srt"], "video.de.vtt"),
        (["VIDEO.SRT"], "VIDEO.SRT"),
        (["video.en.ass", "video.ssa"], "video.ssa"),
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
    """A cue counts by half of the shorter of both; repeated lines count once."""
    assert words_between(CUES, start_s, end_s) == text
