from hypothesis import given
from hypothesis import strategies as st

from vidcurate.exporting.layouts.captions import caption_line, safe_stem
from vidcurate.exporting.layouts.chat import MARKS

MARKUP = (*MARKS, "[trigger]", "[name]")
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def test_a_caption_becomes_one_line() -> None:
    """Ends of lines, tabs, NUL and other controls become one space; words stay as they are."""
    assert caption_line("a\nb\r\n\tc\0d\x1b\x85e\u2028f\u2029 g\x0b") == "a b c d e f g"


def test_words_quotes_and_emoji_stay() -> None:
    """Quotes, emoji joined of several, and brackets that no trainer reads, stay."""
    text = f'He says "it\'s 3 < 4", [laughs] & waves {FAMILY} \U0001f44b\U0001f3fd, “so” \\n.'
    assert caption_line(text) == text


def test_marks_of_trainers_become_words() -> None:
    """A mark for a medium, a special token or a trigger reads as a word in round brackets."""
    assert caption_line("A <video> on <IMAGE>, <audio>") == "A (video) on (IMAGE), (audio)"
    assert caption_line("[trigger] and [Name]") == "(trigger) and (Name)"
    assert caption_line("a</s> b<|im_end|> c<br/>") == "a(s) b(im_end) c(br)"


def test_no_mark_is_put_together_by_cleaning() -> None:
    """A mark that is broken by a sign that goes, or lies in another, is none in the end either."""
    for text in ("<vid\u200feo>", "<<video>>", "[[name]]", "<\ufeffvideo>", "[tri\u202egger]"):
        assert not any(mark in caption_line(text) for mark in MARKUP)


def test_directions_of_writing_go_and_letters_stay() -> None:
    """Signs that turn the direction of writing go; the Hebrew and Persian words stay."""
    hebrew, persian = "\u05e9\u05dc\u05d5\u05dd", "\u0645\u06cc\u200c\u062e"
    assert caption_line(f"\u202b{hebrew}\u202c \u200f{hebrew}\u2069") == f"{hebrew} {hebrew}"
    assert caption_line(persian) == persian


def test_ten_thousand_characters_stay() -> None:
    """A caption is not cut."""
    assert caption_line("ab " * 5000) == ("ab " * 5000).strip()


@given(st.text(alphabet=st.characters() | st.sampled_from("<>[]/|videotrgnam\n\ud800")))
def test_a_line_stays_as_it_is(text: str) -> None:
    """Any text becomes UTF-8 in one line, and its line stays when it is made a line again."""
    line = caption_line(text)
    assert caption_line(line.encode().decode()) == line
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert not any(mark in line for mark in MARKUP)


def test_a_clip_s_id_is_its_stem() -> None:
    """Names of the form that clips have stay as they are."""
    for name in ("0f3c9a1d2b4e5f60-0-81", "a_b-c", "9f--12-4"):
        assert safe_stem(name) == name


def test_stems_are_safe_and_differ() -> None:
    """Names that differ in case, dots or accents have different stems, also to a disk without case.

    None of them is read as a number.
    """
    names = ["Clip", "clip", "CLIP", "a.b", "a.c", "a b", "é", "12", "012", "1e5", "nan", "-rf", ""]
    names += ["日本", "x" * 300, "x" * 301, "a/b", "con.", "_", "\ud800"]
    stems = [safe_stem(name) for name in names]
    assert len({stem.casefold() for stem in stems}) == len(names)
    for stem in stems:
        assert stem.isascii()
        assert stem.replace("-", "").replace("_", "").isalnum() or stem == "_"
        assert len(stem) <= 100
        assert not stem.replace("-", "").isdigit()
