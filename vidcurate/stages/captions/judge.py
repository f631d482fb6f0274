"""judge: what speaks against each caption, by rules, measurements and, if asked, a model's look."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow.compute as pc
from pydantic import model_validator

from vidcurate.captioning.named_files import named_files
from vidcurate.captioning.prompts import Prompt, load_prompt
from vidcurate.captioning.quality.faults import FAULTS, Judged, faults_of, rule_score
from vidcurate.captioning.quality.inspection import INSPECT_PROMPTS, Opinion, inspected
from vidcurate.captioning.quality.judging import (
    MEASURED,
    JudgingConfig,
    material_of,
    measured_of,
    stills_of,
)
from vidcurate.captioning.text.echoes import bands_of
from vidcurate.captioning.usage import Spent, metered
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Ask, Conversation, Outcome, hold
from vidcurate.records import (
    ALIGNMENT,
    CAPTIONS,
    KEPT,
    KEYFRAMES,
    VERDICTS,
    Clip,
    Verdict,
)
from vidcurate.stage import (
    Cost,
    Finish,
    Finished,
    Lookup,
    MapStage,
    RequestEstimate,
    Resources,
    StageConfig,
    Version,
    Workspace,
    option,
)

RULES = "rules"
TOLD_SHARES = (0.05, 0.1, 0.25, 0.5)


class JudgeConfig(JudgingConfig):
    """Who judges the captions, and by which measure."""

    backend: Literal["rules", "openai", "transformers", "vllm"] = option(
        "rules",
        "rules: words and measurements alone; openai: a model on a server looks at the keyframes "
        "too; transformers, vllm: one in this process",
    )
    prompt: str = option("", "A prompt by name, or a text file, instead of inspect")

    @model_validator(mode="after")
    def model_is_named(self) -> "JudgeConfig":
        """A server has many models."""
        if self.backend != RULES and not self.model:
            raise ValueError(f"backend {self.backend} needs a model: name one that it has")
        return self


@dataclass(frozen=True, slots=True)
class Desk:
    """The model if one is asked, the prompts for it, and where captions and pictures lie."""

    model: ChatModel | None
    prompts: Mapping[str, Prompt]
    workspace: Workspace


def open_desk(config: JudgeConfig, workspace: Workspace) -> Desk:
    """The backend, opened once a worker."""
    if config.backend == RULES:
        return Desk(None, {}, workspace)
    model = open_chat_model(config.backend, config.model_dump())
    return Desk(model, prompts_of(config), workspace)


def prompts_of(config: JudgeConfig) -> dict[str, Prompt]:
    """The prompts by which a model is asked.

    Raises UsageError for one that cannot be used.
    """
    first, *others = INSPECT_PROMPTS
    return {first: load_prompt(config.prompt or first)} | {n: load_prompt(n) for n in others}


def judge(
    clips: Sequence[Clip], config: JudgeConfig, desk: Desk, _workspace: Workspace
) -> Iterator[list[Verdict] | MediaError]:
    """One verdict on each clip's caption; the row of a clip without a caption fails."""
    talks = (talk(clip, config, desk) for clip in clips)
    results = desk.model.converse(talks) if desk.model else (hold(t, nobody) for t in talks)
    for result in results:
        yield result if isinstance(result, MediaError) else [result]


def nobody(ask: Ask) -> Outcome:
    """Rules ask no model."""
    raise AssertionError(ask)


def talk(clip: Clip, config: JudgeConfig, desk: Desk) -> Conversation[Verdict]:
    """The conversation about one clip; its pictures are loaded when it begins."""
    workspace, clip_id = desk.workspace, clip.clip_id
    caption = workspace.lookup(CAPTIONS).get(clip_id)
    facts = measured_of(clip_id, workspace)
    aligned = workspace.lookup(ALIGNMENT).get(clip_id) if workspace.has(ALIGNMENT) else None
    stills = stills_of(clip_id, workspace) if desk.model else ()

    def begun() -> Conversation[Verdict]:
        if caption is None:
            raise MediaError("the clip has no caption: see rows captions --failed")
        opinion, spent = None, Spent()
        if desk.model:
            material = material_of(clip, caption, stills, facts, desk.prompts, config)
            opinion = yield from metered(inspected(caption.text, material), spent)
        judged = Judged(caption.text, caption.language, facts, config.band)
        cosine = aligned.clip_cosine if aligned and aligned.text_from == "caption" else None
        return as_row(clip, judged, cosine, opinion, spent, made_by(config))

    return begun()


@dataclass(frozen=True, slots=True)
class Made:
    """How a verdict was made, as its row tells it."""

    backend: str
    prompt_hash: str


def made_by(config: JudgeConfig) -> Made:
    """Who was asked, and in which words."""
    return Made(config.backend, prompt_text(config))


def as_row(
    clip: Clip,
    judged: Judged,
    alignment: float | None,
    opinion: Opinion | None,
    spent: Spent,
    made: Made,
) -> Verdict:
    """A verdict's row."""
    faults = faults_of(judged)
    flags: dict[str, Any] = {name: name in faults for name in FAULTS}
    score = rule_score(faults)
    return Verdict(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        score=score if opinion is None else min(score, opinion.score),
        rule_score=score,
        **flags,
        reasons=tuple(f"{name}: {reason}" for name, reason in faults.items()),
        alignment=alignment,
        grade=opinion.grade if opinion else None,
        wrong_objects=opinion.wrong_objects if opinion else (),
        wrong_actions=opinion.wrong_actions if opinion else (),
        explanation=opinion.explanation if opinion else None,
        bands=bands_of(judged.text),
        model=spent.model,
        n_requests=spent.n_requests,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        seconds=spent.seconds,
        **asdict(made),
    )


def summary(_config: JudgeConfig, view: Finished) -> str:
    """The mean score, how many captions have each fault, and below what the worst lie."""
    rows = view.scan(VERDICTS, ["clip_id", "video_id", "score", *FAULTS])
    kept = view.scan(KEPT, ["clip_id", "video_id"])["clip_id"].combine_chunks()
    rows = rows.filter(pc.is_in(rows["clip_id"], value_set=kept))
    if not rows.num_rows:
        return "no caption was judged"
    counts = {name: pc.sum(rows[name]).as_py() or 0 for name in FAULTS}
    faults = ", ".join(f"{name} {n}" for name, n in counts.items() if n) or "no faults"
    worst = pc.quantile(rows["score"], list(TOLD_SHARES)).to_pylist()
    shares = ", ".join(f"{share:.0%}: {s:.2f}" for share, s in zip(TOLD_SHARES, worst, strict=True))
    mean = pc.mean(rows["score"]).as_py()
    return f"captions: mean score {mean:.2f}; {faults}; score of the worst {shares}"


def looks(config: JudgeConfig) -> bool:
    """Whether a model looks at pictures."""
    return config.backend != RULES


def files_named(config: JudgeConfig) -> Mapping[str, str]:
    """The options that name prompts or a model on disk."""
    return named_files(config, config.backend, ("prompt",))


def prompt_text(config: JudgeConfig) -> str:
    """The prompts' hashes: another text gives other verdicts, whatever its file is called."""
    return "-".join(p.hash for p in prompts_of(config).values()) if looks(config) else ""


def can_ask(config: JudgeConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where the backend cannot run."""
    if looks(config):
        chat_model.check_chat_model("judge", config.backend, config)


def asked(config: JudgeConfig) -> RequestEstimate | None:
    """Who looks at the captions; one request a clip, and another where its JSON is faulty."""
    return chat_model.asks(config.backend, config) if looks(config) else None


def seats(config: JudgeConfig) -> Resources:
    """What a worker takes: little for rules, else what the model needs."""
    return chat_model.seats([config.backend]) if looks(config) else Resources()


JUDGE = MapStage(
    name="judge",
    summary="Judge each caption by rules, measurements and, if asked, a model.",
    reads=KEPT,
    writes=VERDICTS,
    config=JudgeConfig,
    open=open_desk,
    run=judge,
    lookups=(
        Lookup(CAPTIONS),
        Lookup(KEYFRAMES, when=looks),
        Lookup(ALIGNMENT, required=False),
        *(Lookup(table, required=False) for table in MEASURED),
    ),
    check=can_ask,
    cost=Cost(
        resources=seats, requests=asked, advice="a smaller keyframes.count, or judge.backend rules"
    ),
    finish=Finish(run=summary),
    version=Version(depends=prompt_text, contents=files_named),
)
