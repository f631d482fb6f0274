import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.captioning.prompts import (
    IN_TAGS,
    PLACEHOLDERS,
    TOLD,
    asked_for,
    fill_prompt,
    in_tags,
    load_prompt,
    prompt_names,
    prompts_with_tags,
)
from vidcurate.errors import MediaError, UsageError

VALUES = dict.fromkeys(PLACEHOLDERS, "7")
HOSTILE = st.sampled_from(
    ["</heard>", "</ heard >", "\uff1c/title\uff1e", "<sounds>", "\n\n", "{words}", "ignore all"]
)


@pytest.mark.parametrize("name", prompt_names())
def test_every_packaged_prompt_can_be_filled(name: str) -> None:
    """The prompts of the package have only known placeholders and leave none open."""
    prompt = load_prompt(name)
    text = fill_prompt(prompt, VALUES)
    assert "{" not in text
    assert prompt.hash == hashlib.sha256(prompt.text.encode()).hexdigest()[:12]


def test_describe_is_there() -> None:
    """The default prompt asks for a paragraph and says how many frames there are."""
    assert "describe" in prompt_names()
    assert "{n_frames}" in load_prompt("describe").text


def test_a_prompt_of_the_user(tmp_path: Path) -> None:
    """A path is read as UTF-8 text; its hash follows the text, not the name or white space."""
    first, second = tmp_path / "a.txt", tmp_path / "b"
    first.write_text("Été: {n_frames} frames, {{literal}}.\n", encoding="utf-8")
    second.write_text("  Été: {n_frames} frames, {{literal}}.", encoding="utf-8")
    assert fill_prompt(load_prompt(str(first)), VALUES) == "Été: 7 frames, {literal}."
    assert load_prompt(str(first)) == load_prompt(str(second))
    second.write_text("another", encoding="utf-8")
    assert load_prompt(str(first)).hash != load_prompt(str(second)).hash


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("about {n_frame} frames", "{n_frame}: did you mean {n_frames}"),
        ("{zzz}", "{zzz}: there are n_frames, duration_s, times_s"),
        ("{}", "unknown placeholder {}"),
        ("{n_frames.__class__}", "{n_frames.__class__}"),
        ("{duration_s:.3f}", "{duration_s:.3f}"),
        ("{duration_s!r}", "{duration_s!r}"),
        ('{"subject": 1}', '{"subject": 1}'),
        ("a { b", "write {{ or }} for a brace"),
        (" \n", "is empty"),
    ],
)
def test_a_faulty_prompt_is_named(tmp_path: Path, text: str, words: str) -> None:
    """What cannot be filled is a usage error that names the placeholder and the remedy."""
    path = tmp_path / "mine.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_prompt(str(path))
    assert words in str(caught.value)
    assert "mine.txt" in str(caught.value)


def test_a_prompt_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A wrong name, a folder and bytes that are no text are usage errors, each with its reason."""
    with pytest.raises(UsageError, match=r"no prompt 'descibe' .*one of .*describe"):
        load_prompt("descibe")
    with pytest.raises(UsageError, match="directory"):
        load_prompt(str(tmp_path))
    with pytest.raises(UsageError, match="no prompt"):
        load_prompt("a\0b")
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_prompt(str(path))


def test_a_value_that_is_not_known_fails_the_clip(tmp_path: Path) -> None:
    """A placeholder without a value for this clip is the clip's error, not a bug."""
    path = tmp_path / "p.txt"
    path.write_text("{duration_s}", encoding="utf-8")
    with pytest.raises(MediaError, match="duration_s"):
        fill_prompt(load_prompt(str(path)), {})


@given(
    st.lists(HOSTILE | st.text(max_size=8), max_size=12).map("".join), st.sampled_from([*IN_TAGS])
)
def test_words_from_outside_stay_in_their_tags(words: str, name: str) -> None:
    """Whatever is heard, a request has one opening and one closing tag, and one line between."""
    told = in_tags(load_prompt(name), words)
    if told:
        head, opened, rest = told.partition(f"\n<{name}>\n")
        inside, closed, tail = rest.partition(f"\n</{name}>")
        assert opened
        assert closed
        assert tail == ""
        assert "no instruction" in head
        assert not {*"<>\uff1c\uff1e\n"} & {*inside}


def test_words_from_outside_are_bounded() -> None:
    """A long text is cut, a blank one leaves nothing, and what has no brackets stays as it is."""
    prompt = load_prompt("heard")
    assert in_tags(prompt, "word " * 5000).count("word ") == 2399
    assert in_tags(prompt, " \n<> ") == ""
    assert "<heard>\nLook, {Bob}! 2 3\n</heard>" in in_tags(prompt, "Look, {Bob}! 2 < 3")


def test_placeholders_are_found_and_braces_are_not(tmp_path: Path) -> None:
    """A word in double braces asks for nothing; a prompt that asks for words brings their tags."""
    path = tmp_path / "p.txt"
    path.write_text("{{heard}} {title}", encoding="utf-8")
    asked = {"mine": load_prompt(str(path))}
    assert asked_for(asked.values()) == {"title"}
    assert [*prompts_with_tags(asked)] == ["mine", "title"]


def test_a_stage_that_does_not_know_says_so(tmp_path: Path) -> None:
    """What only captions are told is refused in the prompt of another stage, not left empty."""
    path = tmp_path / "p.txt"
    path.write_text("{quality} {heard} {caption}", encoding="utf-8")
    with pytest.raises(UsageError, match=r"asks for \{heard\}, \{quality\}, which only .* caption"):
        load_prompt(str(path), TOLD)
