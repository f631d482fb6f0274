"""teachers: several models or prompts each write a text, and the best is taken.

After Panda-70M, which took the best of eight captioners by a model that was trained for it; here
the texts' agreement, the clip's vectors or a judge decide.
"""

from collections.abc import Sequence

from vidcurate.captioning.material import Material, Told
from vidcurate.captioning.options import teacher_config
from vidcurate.captioning.text.agreement import agreement
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Answer, Ask, Conversation, said
from vidcurate.records import Candidate

LOWEST_MARK, HIGHEST_MARK = 1, 5
MARKS = {
    "type": "object",
    "required": ["marks"],
    "properties": {"marks": {"type": "array", "items": {"type": "integer"}}},
}


def teachers(material: Material) -> Conversation[Told]:
    """The text of the highest score; one that broke off is taken only if all did.

    A teacher that fails is left out, and named in `structured`. Scores are those of the option
    `scorer`: mean word F1 with the other texts, cosine with the clip, or marks of 1 to 5.
    Raises MediaError where every teacher fails, and where the judge does.
    """
    answers: list[tuple[str, Answer]] = []
    failed: dict[str, str] = {}
    for number, teacher in enumerate(material.config.teachers, 1):
        prompt = teacher_config(material.config, teacher).prompt or "describe"
        try:
            answer = yield Ask((material.prompt(prompt), *material.shown()), to=teacher)
            said(answer)
        except MediaError as error:
            failed[f"teacher {number}"] = str(error)
            continue
        answers.append((f"{answer.model}@{prompt}", answer))
    if not answers:
        raise MediaError("; ".join(f"{who}: {why}" for who, why in failed.items()))
    texts = [answer.text for _, answer in answers]
    scores = yield from score(material, texts)
    best = max(range(len(texts)), key=lambda i: (answers[i][1].status == "ok", scores[i] or 0.0))
    return Told(
        texts[best],
        answers[best][1].status,
        structured={"failed": failed} if failed else None,
        candidates=tuple(
            Candidate(answer.text, source, value)
            for (source, answer), value in zip(answers, scores, strict=True)
        ),
        model=answers[best][1].model,
    )


def score(material: Material, texts: Sequence[str]) -> Conversation[Sequence[float | None]]:
    """A score of each text, the higher the better; None for a lone text that has no others."""
    if material.config.scorer == "agreement":
        return agreement(texts)
    if material.config.scorer == "alignment":
        if material.fit is None:
            raise MediaError("the video was not embedded: see rows vectors --failed")
        return material.fit(texts)
    numbered = "\n\n".join(f"Text {number}: {text}" for number, text in enumerate(texts, 1))
    parts = (material.prompt("choose", candidates=numbered), *material.shown())
    found = yield from ask_json(parts, MARKS)
    marks = found["marks"]
    if len(marks) != len(texts) or not all(LOWEST_MARK <= m <= HIGHEST_MARK for m in marks):
        raise MediaError(f"the judge gave the marks {marks} to {len(texts)} texts")
    return [float(mark) for mark in marks]
