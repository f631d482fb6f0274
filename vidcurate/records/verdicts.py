"""Rows about captions: what is wrong with them, which are to be written again, and by what."""

from dataclasses import dataclass
from typing import Annotated

from vidcurate.records.clips import Candidate
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What speaks against the caption of one clip.

    The flags are found by rules, without a model.
    """

    clip_id: ClipId
    video_id: VideoId
    score: Annotated[
        float,
        ColumnInfo(
            "How good the caption is, 0 to 1", "1", "the lower of rule_score and the grade's score"
        ),
    ]
    rule_score: Annotated[
        float,
        ColumnInfo("Score by the flags alone, 0 to 1", "1", "1 less the weights of all faults"),
    ]
    length: Annotated[bool, ColumnInfo("It is shorter or longer than it should be")]
    repetition: Annotated[bool, ColumnInfo("It repeats runs of three words")]
    vagueness: Annotated[bool, ColumnInfo("It holds guesses, moods or words that fit any clip")]
    no_action: Annotated[bool, ColumnInfo("Nothing happens in it: no verb of action")]
    prompt_copy: Annotated[bool, ColumnInfo("It holds parts of a prompt")]
    foreign: Annotated[bool, ColumnInfo("It is in another language than was asked for")]
    untidy: Annotated[bool, ColumnInfo("It holds what cleaning would have repaired")]
    camera: Annotated[bool, ColumnInfo("It names a camera movement that was not measured")]
    light: Annotated[bool, ColumnInfo("Its words for the light contradict what was measured")]
    unseen_text: Annotated[bool, ColumnInfo("It quotes text that was not read in the picture")]
    reasons: Annotated[tuple[str, ...], ColumnInfo("Why each flag is set, one reason a flag")]
    alignment: Annotated[
        float | None,
        ColumnInfo(
            "Similarity of caption and clip; null where it was not measured",
            "1",
            "cosine of vectors",
        ),
    ]
    grade: Annotated[
        int | None,
        ColumnInfo("Grade that a model gave, 1 to 5; null where none was asked", "points of 5"),
    ]
    wrong_objects: Annotated[tuple[str, ...], ColumnInfo("Objects that the model called wrong")]
    wrong_actions: Annotated[tuple[str, ...], ColumnInfo("Actions that the model called wrong")]
    explanation: Annotated[str | None, ColumnInfo("The model's explanation of its grade")]
    bands: Annotated[
        tuple[int, ...],
        ColumnInfo(
            "Locality-sensitive hashes of the text: texts with an equal number at one position "
            "may be alike",
            "hash",
            "18 bands of 3 minhashes over runs of three words",
        ),
    ]
    backend: Backend
    model: Model
    prompt_hash: PromptHash
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class WeakCaption:
    """A caption that should be written again, and why."""

    clip_id: ClipId
    video_id: VideoId
    score: Annotated[float, ColumnInfo("Score of the caption's verdict, 0 to 1", "1")]
    rank: Annotated[
        float,
        ColumnInfo("Where the score stands among all, 0 to 1", "1", "share with a lower score"),
    ]
    reason: Annotated[str, ColumnInfo("Why the caption should be written again")]
    like_clip_id: Annotated[
        str | None, ColumnInfo("Clip whose caption says nearly the same; null where there is none")
    ]
    likeness: Annotated[
        float | None,
        ColumnInfo(
            "How nearly it says the same, 0 to 1; null where there is none",
            "1",
            "share of runs of three words in common",
        ),
    ]


@dataclass(frozen=True, slots=True)
class RefinedCaption:
    """The best of the texts that a clip has had, after some rounds of writing it again."""

    clip_id: ClipId
    video_id: VideoId
    text: Annotated[
        str, ColumnInfo("The best text; the old caption where no round gave a better one")
    ]
    score: Annotated[float, ColumnInfo("Score of the text, 0 to 1, as by judge", "1")]
    score_before: Annotated[float, ColumnInfo("Score of the old caption by the same measure", "1")]
    n_rounds: Annotated[int, ColumnInfo("Rounds of writing", "count")]
    texts: Annotated[tuple[Candidate, ...], ColumnInfo("All texts in order, the old one first")]
    backend: Backend
    model: Model
    prompt_hash: PromptHash
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


VERDICTS = Table("verdicts", Verdict, key="clip_id")
# What becomes of a weak caption depends on its clip and text alone, however it was chosen.
WEAK_CAPTIONS = Table("weak_captions", WeakCaption, key="clip_id", names_content=True)
REFINED = Table("refined", RefinedCaption, key="clip_id")
