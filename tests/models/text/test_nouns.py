import pytest

from vidcurate.models.text.nouns import NounsOf, open_tagger

pytest.importorskip("textblob", reason="the extra 'text' is not installed")


@pytest.fixture(scope="module")
def nouns_of() -> NounsOf:
    """The tagger."""
    return open_tagger()


def test_nouns_come_once_in_the_singular_and_in_small_letters(nouns_of: NounsOf) -> None:
    """Words of other kinds are left out; a singular in -s stays as it is."""
    text = (
        "Two Dogs are running past the bus with a red ball. A dog in trousers barks on the grass."
    )
    assert nouns_of(text) == ("dog", "bus", "ball", "trousers", "grass")


def test_a_text_without_words_has_no_nouns(nouns_of: NounsOf) -> None:
    """So do signs and numbers."""
    assert nouns_of("") == nouns_of("12 -- !") == ()
