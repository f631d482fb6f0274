import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.captioning.spoken_lines import (
    SpokenBlock,
    SpokenLine,
    blocks_of,
    lines_of,
    read_sentences,
)
from vidcurate.clips.words import Word
from vidcurate.errors import MediaError

BLOCK = SpokenBlock((SpokenLine(20.4, 24.0, "Now we cut it."), SpokenLine(25.9, 31.2, "Like so.")))


def words(*lengths: int) -> list[Word]:
    """Sentences of so many words, a word a second."""
    found: list[Word] = []
    for segment, length in enumerate(lengths):
        for _ in range(length):
            start = float(len(found))
            found.append(Word(start, start + 0.9, f" w{len(found)}", None, segment))
    return found


def test_a_line_begins_with_its_whole_second() -> None:
    """A model reads a line for each sentence, after the second in which it begins."""
    assert BLOCK.text == "20s: Now we cut it.\n25s: Like so."
    assert (BLOCK.start_s, BLOCK.end_s) == (20.4, 31.2)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(3, 25))
def test_blocks_hold_every_word_once(lengths: list[int], most: int) -> None:
    """Blocks have at most so many words, in their order, and a new one begins only when full."""
    said = words(*lengths)
    lines = list(lines_of(said, most))
    blocks = list(blocks_of(lines, most))
    assert [line for block in blocks for line in block.lines] == lines
    assert " ".join(line.text for line in lines).split() == [word.word.strip() for word in said]
    sizes = [sum(line.n_words for line in block.lines) for block in blocks]
    assert max(sizes) <= most
    following = [block.lines[0].n_words for block in blocks[1:]]
    assert all(size + more > most for size, more in zip(sizes, following, strict=False))


def test_lines_are_read_with_their_seconds() -> None:
    """Seconds may lack their s; what is no line, says nothing or is said twice is left out."""
    answer = "Here it is:\n21s: A hand cuts.\n 26: A pan.\n27s:  \n21s: A hand cuts.\n21s: A knife."
    found = read_sentences(answer, BLOCK, 100.0)
    assert [(one.second, one.text, one.is_moved) for one in found] == [
        (21, "A hand cuts.", False),
        (26, "A pan.", False),
        (21, "A knife.", False),
    ]


def test_a_second_far_outside_is_moved() -> None:
    """A second may lie 10 s outside of the block and within the video, else it is cut to that."""
    answer = "9s: a\n10s: b\n42s: c\n43s: d"
    found = read_sentences(answer, BLOCK, 100.0)
    assert [(one.second, one.is_moved) for one in found] == [
        (10, True),
        (10, False),
        (42, False),
        (42, True),
    ]
    beyond = read_sentences("35s: a\n36s: b", BLOCK, 35.5)
    assert [(one.second, one.is_moved) for one in beyond] == [(35, False), (35, True)]


def test_nothing_to_see_is_no_fault() -> None:
    """A model that says that nothing can be seen gives no sentence."""
    assert read_sentences(" Nothing.\n", BLOCK, 100.0) == []


@pytest.mark.parametrize("answer", ["The man cuts an onion, then fries it.", "", "at 12s: a cut"])
def test_prose_is_a_fault(answer: str) -> None:
    """An answer without a single line is refused, with its beginning."""
    with pytest.raises(MediaError, match="no line of the form '12s: sentence'") as fault:
        read_sentences(answer, BLOCK, 100.0)
    assert answer[:20] in str(fault.value)
