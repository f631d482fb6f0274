import pytest

from vidcurate.captioning.clip_input import CaptionText
from vidcurate.captioning.options import CLEANING_RULES
from vidcurate.captioning.text.cleaning import Draft, clean, repaired
from vidcurate.errors import MediaError

GOOD = "A man in a red coat walks along a quay. He stops at a boat and waves."


def cleaned(text: str, language: str = "English") -> tuple[str, tuple[str, ...]]:
    """A text after all rules, and which found something."""
    draft, found = repaired(Draft(text, "ok", language), CLEANING_RULES)
    return draft.text, found


@pytest.mark.parametrize(
    "opener",
    [
        "The video shows {}",
        "In this image, {}",
        "In this short video clip we can see {}",
        "This clip depicts {}",
        "The scene opens with {}",
        "The footage consists of {}",
        "Sure! Here is a detailed description of the clip:\n\n{}",
        "Caption: {}",
        "We see {}",
    ],
)
def test_openers_go(opener: str) -> None:
    """A beginning about the video goes, and what is left begins with a capital letter."""
    assert cleaned(opener.format("a" + GOOD[1:])) == (GOOD, ("opener",))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "A dog runs on a beach",
        "In the window, a cat sleeps beside a pot. It wakes.",
        "The camera pans left over a harbour. Boats rock.",
        "The video player on the desk blinks. A hand presses a key.",
        "Of course the dog wins: it runs ahead and barks.",
        "Here is where the river ends. A boat turns.",
        "A row, row, row of boats: very, very long. Mr. Hall waves. Mr. Hill nods.",
        "A man writes 2 * 3 * 4 on a board and turns round.",
        "The sign reads “NO ENTRY.”",
        "The clip shows how a knot is tied.",
        "A man at a desk can't see the screen. He puts his glasses on.",
    ],
)
def test_good_texts_stay(text: str) -> None:
    """What only looks like a fault is let be."""
    assert cleaned(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"**Caption:** {GOOD}", GOOD),
        (f"## Description\n\n{GOOD}", GOOD),
        (f"```text\n{GOOD}\n```", GOOD),
        (GOOD.replace("red coat", "**red coat**").replace("quay", "*quay*"), GOOD),
        (GOOD.replace("boat", "[boat](http://example.org)"), GOOD),
        (f"<p>{GOOD}</p>", GOOD),
    ],
)
def test_markup_goes(text: str, rest: str) -> None:
    """Marks go, marked words stay."""
    assert cleaned(text) == (rest, ("markup",))


def test_lists_become_sentences() -> None:
    """Points of a list are joined, each with a capital letter and a full stop."""
    text, found = cleaned("- a man walks\n- he waves.\n\n2) A gull lands,")
    assert text == "A man walks. He waves. A gull lands."
    assert found == ("list",)


def test_loops_are_passed_once() -> None:
    """Sentences and phrases that come again and again are kept once, also where the end breaks."""
    assert cleaned(f"{GOOD} He stops at a boat and waves.") == (GOOD, ("repetition",))
    looped = "A man walks on. Gulls cry " + "and the waves roll in " * 5 + "and the"
    assert cleaned(looped) == ("A man walks on.", ("repetition", "unfinished"))


def test_a_text_that_breaks_off_is_cut_back_and_marked() -> None:
    """The last sentence goes where it has no end; a lone one is only marked."""
    draft, found = repaired(Draft(f"{GOOD} Then he", "ok", "English"), CLEANING_RULES)
    assert (draft.text, draft.status, found) == (GOOD, "truncated", ("unfinished",))
    draft, found = repaired(Draft("A man walks along the", "ok", "English"), CLEANING_RULES)
    assert (draft.text, draft.status) == ("A man walks along the", "truncated")
    assert found == ("unfinished",)


def test_a_refusal_is_no_caption() -> None:
    """A text that only refuses fails the row with its words; a refusal before a caption goes."""
    refusal = "I'm sorry, but I can't help with that. Please share a description."
    with pytest.raises(MediaError, match="refused: I'm sorry"):
        clean(CaptionText(refusal, "ok"), "English", CLEANING_RULES)
    with pytest.raises(MediaError, match="empty"):
        clean(CaptionText("**Caption:** ", "ok"), "English", CLEANING_RULES)
    assert cleaned(f"I cannot identify people. {GOOD}") == (GOOD, ("refusal",))


def test_another_language_is_marked() -> None:
    """A text in another language stays as it is, and the rule is named."""
    german = "Ein Mann geht mit einem Hund am Ufer entlang und wirft einen Stock in das Wasser."
    assert cleaned(german) == (german, ("language",))
    assert cleaned(german, "German") == (german, ())


def test_rules_are_switched_by_name() -> None:
    """Only the rules asked for run, on the short text too; earlier repairs are kept."""
    caption_text = CaptionText(
        f"The video shows **{GOOD}**", "ok", "The clip shows a man.", repairs=("merged",)
    )
    result = clean(caption_text, "English", ("opener",))
    assert result.text == f"**{GOOD}**"
    assert result.short_text == "The clip shows a man."  # too little would be left
    assert result.repairs == ("merged", "opener")
    assert clean(caption_text, "English", ()) == caption_text
