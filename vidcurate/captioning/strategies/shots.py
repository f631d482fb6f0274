"""shots: a form as SkyCaptioner-V1 has it, in which experts decide what they know better.

A general request fills in the form. Experts then decide shot type, angle and position, the
expression of people and animals, and the camera's movement where it is not measured; what they say
replaces the general answer. A request without pictures joins the fields: a language model, as in
SkyCaptioner, since fields are phrases of any grammar, in any language. There is no detector of
faces, so expressions are judged on the whole pictures, one subject a request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.forms import bound_schema_of, schema_of
from vidcurate.captioning.options import Shots, expert_pairs
from vidcurate.captioning.quality.camera_claims import camera_conflicts
from vidcurate.captioning.strategies.experts import (
    CAMERA_PHRASES,
    EXPRESSIONS,
    NOT_VISIBLE,
    UNCLEAR,
    Decision,
    Question,
    decide,
    measured_camera,
    overruled,
)
from vidcurate.captioning.strategies.fusion import (
    SHOT_FIELDS,
    Task,
    field_lines,
    kind_of,
    omitted_fields,
    one_line,
    says_something,
    spoken,
)
from vidcurate.captioning.templates.facts import camera_clause
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Answer, Conversation, ModelRequest, answer_text

MIN_TOKENS = 2048  # a form is several captions long
MAX_FACES = 4  # subjects whose expression is asked for; each takes a request
WITH_FACES = ("human", "animal")
NO_FACE = "accessory"  # a part of what people wear, which SkyCaptioner files under humans


@dataclass(slots=True)
class Shot:
    """The form as it stands, what experts decided, and what they overruled or left open."""

    form: dict[str, Any]
    decided: dict[str, Any] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)

    def settle(self, place: dict[str, Any], name: str, decision: Decision, value: Any) -> None:
        """Put what an expert decided in place of the general answer; null if it could not."""
        where = decision.field
        if place is not self.form:
            number = next(n for n, one in enumerate(self.form["subjects"], 1) if one is place)
            where += f" of subject {number}, {kind_of(place)}"
        if decision.word is None:
            self.repairs.append(f"{where} is null: {decision.reason}")
        elif conflict := overruled(place.get(name), decision):
            self.conflicts.append(f"{where}: {conflict}")
        place[name] = value


def shots(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Fill in the form, let experts decide, and join the fields into one text or two.

    `structured` holds the form, `decided` with the probability of each decided field, and the
    fields that the texts leave out. Raises MediaError where the general answer is of no form, and
    where there is nothing to tell.
    """
    strategy = clip_input.config.strategy
    assert isinstance(strategy, Shots)
    shot = Shot((yield from general_form(clip_input)))
    yield from decide_framing(clip_input, shot, dict(expert_pairs(strategy.experts)))
    yield from decide_expressions(clip_input, shot)
    yield from decide_camera(clip_input, shot)
    omitted = omitted_fields(shot.form, clip_input.clip.clip_id, strategy.omit_probability)
    tasks: tuple[Task, ...] = ("t2v", "i2v") if strategy.fusion == "both" else (strategy.fusion,)
    texts: dict[Task, Answer | None] = {}
    for task in tasks:
        texts[task] = yield from fuse(clip_input, shot, task, omitted)
    main, *others = texts.values()
    if main is None:
        raise MediaError(f"no field of the form has anything to tell for {tasks[0]}")
    told = [text for text in texts.values() if text is not None]
    second = others[0] if others else None
    return CaptionText(
        main.text,
        "truncated" if any(answer.status == "truncated" for answer in told) else "ok",
        short_text=second.text if second else None,
        structured={**shot.form, "decided": shot.decided, "omitted": list(omitted)},
        repairs=tuple(shot.repairs),
        conflicts=(*shot.conflicts, *camera_conflicts(main.text, clip_input.facts)),
    )


def general_form(clip_input: ClipInput) -> Conversation[dict[str, Any]]:
    """The form as one request fills it in, without a caption.

    Words outside the vocabularies are let be, since experts decide those fields; a server that
    binds the model is given them.
    """
    text = clip_input.prompts["form"].text
    parts = (clip_input.prompt("shots"), *clip_input.numbered_frames())
    form: dict[str, Any] = yield from ask_json(
        parts,
        with_open_words(without_caption(schema_of(text))),
        max(MIN_TOKENS, clip_input.max_tokens),
        without_caption(bound_schema_of(text)),
    )
    return form


def without_caption(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a form without its caption."""
    fields = {n: below for n, below in schema["properties"].items() if n != "caption"}
    return {**schema, "properties": fields, "required": list(fields)}


def with_open_words(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with the words of each field in its description, and any text allowed."""
    fields = dict(schema["properties"])
    for name in SHOT_FIELDS:
        words = ", ".join(fields[name]["enum"])
        description = f"{fields[name]['description']}; one of {words}"
        fields[name] = {"type": "string", "description": description}
    return {**schema, "properties": fields}


def decide_framing(
    clip_input: ClipInput, shot: Shot, classifiers: Mapping[str, str]
) -> Conversation[None]:
    """Decide shot type, angle and position, by a request each or by its classifier."""
    for name, values in vocabularies(clip_input.prompts["form"].text).items():
        words = {spoken(value): value for value in values}
        to = f"{name}={classifiers[name]}" if name in classifiers else ""
        question = Question(name, tuple(words), name.replace("_", "-"), to=to)
        decision = yield from decide(clip_input, question)
        value = words.get(decision.word or "")
        shot.decided[name] = decision.as_json()
        shot.settle(shot.form, name, decision, value)


def vocabularies(form: str) -> dict[str, tuple[str, ...]]:
    """The words of each field that has its own, as the form has them."""
    fields = schema_of(form)["properties"]
    return {name: tuple(fields[name]["enum"]) for name in SHOT_FIELDS}


def decide_expressions(clip_input: ClipInput, shot: Shot) -> Conversation[None]:
    """Decide the expression of the first people and animals; nothing else has one.

    The general answer stays where it says the same in more words.
    """
    decided: list[dict[str, Any]] = []
    with_faces = [subject for subject in shot.form["subjects"] if has_face(subject)]
    asked = sorted(with_faces, key=lambda subject: not subject["is_main_subject"])[:MAX_FACES]
    for number, subject in enumerate(shot.form["subjects"], 1):
        if not has_face(subject):
            subject["expression"] = None
        if all(subject is not other for other in asked):
            continue
        question = Question(
            "expression",
            (*EXPRESSIONS, NOT_VISIBLE),
            "expression",
            {"subject": described(subject)},
        )
        decision = yield from decide(clip_input, question)
        decided.append({"subject": number, **decision.as_json()})
        general = one_line(subject["expression"])
        is_overruled = overruled(general, decision) is not None
        word = None if decision.word == NOT_VISIBLE else decision.word
        agreed = general if says_something(general) and word and not is_overruled else word
        shot.settle(subject, "expression", decision, agreed)
    if decided:
        shot.decided["expressions"] = decided
    if len(with_faces) > MAX_FACES:
        n_left = len(with_faces) - MAX_FACES
        shot.repairs.append(f"expression: {n_left} subjects after the first {MAX_FACES} not asked")


def has_face(subject: Mapping[str, Any]) -> bool:
    """Whether a subject is a human or an animal by its kind."""
    is_worn = one_line(subject["sub_type"]).casefold() == NO_FACE
    return one_line(subject["type"]).casefold() in WITH_FACES and not is_worn


def described(subject: Mapping[str, Any]) -> str:
    """A subject by kind, look and place, so that it is told from the others."""
    parts = (kind_of(subject), one_line(subject["appearance"]), one_line(subject["position"]))
    return "; ".join(part for part in parts if says_something(part))


def decide_camera(clip_input: ClipInput, shot: Shot) -> Conversation[None]:
    """Take the camera's movement from `motion`, and ask only where it is not known there."""
    decision = measured_camera(clip_input)
    value: str | None
    if decision is not None:
        value = camera_clause(clip_input.facts)
    else:
        question = Question("camera_motion", (*CAMERA_PHRASES, UNCLEAR), "camera-motion")
        decision = yield from decide(clip_input, question)
        value = CAMERA_PHRASES.get(decision.word or "")
    shot.decided["camera_motion"] = decision.as_json()
    shot.settle(shot.form, "camera_motion", decision, value)


def fuse(
    clip_input: ClipInput, shot: Shot, task: Task, omitted: Sequence[str]
) -> Conversation[Answer | None]:
    """Join the fields for a task in a request without pictures; None where there are none."""
    lines = field_lines(shot.form, task, omitted)
    if not lines:
        shot.repairs.append(f"{task}: no field has anything to tell")
        return None
    answer = yield ModelRequest((clip_input.prompt(f"fuse-{task}", fields="\n".join(lines)),))
    answer_text(answer)
    return answer
