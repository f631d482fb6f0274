import pytest

from vidcurate.captioning.text.nothing import says_nothing


@pytest.mark.parametrize("text", ["none", " Nothing.\n", "**N/A**", '"No music."', "not visible"])
def test_a_word_for_nothing_says_nothing(text: str) -> None:
    """Case, marks and quotation marks do not matter."""
    assert says_nothing(text)


@pytest.mark.parametrize("text", ["", "***", "None of them speaks.", "a silence", "nothing moves"])
def test_a_text_that_holds_such_a_word_says_something(text: str) -> None:
    """Only the word alone counts; a blank text is for others to judge."""
    assert not says_nothing(text)
