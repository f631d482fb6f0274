"""refine: a model rewrites weak captions, knowing their faults."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.prompts import TOLD, Prompt, load_prompt
from vidcurate.captioning.quality.grading import GRADING_PROMPTS
from vidcurate.captioning.quality.judging import (
    MEASURED,
    JudgingConfig,
    clip_input_of,
    keyframes_of,
    measurements_of,
)
from vidcurate.captioning.quality.rewriting import REWRITE, ScoredText, rewrite_in_rounds
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Conversation
from vidcurate.models.chat.options import ChatModelConfig
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    CAPTIONS,
    KEYFRAMES,
    PARTITIONS,
    REFINED,
    WEAK_CAPTIONS,
    Candidate,
    RefinedCaption,
    WeakCaption,
)
from vidcurate.stage import (
    Cost,
    DatasetView,
    Finish,
    Lookup,
    MapStage,
    Version,
    Workspace,
)


class RefineConfig(JudgingConfig, ChatModelConfig):
    """Who writes weak captions again, and how often."""

    prompt: str = option("", "Name of a built-in prompt, or a text file; rewrite if empty")
    max_rounds: int = option(2, "How often a caption is rewritten", ge=1, le=10)
    look: bool = option(
        True, "The model also grades the old text and each new one by the keyframes, as judge does"
    )


@dataclass(frozen=True, slots=True)
class Rewriter:
    """The opened model and its prompts."""

    model: ChatModel
    prompts: Mapping[str, Prompt]


def open_rewriter(config: RefineConfig, _workspace: Workspace) -> Rewriter:
    """Open the model, once a worker."""
    return Rewriter(open_chat_model(config.backend), prompts_of(config))


def prompts_of(config: RefineConfig) -> dict[str, Prompt]:
    """Load the prompts that the model is asked with.

    Raises UsageError for one that cannot be used.
    """
    others = GRADING_PROMPTS if config.look else ()
    own = {name: load_prompt(name) for name in others}
    return {REWRITE: load_prompt(config.prompt or REWRITE, TOLD), **own}


def refine(
    weak: Sequence[WeakCaption], config: RefineConfig, rewriter: Rewriter, workspace: Workspace
) -> Iterator[list[RefinedCaption] | MediaError]:
    """Give the best text of each clip after some rounds, or the reason why there is none."""
    conversations = (refine_caption(row.clip_id, config, rewriter, workspace) for row in weak)
    for result in rewriter.model.converse(conversations):
        yield result if isinstance(result, MediaError) else [result]


def refine_caption(
    clip_id: str, config: RefineConfig, rewriter: Rewriter, workspace: Workspace
) -> Conversation[RefinedCaption]:
    """Prepare the conversation about one clip; its frames are read when it begins."""
    clip = workspace.lookup(PARTITIONS)[clip_id]
    caption = workspace.lookup(CAPTIONS)[clip_id]
    facts = measurements_of(clip_id, workspace)
    keyframes = keyframes_of(clip_id, workspace)

    def conversation() -> Conversation[RefinedCaption]:
        usage = Usage()
        clip_input = clip_input_of(
            clip, caption, keyframes, facts, rewriter.prompts, config.backend
        )
        rounds = rewrite_in_rounds(
            caption.text,
            clip_input,
            config.word_range,
            max_rounds=config.max_rounds,
            look=config.look,
        )
        texts = yield from count_usage(rounds, usage)
        return as_row(clip.video_id, clip_id, texts, usage, config)

    return conversation()


def as_row(
    video_id: str,
    clip_id: str,
    texts: Sequence[ScoredText],
    usage: Usage,
    config: RefineConfig,
) -> RefinedCaption:
    """The row of a refined caption; of texts with one score the first stays."""
    best = max(texts, key=lambda text: text.score)
    return RefinedCaption(
        clip_id=clip_id,
        video_id=video_id,
        text=best.text,
        score=best.score,
        score_before=texts[0].score,
        n_rounds=len(texts) - 1,
        texts=tuple(
            Candidate(text.text, f"round {number}" if number else "caption", text.score)
            for number, text in enumerate(texts)
        ),
        backend=config.backend.name,
        model=usage.model,
        prompt_hash=prompt_text(config),
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
    )


def summary(_config: RefineConfig, view: DatasetView) -> str:
    """A table of gains and costs: a row for each number of rounds, and one for all."""
    rows = view.scan(REFINED)
    heads = ("rounds", "clips", "better", "before", "after", "requests", "tokens", "seconds")
    rounds = sorted(pc.unique(rows["n_rounds"]).to_pylist())
    parts = [(str(n), rows.filter(pc.equal(rows["n_rounds"], n))) for n in rounds]
    lines = [heads, *(sums(name, part) for name, part in (*parts, ("all", rows)))]
    table = (" ".join(f"{cell:>9}" for cell in cells) for cells in lines)
    return "\n".join(("captions that were written again", *table))


def sums(name: str, rows: pa.Table) -> tuple[str, ...]:
    """One row of the table: mean scores before and after, and sums of the costs."""

    def total(column: str) -> float:
        return pc.sum(rows[column]).as_py() or 0

    before, after = (total(c) / max(rows.num_rows, 1) for c in ("score_before", "score"))
    better = pc.sum(pc.greater(rows["score"], rows["score_before"])).as_py() or 0
    tokens = total("prompt_tokens") + total("completion_tokens")
    return (
        name,
        f"{rows.num_rows}",
        f"{better}",
        f"{before:.2f}",
        f"{after:.2f}",
        f"{total('n_requests')}",
        f"{tokens}",
        f"{total('seconds'):.1f}",
    )


def can_ask(config: RefineConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where the backend cannot run."""
    chat_model.check_chat_model("refine", config.backend)


def files_named(config: RefineConfig) -> Mapping[str, str]:
    """The options that name prompts or a model on disk."""
    return file_options(config, config.backend, ("prompt",))


def prompt_text(config: RefineConfig) -> str:
    """The hashes of the prompts: another text gives other captions, whatever its file is called."""
    return "-".join(prompt.hash for prompt in prompts_of(config).values())


REFINE = MapStage(
    name="refine",
    summary="Rewrite weak captions by a model that knows their faults.",
    reads=WEAK_CAPTIONS,
    writes=REFINED,
    config=RefineConfig,
    open=open_rewriter,
    run=refine,
    lookups=(
        Lookup(PARTITIONS),
        Lookup(CAPTIONS),
        Lookup(KEYFRAMES),
        *(Lookup(table, required=False) for table in MEASURED),
    ),
    check=can_ask,
    rows_per_part=128,
    cost=Cost(
        resources=chat_model.stage_resources,
        requests=chat_model.stage_requests,
        advice="fewer refine.max_rounds, refine.look no, or a lower triage.max_score",
    ),
    finish=Finish(run=summary),
    version=Version(depends=prompt_text, contents=files_named),
)
