"""How models say that there is nothing to tell, as prompts ask for it or in words of their own."""

# Beside what prompts ask for: words that models write in place of an empty text, and of forms.
NOTHING = frozenset(
    {
        "n/a",
        "no music",
        "no sound",
        "none",
        "not applicable",
        "not visible",
        "nothing",
        "null",
        "other",
        "silence",
        "there is no music",
        "unclear",
        "unknown",
    }
)


def says_nothing(text: str) -> bool:
    """Whether a text is no more than a word for nothing; a blank one has no word."""
    return text.strip(" \t\r\n.*\"'`").casefold() in NOTHING
