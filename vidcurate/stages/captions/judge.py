"""judge: finds faults of each caption by rules, measurements and, if wanted, a model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import pyarrow.compute as pc

from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.prompts import TOLD, Prompt, load_prompt
from vidcurate.captioning.quality.faults import FAULTS, JudgedCaption, faults_of, rule_score
from vidcurate.captioning.quality.grading import GRADING_PROMPTS, ModelGrade, grade_caption
from vidcurate.captioning.quality.judging import (
    MEASURED,
    JudgingConfig,
    clip_input_of,
    keyframes_of,
    measurements_of,
)
from vidcurate.captioning.text.near_copies import minhash_bands
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model, results_of
from vidcurate.models.chat.conversation import Conversation
from vidcurate.models.chat.options import (
    BACKENDS_IN_WORDS,
    OpenAiConfig,
    OptionalModelConfig,
    TransformersConfig,
    VllmConfig,
    uses_model,
)
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import (
    ALIGNMENT,
    CAPTIONS,
    KEYFRAMES,
    PARTITIONS,
    VERDICTS,
    Clip,
    Verdict,
)
from vidcurate.stage import (
    Cost,
    DatasetView,
    Finish,
    Lookup,
    MapStage,
    RequestEstimate,
    Resources,
    Version,
    Workspace,
)

WORST_SHARES = (0.05, 0.1, 0.25, 0.5)


class RulesConfig(Choice):
    """Rules and measurements, without a model."""

    without: ClassVar[tuple[str, ...]] = ("prompt",)

    name: Literal["rules"] = "rules"


class JudgeConfig(JudgingConfig, OptionalModelConfig):
    """Who judges the captions, and by which measure."""

    backend: RulesConfig | OpenAiConfig | TransformersConfig | VllmConfig = choice(
        RulesConfig,
        "rules: words and measurements alone; the others also ask a model that looks at the "
        f"keyframes; {BACKENDS_IN_WORDS}",
    )
    prompt: str = option("", "Name of a built-in prompt, or a text file; inspect if empty")


@dataclass(frozen=True, slots=True)
class CaptionJudge:
    """The opened model, None for rules alone, and its prompts."""

    model: ChatModel | None
    prompts: Mapping[str, Prompt]


def open_judge(config: JudgeConfig, _workspace: Workspace) -> CaptionJudge:
    """Open the backend, once a worker."""
    if config.chat is None:
        return CaptionJudge(None, {})
    return CaptionJudge(open_chat_model(config.chat), prompts_of(config))


def prompts_of(config: JudgeConfig) -> dict[str, Prompt]:
    """Load the prompts that a model is asked with.

    Raises UsageError for one that cannot be used.
    """
    first, *others = GRADING_PROMPTS
    own = load_prompt(config.prompt or first, TOLD)
    return {first: own} | {name: load_prompt(name) for name in others}


def judge(
    clips: Sequence[Clip], config: JudgeConfig, opened: CaptionJudge, workspace: Workspace
) -> Iterator[list[Verdict] | MediaError]:
    """Give one verdict on each clip's caption; a clip without a caption fails."""
    conversations = (judge_caption(clip, config, opened, workspace) for clip in clips)
    for result in results_of(conversations, opened.model):
        yield result if isinstance(result, MediaError) else [result]


def judge_caption(
    clip: Clip, config: JudgeConfig, opened: CaptionJudge, workspace: Workspace
) -> Conversation[Verdict]:
    """Prepare the conversation about one clip; its frames are read when it begins."""
    clip_id = clip.clip_id
    caption = workspace.lookup(CAPTIONS).get(clip_id)
    facts = measurements_of(clip_id, workspace)
    aligned = workspace.lookup(ALIGNMENT).get(clip_id) if workspace.has(ALIGNMENT) else None
    keyframes = keyframes_of(clip_id, workspace) if opened.model else ()

    def conversation() -> Conversation[Verdict]:
        if caption is None:
            raise MediaError("the clip has no caption: see rows captions --failed")
        model_grade, usage = None, Usage()
        if opened.model and config.chat:
            clip_input = clip_input_of(clip, caption, keyframes, facts, opened.prompts, config.chat)
            model_grade = yield from count_usage(grade_caption(caption.text, clip_input), usage)
        judged = JudgedCaption(caption.text, caption.language, facts, config.word_range)
        cosine = aligned.clip_cosine if aligned and aligned.text_from == "caption" else None
        provenance = JudgementProvenance(config.backend.name, prompt_text(config))
        return as_row(clip, judged, cosine, model_grade, usage, provenance)

    return conversation()


@dataclass(frozen=True, slots=True)
class JudgementProvenance:
    """Who judged a caption, and with which prompts."""

    backend: str
    prompt_hash: str


def as_row(
    clip: Clip,
    judged: JudgedCaption,
    alignment: float | None,
    model_grade: ModelGrade | None,
    usage: Usage,
    provenance: JudgementProvenance,
) -> Verdict:
    """A verdict's row."""
    faults = faults_of(judged)
    flags: dict[str, Any] = {name: name in faults for name in FAULTS}
    score = rule_score(faults)
    return Verdict(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        score=score if model_grade is None else min(score, model_grade.score),
        rule_score=score,
        **flags,
        reasons=tuple(f"{name}: {reason}" for name, reason in faults.items()),
        alignment=alignment,
        grade=model_grade.grade if model_grade else None,
        wrong_objects=model_grade.wrong_objects if model_grade else (),
        wrong_actions=model_grade.wrong_actions if model_grade else (),
        explanation=model_grade.explanation if model_grade else None,
        bands=minhash_bands(judged.text),
        model=usage.model,
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
        **asdict(provenance),
    )


def summary(_config: JudgeConfig, view: DatasetView) -> str:
    """The mean score, the number of captions with each fault, and the scores of the worst."""
    rows = view.scan(VERDICTS, ["clip_id", "video_id", "score", *FAULTS])
    kept = view.scan(PARTITIONS, ["clip_id", "video_id"])["clip_id"].combine_chunks()
    rows = rows.filter(pc.is_in(rows["clip_id"], value_set=kept))
    if not rows.num_rows:
        return "no caption was judged"
    counts = {name: pc.sum(rows[name]).as_py() or 0 for name in FAULTS}
    faults = ", ".join(f"{name} {n}" for name, n in counts.items() if n) or "no faults"
    worst = pc.quantile(rows["score"], list(WORST_SHARES)).to_pylist()
    shares = ", ".join(
        f"{share:.0%}: {s:.2f}" for share, s in zip(WORST_SHARES, worst, strict=True)
    )
    mean = pc.mean(rows["score"]).as_py()
    return f"captions: mean score {mean:.2f}; {faults}; score of the worst {shares}"


def files_named(config: JudgeConfig) -> Mapping[str, str]:
    """The options that name prompts or a model on disk."""
    return file_options(config, config.chat, ("prompt",))


def prompt_text(config: JudgeConfig) -> str:
    """The hashes of the prompts: another text gives other verdicts, whatever its file is called."""
    return "-".join(p.hash for p in prompts_of(config).values()) if uses_model(config) else ""


def can_ask(config: JudgeConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where the backend cannot run."""
    if config.chat:
        chat_model.check_chat_model("judge", config.chat)


def estimated_requests(config: JudgeConfig) -> RequestEstimate | None:
    """Which model looks at captions: one request a clip, and a second for faulty JSON."""
    return chat_model.request_estimate(config.chat) if config.chat else None


def worker_resources(config: JudgeConfig) -> Resources:
    """The resources of a worker: few for rules, else those of the model."""
    return chat_model.chat_resources([config.chat]) if config.chat else Resources()


JUDGE = MapStage(
    name="judge",
    summary="Judge each caption by rules, measurements and, if asked, a model.",
    reads=PARTITIONS,
    writes=VERDICTS,
    config=JudgeConfig,
    open=open_judge,
    run=judge,
    lookups=(
        Lookup(CAPTIONS),
        Lookup(KEYFRAMES, when=uses_model),
        Lookup(ALIGNMENT, required=False),
        *(Lookup(table, required=False) for table in MEASURED),
    ),
    check=can_ask,
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        advice="a smaller keyframes.count, or judge.backend rules",
    ),
    finish=Finish(run=summary),
    version=Version(depends=prompt_text, contents=files_named),
)
