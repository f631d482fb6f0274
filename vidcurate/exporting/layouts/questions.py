"""What chat targets ask about a clip, chosen so that the answer fits the question."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from vidcurate.errors import UsageError, suggest
from vidcurate.exporting.layouts.captions import caption_line

# An answer of more words answers a question for all that is seen.
SHORT_WORDS = 30
PLACE = re.compile(r"\{(\w+)\}")
LISTS = (".txt", ".yaml", ".yml")
FIELD = "field"
LONG = (
    "Describe this video in detail.",
    "What happens in this video?",
    "Give a full account of what the clip shows, from its beginning to its end.",
    "Write a detailed caption for this video.",
    "Who or what can be seen here, what do they do, and where does it take place?",
    "Watch the clip and tell me everything that you notice in it.",
    "I cannot see this video. Please describe it so that I can picture it.",
    "Explain what is going on in this footage, including the setting and the camera.",
    "Please describe people, objects, actions and surroundings in the order in which they appear.",
    "How would you describe this scene to someone who has to film it again?",
)
SHORT = (
    "Describe this video in one sentence.",
    "What is this video about?",
    "Give a short caption for this clip.",
    "In a few words: what is shown here?",
    "Sum up what happens in this clip.",
    "Briefly, what does the video show?",
    "Write one line that says what can be seen in this footage.",
    "What would be a fitting short description of this scene?",
)
FIELDS = (
    "What can be said about this aspect of the video: {field}?",
    "Describe the following in this clip: {field}.",
    "Regarding {field}, what does the video show?",
)


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions for a long answer, for a short one, and for a field of a structured answer.

    `{column}` in a question stands for the clip's value in that column of the table, `{field}` for
    the name of the field.
    """

    long: Sequence[str] = LONG
    short: Sequence[str] = SHORT
    field: Sequence[str] = FIELDS


class Turn(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


def read_questions(given: Sequence[str]) -> Questions:
    """Return the user's questions, and those of each .txt or YAML file that is named among them.

    A text file has one question a line. A YAML file has a list, or lists named `long`, `short` and
    `field`. What none of them has stays as it is. Raises UsageError.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for item in given:
        content = read_list(Path(item)) if item.endswith(LISTS) else [item]
        lists = content if isinstance(content, Mapping) else {"long": content, "short": content}
        check_lists(lists, item)
        for name, questions in lists.items():
            found[name] += filter(caption_line, questions)
    return Questions(**{name: tuple(questions) for name, questions in found.items()})


def read_list(file: Path) -> Any:
    """Read a list of questions; raises UsageError for a file that cannot be read."""
    try:
        text = file.read_text("utf-8-sig")
        return text.splitlines() if file.suffix == ".txt" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise UsageError(f"{file} cannot be read as a list of questions: {why}") from error


def check_lists(lists: Mapping[Any, Any], where: str) -> None:
    """Check lists of questions; raises UsageError."""
    unknown = sorted(map(str, lists.keys() - {"long", "short", FIELD}))
    if unknown:
        raise UsageError(f"{where}: {unknown[0]!r} is not long, short or {FIELD}")
    for name, questions in lists.items():
        valid = isinstance(questions, list) and all(isinstance(q, str) for q in questions)
        if not valid or not any(caption_line(q) for q in questions):
            raise UsageError(f"{where}: {name} must be a list of questions")


def turns_of(
    texts: Sequence[str], row: Mapping[str, Any], questions: Questions, seed: int, *, every: bool
) -> list[Turn]:
    """Return the questions that a clip's texts answer, with these: the first text's only, or all.

    All are the texts that say something new, then the fields of the structured answer, unless a
    person wrote another text than it gave. Which
    question is asked follows from the clip's id and the seed.
    """
    lines = [line for text in texts if (line := caption_line(text))]
    choose = chooser(row, questions, seed)
    turns = [Turn(choose(line, ""), line) for line in dict.fromkeys(lines)]
    if not every:
        return turns[:1]
    fields = {} if row.get("review_caption") else fields_of(row.get("caption_structured"))
    return turns + [Turn(choose(value, name), value) for name, value in fields.items()]


def chooser(row: Mapping[str, Any], questions: Questions, seed: int) -> Callable[[str, str], str]:
    """Return the function that chooses the question for an answer and, where it is one, its field.

    Questions of one kind are asked in turn, so that a clip is seldom asked the same twice.
    """
    digest = hashlib.sha256(f"{seed} {row.get('clip_id')}".encode()).digest()
    n_asked: Counter[str] = Counter()

    def choose(answer: str, field: str) -> str:
        is_short = len(answer.split()) <= SHORT_WORDS
        kind = FIELD if field else "short" if is_short else "long"
        known: Sequence[str] = getattr(questions, kind)
        template = known[(int.from_bytes(digest[:8], "big") + n_asked[kind]) % len(known)]
        n_asked[kind] += 1
        return caption_line(fill(template, {**row, FIELD: field}))

    return choose


def fill(template: str, row: Mapping[str, Any]) -> str:
    """Put a clip's values in the places of a question; raises UsageError for an unknown column."""

    def value(place: re.Match[str]) -> str:
        name = place[1]
        if name not in row:
            raise UsageError(f"question {template!r}: no column {name!r}{suggest(name, row)}")
        found = row[name]
        return f"{found:.1f}" if isinstance(found, float) else str(found)

    return PLACE.sub(value, template)


def fields_of(structured: Any) -> dict[str, str]:
    """Return the fields of a structured answer that hold text, each as one line."""
    found = json.loads(structured) if structured else {}
    named = {} if not isinstance(found, Mapping) else found
    lines = {caption_line(k.replace("_", " ")): caption_line(spoken(v)) for k, v in named.items()}
    return {name: line for name, line in lines.items() if name and line}


def spoken(value: Any) -> str:
    """Return a value of a structured answer as words; "" for what is no text or number."""
    if isinstance(value, list):
        return ", ".join(word for item in value if (word := spoken(item)))
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
