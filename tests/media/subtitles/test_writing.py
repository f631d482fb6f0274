from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.words import Word
from vidcurate.media.subtitles.cues import Cue, read_subtitles
from vidcurate.media.subtitles.writing import (
    MAX_CUE_S,
    MAX_LINE,
    WRITERS,
    cues_of_words,
    srt_text,
    vtt_text,
)


def said(text: str, start_s: float = 0.0, word_s: float = 0.4) -> list[Word]:
    """The words of a text, one after the other."""
    return [
        Word(start_s + n * word_s, start_s + (n + 1) * word_s, f" {word}", None, 0)
        for n, word in enumerate(text.split())
    ]


def texts(words: list[Word], length_s: float = 100.0) -> list[str]:
    """The texts of the cues that words make."""
    return [cue.text for cue in cues_of_words(words, length_s)]


def test_a_cue_ends_with_its_sentence_and_at_a_pause() -> None:
    """A stop before a small letter ends no sentence, and a short silence is no pause."""
    words = [*said("It is 3 p.m. in Rome. Go on."), *said("Later", 4.0), *said("now", 4.8)]
    assert texts(words) == ["It is 3 p.m. in Rome.", "Go on.", "Later now"]


def test_lines_are_short_and_even() -> None:
    """A cue has two lines of at most 42 characters, about equally long, and breaks at a comma.

    Where there is none, both cues are about equally long, so that no word is left over.
    """
    long = "The hare that sleeps under the tree wakes up late, and then it runs over the green hill"
    first, second = texts(said(long, word_s=0.2))
    assert first == "The hare that sleeps under\nthe tree wakes up late,"
    assert second == "and then it runs over the green hill"
    even = texts(said(long.replace(",", " in the sun") + " once more", word_s=0.2))
    assert [len(cue) for cue in even] == [52, 54]


def test_a_cue_lasts_seven_seconds_at_most() -> None:
    """Slow speech is divided; one endless word is cut."""
    slow = cues_of_words(said("one two three four", word_s=3.0), 100.0)
    assert [(cue.start_s, cue.end_s) for cue in slow] == [(0.0, 6.0), (6.0, 12.0)]
    (endless,) = cues_of_words([Word(1.0, 60.0, " Ooooh", None, 0)], 100.0)
    assert (endless.start_s, endless.end_s) == (1.0, 8.0)


def test_a_short_cue_stays_until_the_next_one() -> None:
    """It is shown for 5/6 s where there is time, up to the next cue or the file's end."""
    first, second = cues_of_words([*said("Hi.", 0.0, 0.2), *said("You?", 0.5, 0.2)], 1.0)
    assert (first.end_s, second.end_s) == (0.5, 1.0)
    (alone,) = cues_of_words(said("Hi.", 0.0, 0.2), 9.0)
    assert alone.end_s == pytest.approx(5 / 6)


def test_words_without_spaces_are_joined_without() -> None:
    """Languages that write no spaces between words get none."""
    words = [Word(n, n + 0.5, text, None, 0) for n, text in enumerate(("兔子", "跑", "了。"))]
    assert texts(words) == ["兔子跑了。"]


def test_files_are_as_players_read_them() -> None:
    """WebVTT has its head and points, SubRip numbers and commas; hours are always told."""
    cues = [Cue(0.5, 1.25, "Salt & <b>pepper</b>"), Cue(3601.0, 3602.0, "A --> B\nAT&T")]
    assert vtt_text(cues) == (
        "WEBVTT\n\n"
        "00:00:00.500 --> 00:00:01.250\nSalt &amp; &lt;b&gt;pepper&lt;/b&gt;\n\n"
        "01:00:01.000 --> 01:00:02.000\nA --&gt; B\nAT&amp;T\n"
    )
    assert srt_text(cues) == (
        "1\n00:00:00,500 --> 00:00:01,250\nSalt & &lt;b>pepper&lt;/b>\n\n"
        "2\n01:00:01,000 --> 01:00:02,000\nA --&gt; B\nAT&T\n"
    )


WORDS = st.lists(
    st.tuples(
        st.text(
            st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12
        )
        | st.sampled_from(["-->", "<i>", "&amp;", "&", "{\\an8}", "12", "</v>", "a<b", "end."]),
        st.floats(0, 3),
        st.floats(0, 2),
    ),
    max_size=40,
)


@pytest.mark.parametrize("ending", [*WRITERS])
@given(made=WORDS)
def test_any_words_come_back(ending: str, made: list[tuple[str, float, float]]) -> None:
    """What is written is read as the same cues, in order, apart, inside the file and not too wide.

    Times are those of the cues to the millisecond.
    """
    words: list[Word] = []
    now_s = 0.0
    for text, pause_s, length_s in made:
        words.append(Word(now_s + pause_s, now_s + pause_s + length_s, f" {text}", None, 0))
        now_s += pause_s + length_s
    cues = cues_of_words(words, 60.0)
    read = read_subtitles(WRITERS[ending](cues).encode(), f"clip.{ending}")
    assert not read.skipped_lines
    assert [cue.text for cue in read.cues] == [cue.text for cue in cues]
    for cue, again in zip(cues, read.cues, strict=True):
        assert again.start_s == pytest.approx(cue.start_s, abs=0.0006)
        assert again.end_s == pytest.approx(cue.end_s, abs=0.0006)
        assert 0 <= cue.start_s < cue.end_s <= 60.0
        assert cue.end_s - cue.start_s <= MAX_CUE_S + 1e-9
        assert all(len(line) <= MAX_LINE for line in cue.text.split("\n"))
    assert all(first.end_s <= second.start_s for first, second in pairwise(cues))
