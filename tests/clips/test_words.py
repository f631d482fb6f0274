from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.clips.words import Word, read_words, spoken_text, words_in, write_words
from vidcurate.errors import MediaError

TIMES = st.floats(0, 100, allow_nan=False)
WORDS = st.lists(
    st.builds(
        lambda start, length, n: Word(start, start + length, f" w{n}", None, n),
        TIMES,
        st.floats(0, 9),
        st.integers(0, 99),
    )
)


def stored(words: list[Word], folder: Path) -> Path:
    """The file of some words."""
    file = folder / "words.parquet"
    write_words(file, words)
    return file


@given(WORDS, st.lists(TIMES, min_size=1, unique=True))
def test_each_word_is_in_one_clip(
    tmp_path_factory: pytest.TempPathFactory, words: list[Word], cuts: list[float]
) -> None:
    """Clips that meet share no word and lose none: those of all clips are all, once each."""
    table = read_words(stored(words, tmp_path_factory.mktemp("words")))
    edges = [-1.0, *sorted(cuts), 200.0]
    found = [
        row
        for start_s, end_s in pairwise(edges)
        for row in words_in(table, start_s, end_s).to_pylist()
    ]
    order = ("start_s", "end_s", "segment")
    assert sorted(found, key=lambda row: [row[name] for name in order]) == sorted(
        table.to_pylist(), key=lambda row: [row[name] for name in order]
    )


def test_a_cut_word_belongs_to_the_clip_with_its_middle(tmp_path: Path) -> None:
    """A word from 1.0 to 2.0 s is of the clip after 1.5 s, as its middle is not before it."""
    words = [Word(0.2, 0.8, " Before", 0.9, 0), Word(1.0, 2.0, " after.", None, 0)]
    table = read_words(stored(words, tmp_path))
    assert spoken_text(words_in(table, 0.0, 1.5)) == "Before"
    assert spoken_text(words_in(table, 1.5, 3.0)) == "after."
    assert spoken_text(table) == "Before after."
    assert table["probability"].to_pylist() == [0.9, None]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """A file of words that is gone is an error with a remedy."""
    with pytest.raises(MediaError, match=r"cannot read the words 'w\.parquet': transcribe"):
        read_words(tmp_path / "w.parquet")
