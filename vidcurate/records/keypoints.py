"""Rows about key points: what is true of a clip, and how much of it a caption says."""

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

AUTOCAPTION = "AutoCaption (MCTS-VCB)"


@dataclass(frozen=True, slots=True)
class Keypoint:
    """One thing that is true of a clip, by all who were asked."""

    text: Annotated[str, ColumnInfo("The point, a sentence")]
    category: Annotated[
        str, ColumnInfo("What it is about: appearance, action, object, environment or camera")
    ]
    support: Annotated[
        float,
        ColumnInfo("How sure of it those are who were asked", "1", "mean probability of yes"),
    ]
    round: Annotated[int, ColumnInfo("Round of the search that found it, from 0", "count")]


@dataclass(frozen=True, slots=True)
class ClipKeypoints:
    """The key points of one clip, found by a tree search, and how far to trust them."""

    clip_id: ClipId
    video_id: VideoId
    points: Annotated[
        tuple[Keypoint, ...],
        ColumnInfo(
            "What is true of the clip, each point once: points nearer than a cosine of 0.8 are one",
            source=AUTOCAPTION,
        ),
    ]
    n_points: Annotated[int, ColumnInfo("Points", "count")]
    n_nodes: Annotated[int, ColumnInfo("Answers that the search has", "count")]
    n_rounds: Annotated[int, ColumnInfo("Rounds of the search", "count")]
    is_spent: Annotated[
        bool, ColumnInfo("Whether the search ended because its requests were spent")
    ]
    n_asked: Annotated[int, ColumnInfo("Statements that were checked", "count")]
    verified_share: Annotated[
        float | None,
        ColumnInfo(
            "Statements that both judges confirm; null without statements",
            "1",
            "confirmed over checked",
        ),
    ]
    yes_share: Annotated[
        float | None,
        ColumnInfo(
            "Base rate of yes: how often it is the answer to a check; null without answers",
            "1",
            "yes over answers",
        ),
    ]
    control_yes_share: Annotated[
        float,
        ColumnInfo(
            "Judges that confirm a statement which is false of every clip: above 0 there is one "
            "that says yes to anything",
            "1",
        ),
    ]
    agreement: Annotated[
        float | None,
        ColumnInfo(
            "Statements on which both judges say the same, of those that both answered; null "
            "without any",
            "1",
        ),
    ]
    n_unanswered: Annotated[int, ColumnInfo("Checks with neither yes nor no", "count")]
    failures: Annotated[
        tuple[str, ...], ColumnInfo("Questions of the search that got no answer, and why")
    ]
    score_from: Annotated[
        str,
        ColumnInfo(
            "Where probabilities come from: logprobs, the model's own; words, how sure it says it "
            "is; both, where models differ"
        ),
    ]
    sentence_model: Annotated[str, ColumnInfo("Model that says which points are one")]
    judge_models: Annotated[
        tuple[str, ...],
        ColumnInfo("Models that checked: two, or one that was asked by two wordings"),
    ]
    backend: Backend
    model: Model
    prompt_hash: PromptHash
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


KEYPOINTS = Table("keypoints", ClipKeypoints, key="clip_id")


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what is true of one clip its text says."""

    clip_id: ClipId
    video_id: VideoId
    coverage: Annotated[
        float | None,
        ColumnInfo(
            "Key points that the text says; null where the clip has none",
            "1",
            "entailed over all",
            source=AUTOCAPTION,
        ),
    ]
    contradicted_share: Annotated[
        float | None,
        ColumnInfo("Key points that the text contradicts; null where the clip has none", "1"),
    ]
    n_points: Annotated[int, ColumnInfo("Key points of the clip", "count")]
    missing: Annotated[tuple[str, ...], ColumnInfo("Points that the text neither says nor denies")]
    contradicted: Annotated[tuple[str, ...], ColumnInfo("Points that the text contradicts")]
    text_from: Annotated[str, ColumnInfo("Which text it is: caption, refined, or review")]
    text_hash: Annotated[str, ColumnInfo("Hash of the text")]
    backend: Backend
    model: Model
    prompt_hash: PromptHash
    n_requests: Requests
    prompt_tokens: PromptTokens
    completion_tokens: CompletionTokens
    seconds: Seconds


COVERAGE = Table("coverage", Coverage, key="clip_id")
