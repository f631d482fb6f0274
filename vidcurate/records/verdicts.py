"""Rows about captions: what is wrong with them, which are to be written again, and by what."""

from dataclasses import dataclass

from vidcurate.records.clips import Candidate
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Verdict:
    """What speaks against the caption of one clip.

    The flags are found by rules without a model, and `reasons` say why, one each. `alignment` is
    the cosine of caption and clip, where it was measured. `grade` is a model's, 1 to 5, with what
    it called wrong; null where none was asked. `score`, 0 to 1, is the lower of `rule_score` and
    of the grade on that scale. Texts that share a number at one place of `bands` may be alike.
    """

    clip_id: str
    video_id: str
    score: float
    rule_score: float
    length: bool
    repetition: bool
    vagueness: bool
    no_action: bool
    prompt_copy: bool
    foreign: bool
    untidy: bool
    camera: bool
    light: bool
    unseen_text: bool
    reasons: tuple[str, ...]
    alignment: float | None
    grade: int | None
    wrong_objects: tuple[str, ...]
    wrong_actions: tuple[str, ...]
    explanation: str | None
    bands: tuple[int, ...]
    backend: str
    model: str
    prompt_hash: str
    n_requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class WeakCaption:
    """A caption that should be written again, and why.

    `rank` is the share of captions with a lower score. `like_clip_id` names the clip whose caption
    says nearly the same, and `likeness`, 0 to 1, how nearly; null where there is none.
    """

    clip_id: str
    video_id: str
    score: float
    rank: float
    reason: str
    like_clip_id: str | None
    likeness: float | None


@dataclass(frozen=True, slots=True)
class RefinedCaption:
    """The best of the texts that a clip has had, after some rounds of writing it again.

    `text` is the old caption where no round was better. `texts` are all of them in order, the old
    one first, each with its score by one measure. Tokens and seconds are those of all requests.
    """

    clip_id: str
    video_id: str
    text: str
    score: float
    score_before: float
    n_rounds: int
    texts: tuple[Candidate, ...]
    backend: str
    model: str
    prompt_hash: str
    n_requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


VERDICTS = Table("verdicts", Verdict, key="clip_id")
# What becomes of a weak caption rests on its clip and text alone, however it was chosen.
WEAK_CAPTIONS = Table("weak_captions", WeakCaption, key="clip_id", names_content=True)
REFINED = Table("refined", RefinedCaption, key="clip_id")
