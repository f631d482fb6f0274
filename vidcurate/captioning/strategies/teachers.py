"""teachers: several models or prompts each write a text, and the best is taken.

After Panda-70M, which took the best of eight captioners by a model trained for that; here the
agreement of the texts, the clip's vectors or a judge decide.
"""

from collections.abc import Sequence

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.options import Scorer, Teachers, teacher_of
from vidcurate.captioning.text.agreement import mean_word_f1
from vidcurate.captioning.text.json_answer import ask_json
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Answer, Conversation, ModelRequest, answer_text
from vidcurate.records import Candidate

MIN_MARK, MAX_MARK = 1, 5
MARKS = {
    "type": "object",
    "required": ["marks"],
    "properties": {"marks": {"type": "array", "items": {"type": "integer"}}},
}


def teachers(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Take the text with the highest score; a truncated one only if all are.

    A teacher that fails is left out, and named in `structured`. Scores depend on the option
    `scorer`: mean word F1 with the other texts, cosine with the clip, or marks of 1 to 5. Raises
    MediaError where every teacher fails, and where the judge does.
    """
    strategy = clip_input.config.strategy
    assert isinstance(strategy, Teachers)
    answers: list[tuple[str, Answer]] = []
    failed: dict[str, str] = {}
    for number, teacher in enumerate(strategy.teachers, 1):
        prompt = teacher_of(clip_input.config, teacher).prompt or "describe"
        try:
            answer = yield ModelRequest(
                (clip_input.prompt(prompt), *clip_input.numbered_frames()), to=teacher
            )
            answer_text(answer)
        except MediaError as error:
            failed[f"teacher {number}"] = str(error)
            continue
        answers.append((f"{answer.model}@{prompt}", answer))
    if not answers:
        raise MediaError("; ".join(f"{who}: {why}" for who, why in failed.items()))
    texts = [answer.text for _, answer in answers]
    scores = yield from score(clip_input, strategy.scorer, texts)
    best = max(range(len(texts)), key=lambda i: (answers[i][1].status == "ok", scores[i] or 0.0))
    return CaptionText(
        texts[best],
        answers[best][1].status,
        structured={"failed": failed} if failed else None,
        candidates=tuple(
            Candidate(answer.text, source, value)
            for (source, answer), value in zip(answers, scores, strict=True)
        ),
        model=answers[best][1].model,
    )


def score(
    clip_input: ClipInput, scorer: Scorer, texts: Sequence[str]
) -> Conversation[Sequence[float | None]]:
    """Score each text, higher is better; None for a lone text under `agreement`."""
    if scorer == "agreement":
        return mean_word_f1(texts)
    if scorer == "alignment":
        if clip_input.text_scorer is None:
            raise MediaError("the video was not embedded: see rows vectors --failed")
        return clip_input.text_scorer(texts)
    numbered = "\n\n".join(f"Text {number}: {text}" for number, text in enumerate(texts, 1))
    parts = (clip_input.prompt("choose", candidates=numbered), *clip_input.numbered_frames())
    found = yield from ask_json(parts, MARKS)
    marks = found["marks"]
    if len(marks) != len(texts) or not all(MIN_MARK <= m <= MAX_MARK for m in marks):
        raise MediaError(f"the judge gave the marks {marks} to {len(texts)} texts")
    return [float(mark) for mark in marks]
