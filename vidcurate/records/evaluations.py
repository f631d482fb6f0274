"""Rows about how good captions are, held against references."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.column import (
    Backend,
    ClipId,
    ColumnInfo,
    CompletionTokens,
    Model,
    PromptHash,
    PromptTokens,
    Requests,
    Seconds,
    VideoId,
)
from vidcurate.store.table import Table

AUTODQ = "AutoDQ (Tarsier)"
RATES = "error rates of video-SALMONN 2"
VDC = "VDCscore (AuroraCap)"
ENTITY = "EntityScore (FAVDBench)"
AUDIO = "AudioScore (FAVDBench)"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How far the text of one clip tells what its references tell.

    A measure is null where it was not asked for, and where it cannot be computed, as `notes` say.
    """

    clip_id: ClipId
    video_id: VideoId
    text_from: Annotated[str, ColumnInfo("Which text it is: caption, refined, or review")]
    text_hash: Annotated[str, ColumnInfo("Hash of the text")]
    measures: Annotated[tuple[str, ...], ColumnInfo("Measures that were asked for")]
    n_references: Annotated[int, ColumnInfo("References of the clip", "count")]
    references_hash: Annotated[
        str, ColumnInfo("Hash of the references; equal where two clips have the same ones")
    ]
    n_reference_events: Annotated[
        int | None, ColumnInfo("Events of the references that no other one contradicts", "count")
    ]
    n_caption_events: Annotated[int | None, ColumnInfo("Events of the text", "count")]
    n_conflicts: Annotated[
        int | None,
        ColumnInfo(
            "Events of a reference that another one contradicts, which count for nothing; null "
            "for a single reference",
            "count",
        ),
    ]
    recall: Annotated[
        float | None,
        ColumnInfo(
            "Events of the references that the text tells; null where they have none",
            "1",
            "entailed / n_reference_events",
            source=AUTODQ,
        ),
    ]
    precision: Annotated[
        float | None,
        ColumnInfo(
            "Events of the text that a reference tells; null where it has none",
            "1",
            "entailed / n_caption_events",
            source=AUTODQ,
        ),
    ]
    f1: Annotated[
        float | None,
        ColumnInfo(
            "Recall and precision in one number; null where either is",
            "1",
            "2 * recall * precision / (recall + precision)",
            source=AUTODQ,
        ),
    ]
    missing: Annotated[
        float | None,
        ColumnInfo(
            "Events of the references that the text does not tell",
            "1",
            "not entailed / n_reference_events",
            source=RATES,
        ),
    ]
    invented: Annotated[
        float | None,
        ColumnInfo(
            "Events of the text that no reference tells; above 1 where they are many",
            "1",
            "not entailed / n_reference_events",
            source=RATES,
        ),
    ]
    total_error: Annotated[
        float | None,
        ColumnInfo("Missing and invented events", "1", "missing + invented", source=RATES),
    ]
    repetition: Annotated[
        float | None,
        ColumnInfo(
            "Runs of four words that the text has said before; null for fewer than four words",
            "1",
            "1 - different runs / runs",
            source=RATES,
        ),
    ]
    n_questions: Annotated[int | None, ColumnInfo("Questions that references answer", "count")]
    vdc_accuracy: Annotated[
        float | None,
        ColumnInfo(
            "Questions that are answered rightly from the text alone; null without questions",
            "1",
            "answers judged yes / n_questions",
            source=VDC,
        ),
    ]
    vdc_score: Annotated[
        float | None,
        ColumnInfo(
            "How near the answers are to the true ones; null without questions",
            "points of 5",
            "mean of 0 to 5 over the questions",
            source=VDC,
        ),
    ]
    questions_file: Annotated[
        str | None,
        ColumnInfo("File with the questions, their answers and those from the text, in files/"),
    ]
    questions_hash: Annotated[
        str | None, ColumnInfo("Hash of the questions; equal where two clips were asked the same")
    ]
    n_reference_nouns: Annotated[int | None, ColumnInfo("Nouns of the references", "count")]
    n_caption_nouns: Annotated[int | None, ColumnInfo("Nouns of the text", "count")]
    entity_recall: Annotated[
        float | None,
        ColumnInfo(
            "Nouns of the references that the text has; null where they have none",
            "1",
            "R = nouns in both / n_reference_nouns",
            source=ENTITY,
        ),
    ]
    entity_nearness: Annotated[
        float | None,
        ColumnInfo(
            "How near the text's nouns are to those of the references; null where either has none",
            "1",
            "C = mean over the text's nouns of (cosine + 1) / 2 with the nearest",
            source=ENTITY,
        ),
    ]
    entity_score: Annotated[
        float | None,
        ColumnInfo(
            "How far the text names what the references name; null where either has no nouns. "
            "Vectors are MiniLM's and not T5's: compare it with its like only",
            "1",
            "2RC / (R + C)",
            source=ENTITY,
        ),
    ]
    image_cosine: Annotated[
        float | None,
        ColumnInfo(
            "Cosine of the text with the clip's picture; null without vectors of an image-text "
            "model",
            "1",
            "v = vector of the text @ vector of the clip",
            source=AUDIO,
        ),
    ]
    sound_cosine: Annotated[
        float | None,
        ColumnInfo(
            "Cosine of the text with the clip's sound; null without sound, and without a "
            "sound-text model",
            "1",
            "a = vector of the text @ mean vector of the sound's windows",
            source=AUDIO,
        ),
    ]
    audio_score: Annotated[
        float | None,
        ColumnInfo(
            "How far the text fits both picture and sound; null where either cosine is. Two models "
            "make them and not ImageBind: compare it with that of the same models only",
            "points of 100",
            "x = 50 * ((v + 1) / 2 + (a + 1) / 2); y = 2 * (x / 100 - 0.5); "
            "100 * exp(-0.693179 * exp(-10 * y)) / exp(-0.693179 * exp(-10))",
            source=AUDIO,
        ),
    ]
    image_model: Annotated[
        str, ColumnInfo("Image-text model of image_cosine, with its weights; empty without one")
    ]
    sound_model: Annotated[str, ColumnInfo("Sound-text model of sound_cosine; empty without one")]
    n_judged: Annotated[
        int | None, ColumnInfo("Statements and answers that were judged yes or no", "count")
    ]
    n_yes: Annotated[int | None, ColumnInfo("Those to which the judge said yes", "count")]
    n_second_yes: Annotated[
        int | None,
        ColumnInfo("Those to which the second judge said yes; null without one", "count"),
    ]
    n_agreed: Annotated[
        int | None, ColumnInfo("Those on which both agree; null without a second judge", "count")
    ]
    second_model: Annotated[str, ColumnInfo("Second judge; empty without one")]
    notes: Annotated[tuple[str, ...], ColumnInfo("Why measures are null, and which texts were cut")]
    backend: Backend
    model: Model
    prompt_hash: PromptHash
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


EVALUATIONS = Table("evaluations", Evaluation, key="clip_id")
