"""The fields of a shot as lines for a request that joins them, in the order of SkyCaptioner-V1.

For text-to-video (`t2v`): shot type, angle and position; each subject by action, appearance,
expression and position; environment, lighting. For image-to-video (`i2v`), where the first picture
shows the rest: only action and expression. The movement of the camera ends both, as SkyCaptioner
writes it after both. Now and then fields are left out, so that a model learns from short and from
full texts. Source: github.com/SkyworkAI/SkyReels-V2, skycaptioner_v1.
"""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal

from vidcurate.captioning.prompts import without_angles
from vidcurate.captioning.text.nothing import says_nothing

Task = Literal["t2v", "i2v"]
SHOT_FIELDS = ("shot_type", "shot_angle", "shot_position")
OF_SUBJECT: Mapping[Task, tuple[str, ...]] = MappingProxyType(
    {"t2v": ("action", "appearance", "expression", "position"), "i2v": ("action", "expression")}
)
OMITTED_OF_SUBJECT = ("appearance", "position")
DIGITS = 16  # hexadecimal digits of a draw


def omitted_fields(form: Mapping[str, Any], clip_id: str, probability: float) -> tuple[str, ...]:
    """Which fields of a clip its texts leave out: each subject's look and place, and the light.

    Each is left out with the given probability, independently, and always the same of one clip.
    """
    subjects = range(1, len(form["subjects"]) + 1)
    names = [named(number, part) for number in subjects for part in OMITTED_OF_SUBJECT]
    return tuple(name for name in (*names, "lighting") if draw(clip_id, name) < probability)


def draw(clip_id: str, name: str) -> float:
    """A number in [0, 1) that a clip and a field's name decide."""
    digits = sha256(f"{clip_id} {name}".encode()).hexdigest()[:DIGITS]
    return int(digits, 16) / float(16**DIGITS)


def named(number: int, part: str) -> str:
    """The name of a subject's field."""
    return f"subject {number} {part}"


def field_lines(form: Mapping[str, Any], task: Task, omitted: Collection[str] = ()) -> list[str]:
    """The fields that a text is made of, a line each, in their order; empty ones are not there."""
    lines: list[str] = []
    if task == "t2v":
        lines += lines_of(form, SHOT_FIELDS)
    for number, subject in enumerate(form["subjects"], 1):
        kept = [part for part in OF_SUBJECT[task] if named(number, part) not in omitted]
        told = [f"- {line}" for line in lines_of(subject, kept)]
        if told or task == "t2v":
            lines += [f"subject {number}: {kind_of(subject)}", *told]
    if task == "t2v":
        lines += lines_of(form, [n for n in ("environment", "lighting") if n not in omitted])
    return lines + list(lines_of(form, ("camera_motion",)))


def lines_of(fields: Mapping[str, Any], names: Collection[str]) -> Iterator[str]:
    """Those of some fields that say something, as name and text."""
    for name in names:
        text = one_line(fields.get(name))
        if says_something(text):
            told = spoken(text) if name in SHOT_FIELDS else text
            yield f"{name.replace('_', ' ')}: {told}"


def kind_of(subject: Mapping[str, Any]) -> str:
    """What a subject is: its narrow kind, else its broad one."""
    kinds = (one_line(subject.get(name)) for name in ("sub_type", "type"))
    return next((kind for kind in kinds if says_something(kind)), "unnamed")


def says_something(text: str) -> bool:
    """Whether a field's text tells anything."""
    return bool(text) and not says_nothing(text)


def spoken(value: str) -> str:
    """A word of the form's vocabulary as people write it: "extreme close-up", "eye level"."""
    return value.replace("close_up", "close-up").replace("_", " ")


def one_line(text: Any) -> str:
    """A text without breaks and without angle brackets, which end tags; "" for what is none."""
    return " ".join(without_angles(text).split()) if isinstance(text, str) else ""
