"""Merges notes with times into one text, in as many steps as their length needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Conversation, ModelRequest, Status, answer_text
from vidcurate.records import SpanText


@dataclass(frozen=True, slots=True)
class Merged:
    """One text from many notes, how its answer ended, and what is missing and why."""

    text: str
    status: Status
    gaps: tuple[str, ...]


def merge(
    notes: Sequence[SpanText], max_chars: int, prompt: Callable[[str], str]
) -> Conversation[Merged]:
    """Ask for one text from all notes, with at most `max_chars` of notes in a request.

    Notes that are too many for one request are merged in groups first, and the results are merged
    again. A group that fails leaves a gap. `prompt` makes a request from a list of notes. Raises
    MediaError where the last request fails, or every one before it.
    """
    gaps: list[str] = []
    while len(groups := in_groups(notes, max_chars)) > 1:
        merged: list[SpanText] = []
        for group in groups:
            span = SpanText(group[0].start_s, group[-1].end_s, "")
            try:
                answer = yield ModelRequest((prompt(as_lines(group)),))
                merged.append(SpanText(span.start_s, span.end_s, answer_text(answer)))
            except MediaError as error:
                gaps.append(f"{time_text(span)} is missing: {error}")
        if not merged:
            raise MediaError(gaps[-1])
        notes = merged
    answer = yield ModelRequest((prompt(as_lines(groups[0])),))
    return Merged(answer_text(answer), answer.status, tuple(gaps))


def in_groups(notes: Sequence[SpanText], max_chars: int) -> list[list[SpanText]]:
    """Divide notes into groups whose lists have at most `max_chars`.

    A note is cut to half of that, so that two fit and every step leaves fewer.
    """
    groups: list[list[SpanText]] = [[]]
    chars_left = max_chars
    for note in notes:
        max_text = max(0, max_chars // 2 - len(as_line(SpanText(note.start_s, note.end_s, ""))) - 1)
        short = note if len(note.text) <= max_text else shorten(note, max_text)
        n_chars = len(as_line(short)) + 1
        if n_chars > chars_left and groups[-1]:
            groups.append([])
            chars_left = max_chars
        groups[-1].append(short)
        chars_left -= n_chars
    return groups


def shorten(note: SpanText, n_chars: int) -> SpanText:
    """A note with at most `n_chars` of text."""
    return SpanText(note.start_s, note.end_s, f"{note.text[: max(0, n_chars - 1)]}…")


def as_lines(notes: Sequence[SpanText]) -> str:
    """Notes as a request shows them, one a line."""
    return "\n".join(as_line(note) for note in notes)


def as_line(note: SpanText) -> str:
    """A note after its time, on one line."""
    return f"{time_text(note)}: {' '.join(note.text.split())}"


def time_text(note: SpanText) -> str:
    """The time of a note in words."""
    if note.start_s == note.end_s:
        return f"{note.start_s:.1f} s"
    return f"{note.start_s:.1f} to {note.end_s:.1f} s"
