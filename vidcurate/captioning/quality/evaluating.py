"""Measures one text against its references by the measures that are asked for."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from vidcurate.captioning.current_text import HASH_DIGITS, CurrentText
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.quality.audio_agreement import CompareAudio
from vidcurate.captioning.quality.compared_texts import (
    cut_at_sentence,
    text_about,
    whole_references,
)
from vidcurate.captioning.quality.entities import compare_nouns
from vidcurate.captioning.quality.event_agreement import EVENT_PROMPTS, Kind, compare_events
from vidcurate.captioning.quality.judges import Judges
from vidcurate.captioning.quality.noun_reader import NounReader
from vidcurate.captioning.quality.questions import (
    QUESTION_PROMPTS,
    Question,
    answer_questions,
    make_questions,
    match_answers,
)
from vidcurate.captioning.text.agreement import repeated_share
from vidcurate.captioning.text.json_answer import JSON_PROMPTS
from vidcurate.models.chat.conversation import Conversation
from vidcurate.records import Caption, Reference

Measure = Literal["autodq", "rates", "repetition", "entity", "vdc", "audio"]
BY_MODEL: tuple[Measure, ...] = ("autodq", "rates", "vdc")
"""The measures that ask a model."""
BY_REFERENCE: tuple[Measure, ...] = ("autodq", "rates", "entity", "vdc")
"""The measures that need references."""
COLUMNS = (
    *("n_reference_events", "n_caption_events", "n_conflicts", "recall", "precision", "f1"),
    *("missing", "invented", "total_error", "repetition"),
    *("n_questions", "vdc_accuracy", "vdc_score", "questions_file", "questions_hash"),
    *("n_reference_nouns", "n_caption_nouns", "entity_recall", "entity_nearness", "entity_score"),
    *("image_cosine", "sound_cosine", "audio_score"),
)
"""The columns of all measures; those that are not asked for are null."""
ALL_PROMPTS = (*EVENT_PROMPTS, *QUESTION_PROMPTS, *JSON_PROMPTS)


@dataclass(frozen=True, slots=True)
class EvaluatedText:
    """The text of a clip with its references, and where its questions are kept.

    `compare_audio` compares a text with the clip's picture and sound, where that is wanted.
    """

    current: CurrentText
    caption: Caption | None
    references: Sequence[Reference]
    questions_file: Path
    compare_audio: CompareAudio | None = None


@dataclass(slots=True)
class Measured:
    """The columns that measures have, and why others have none.

    The models are those that saw and heard the clip, "" without one.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    image_model: str = ""
    sound_model: str = ""


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """What is measured, and how."""

    measures: tuple[Measure, ...]
    kinds: tuple[Kind, ...]
    max_words: int
    has_model: bool


def measure_text(
    one: EvaluatedText, options: MeasureOptions, nouns: NounReader | None, judges: Judges
) -> Conversation[Measured]:
    """Measure a text; what cannot be computed is noted, and its columns are left out."""
    found = Measured()
    asked = set(options.measures)
    if "repetition" in asked:
        found.columns["repetition"] = repeated_share(one.current.text)
    if "audio" in asked and one.compare_audio:
        measure_audio(one.current.text, one.compare_audio, found)
    if not one.references:
        if asked & {*BY_REFERENCE}:
            found.notes.append("no reference")
        return found
    text = shortened(one.current.text, "the text", options.max_words, found)
    whole = whole_references(one.references)
    if not whole and asked & {"autodq", "rates", "entity"}:
        found.notes.append("no reference is detailed or short")
    references = [
        shortened(r.text, f"a {r.kind} reference", options.max_words, found) for r in whole
    ]
    if references and "entity" in asked:
        measure_nouns(text, references, nouns, found)
    if asked & {*BY_MODEL} and not options.has_model:
        found.notes.append("no model is named")
        return found
    if references and asked & {"autodq", "rates"}:
        yield from measure_events(text, references, options, judges, found)
    if "vdc" in asked:
        yield from measure_answers(one, options.max_words, judges, found)
    return found


def shortened(text: str, name: str, max_words: int, found: Measured) -> str:
    """A text of at most so many words; that it was cut is noted."""
    cut = cut_at_sentence(text, max_words)
    if cut != text:
        found.notes.append(f"{name} is cut after {len(cut.split())} of {len(text.split())} words")
    return cut


def measure_nouns(
    text: str, references: Sequence[str], nouns: NounReader | None, found: Measured
) -> None:
    """EntityScore and its parts."""
    if nouns is None:
        found.notes.append("entity: pip install 'vidcurate[text]'")
        return
    expected = [noun for reference in references for noun in nouns.nouns_of(reference)]
    agreement = compare_nouns(nouns.nouns_of(text), expected, nouns.vector_of)
    found.columns |= {
        "n_reference_nouns": agreement.n_reference,
        "n_caption_nouns": agreement.n_caption,
        "entity_recall": agreement.recall,
        "entity_nearness": agreement.nearness,
        "entity_score": agreement.score,
    }
    if agreement.score is None:
        found.notes.append(
            f"entity: no noun in {'a reference' if agreement.recall is None else 'the text'}"
        )


def measure_audio(text: str, compare: CompareAudio, found: Measured) -> None:
    """AudioScore, its two cosines, and the models that made them."""
    agreement = compare(text)
    found.columns |= {
        "image_cosine": agreement.image_cosine,
        "sound_cosine": agreement.sound_cosine,
        "audio_score": agreement.score,
    }
    found.image_model, found.sound_model = agreement.image_model, agreement.sound_model
    found.notes += [f"audio: {note}" for note in agreement.notes]


def measure_events(
    text: str,
    references: Sequence[str],
    options: MeasureOptions,
    judges: Judges,
    found: Measured,
) -> Conversation[None]:
    """AutoDQ and the rates of events, of one comparison."""
    agreement = yield from compare_events(text, references, options.kinds, judges)
    found.columns |= {
        "n_reference_events": len(agreement.reference.items),
        "n_caption_events": len(agreement.caption.items),
        "n_conflicts": agreement.n_conflicts,
    }
    if "autodq" in options.measures:
        names = ("recall", "precision", "f1")
        found.columns |= {name: getattr(agreement, name) for name in names}
    if "rates" in options.measures:
        names = ("missing", "invented", "total_error")
        found.columns |= {name: getattr(agreement, name) for name in names}
    if agreement.recall is None:
        found.notes.append("events: none in the references")
    if agreement.precision is None:
        found.notes.append("events: none in the text")
    if agreement.n_conflicts:
        found.notes.append(f"events: {agreement.n_conflicts} on which references contradict")


def measure_answers(
    one: EvaluatedText, max_words: int, judges: Judges, found: Measured
) -> Conversation[None]:
    """VDCscore, of questions that are made once and kept in a file."""
    questions = kept_questions(one.questions_file, one.references)
    if questions is None:
        questions = []
        for reference in one.references:
            about = shortened(
                reference.text, f"a {reference.kind} reference", max_words, Measured()
            )
            questions += yield from make_questions(about, reference.kind, judges)
    answers: list[str] = []
    for kind in dict.fromkeys(question.kind for question in questions):
        own = [question for question in questions if question.kind == kind]
        text = cut_at_sentence(text_about(kind, one.current, one.caption), max_words)
        answers += yield from answer_questions(text, own, judges)
    # Answers are by kind, so questions must be too.
    kinds = list(dict.fromkeys(question.kind for question in questions))
    questions.sort(key=lambda question: kinds.index(question.kind))
    matches = yield from match_answers(questions, answers, judges)
    write_questions(one.questions_file, one.references, questions, answers)
    found.columns |= {
        "n_questions": len(questions),
        "vdc_accuracy": None,
        "vdc_score": None,
        "questions_file": one.questions_file.name,
        "questions_hash": hash_of_questions(questions),
    }
    if not questions:
        found.notes.append("vdc: no question was made of the references")
        return
    found.columns["vdc_accuracy"] = sum(match.is_right for match in matches) / len(matches)
    found.columns["vdc_score"] = sum(match.score for match in matches) / len(matches)


def kept_questions(file: Path, references: Sequence[Reference]) -> list[Question] | None:
    """The questions that were made of these references before; None where there are none."""
    if not file.exists():
        return None
    kept = json.loads(file.read_text("utf-8"))
    if kept["references"] != ids_of(references) or kept["prompt"] != question_prompt():
        return None
    return [Question(q["kind"], q["question"], q["answer"]) for q in kept["questions"]]


def write_questions(
    file: Path,
    references: Sequence[Reference],
    questions: Sequence[Question],
    answers: Sequence[str],
) -> None:
    """Keep questions with their true answers and those that the text gave."""
    told = [
        {**asdict(question), "from_text": answer}
        for question, answer in zip(questions, answers, strict=True)
    ]
    kept: Mapping[str, Any] = {
        "references": ids_of(references),
        "prompt": question_prompt(),
        "questions": told,
    }
    file.write_text(json.dumps(kept, ensure_ascii=False, indent=1), "utf-8")


def question_prompt() -> str:
    """The hash of the prompt that questions are made by."""
    return load_prompt(QUESTION_PROMPTS[0]).hash


def ids_of(references: Sequence[Reference]) -> list[str]:
    """The ids of references, in order."""
    return sorted(reference.reference_id for reference in references)


def hash_of_questions(questions: Sequence[Question]) -> str:
    """A hash that is equal for the same questions and answers."""
    facts = json.dumps([[q.kind, q.question, q.answer] for q in questions])
    return hashlib.sha256(facts.encode()).hexdigest()[:HASH_DIGITS]
