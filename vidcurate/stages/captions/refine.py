"""refine: weak captions are written again by a model that is told what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.captioning.named_files import named_files
from vidcurate.captioning.prompts import Prompt, load_prompt
from vidcurate.captioning.quality.inspection import INSPECT_PROMPTS
from vidcurate.captioning.quality.judging import (
    MEASURED,
    JudgingConfig,
    material_of,
    measured_of,
    stills_of,
)
from vidcurate.captioning.quality.rewriting import REWRITE, Try, rewritten
from vidcurate.captioning.usage import Spent, metered
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Conversation
from vidcurate.records import (
    CAPTIONS,
    KEPT,
    KEYFRAMES,
    REFINED,
    WEAK,
    Candidate,
    RefinedCaption,
    WeakCaption,
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


class RefineConfig(JudgingConfig):
    """Who writes weak captions again, and how often."""

    backend: Literal["openai", "transformers", "vllm"] = option(
        "openai", "openai: any OpenAI-style server; transformers, vllm: a model in this process"
    )
    prompt: str = option("", "A prompt by name, or a text file, instead of rewrite")
    rounds: int = option(2, "Most texts that are written for a clip", ge=1, le=10)
    look: bool = option(
        True, "The model also grades the old and every new text on the keyframes, as judge does"
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """The model, its prompts, and where captions and pictures lie."""

    model: ChatModel
    prompts: Mapping[str, Prompt]
    workspace: Workspace


def open_desk(config: RefineConfig, workspace: Workspace) -> Desk:
    """The backend, opened once a worker."""
    model = open_chat_model(config.backend, config.model_dump())
    return Desk(model, prompts_of(config), workspace)


def prompts_of(config: RefineConfig) -> dict[str, Prompt]:
    """The prompts by which the model is asked.

    Raises UsageError for one that cannot be used.
    """
    others = INSPECT_PROMPTS if config.look else ()
    own = {name: load_prompt(name) for name in others}
    return {REWRITE: load_prompt(config.prompt or REWRITE), **own}


def refine(
    weak: Sequence[WeakCaption], config: RefineConfig, desk: Desk, _workspace: Workspace
) -> Iterator[list[RefinedCaption] | MediaError]:
    """The best text of each clip after some rounds, or the reason why there is none."""
    talks = (talk(row.clip_id, config, desk) for row in weak)
    for result in desk.model.converse(talks):
        yield result if isinstance(result, MediaError) else [result]


def talk(clip_id: str, config: RefineConfig, desk: Desk) -> Conversation[RefinedCaption]:
    """The conversation about one clip; its pictures are loaded when it begins."""
    clip = desk.workspace.lookup(KEPT)[clip_id]
    caption = desk.workspace.lookup(CAPTIONS)[clip_id]
    facts = measured_of(clip_id, desk.workspace)
    stills = stills_of(clip_id, desk.workspace)

    def begun() -> Conversation[RefinedCaption]:
        spent = Spent()
        material = material_of(clip, caption, stills, facts, desk.prompts, config)
        rounds = rewritten(
            caption.text, material, config.band, rounds=config.rounds, look=config.look
        )
        tries = yield from metered(rounds, spent)
        return as_row(clip.video_id, clip_id, tries, spent, config)

    return begun()


def as_row(
    video_id: str, clip_id: str, tries: Sequence[Try], spent: Spent, config: RefineConfig
) -> RefinedCaption:
    """A refined caption's row; of texts of one score the first stays."""
    best = max(tries, key=lambda tried: tried.score)
    return RefinedCaption(
        clip_id=clip_id,
        video_id=video_id,
        text=best.text,
        score=best.score,
        score_before=tries[0].score,
        n_rounds=len(tries) - 1,
        texts=tuple(
            Candidate(tried.text, f"round {number}" if number else "caption", tried.score)
            for number, tried in enumerate(tries)
        ),
        backend=config.backend,
        model=spent.model,
        prompt_hash=prompt_text(config),
        n_requests=spent.n_requests,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        seconds=spent.seconds,
    )


def summary(_config: RefineConfig, view: Finished) -> str:
    """A table of what it brought and cost: a row for each number of rounds, and one for all."""
    rows = view.scan(REFINED)
    heads = ("rounds", "clips", "better", "before", "after", "requests", "tokens", "seconds")
    rounds = sorted(pc.unique(rows["n_rounds"]).to_pylist())
    parts = [(str(n), rows.filter(pc.equal(rows["n_rounds"], n))) for n in rounds]
    lines = [heads, *(sums(name, part) for name, part in (*parts, ("all", rows)))]
    table = (" ".join(f"{cell:>9}" for cell in cells) for cells in lines)
    return "\n".join(("captions that were written again", *table))


def sums(name: str, rows: pa.Table) -> tuple[str, ...]:
    """One row of the table: mean scores before and after, and sums of what it took."""

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
    """Raise UsageError where there is nobody to write."""
    chat_model.check_chat_model("refine", config.backend, config)


def files_named(config: RefineConfig) -> Mapping[str, str]:
    """The options that name prompts or a model on disk."""
    return named_files(config, config.backend, ("prompt",))


def prompt_text(config: RefineConfig) -> str:
    """The prompts' hashes: another text gives other captions, whatever its file is called."""
    return "-".join(prompt.hash for prompt in prompts_of(config).values())


def asked(config: RefineConfig) -> RequestEstimate:
    """Who writes and grades: a look at the old text, then a text and a look a round."""
    return chat_model.asks(config.backend, config)


def seats(config: RefineConfig) -> Resources:
    """What a worker takes that asks the model."""
    return chat_model.seats([config.backend])


REFINE = MapStage(
    name="refine",
    summary="Write weak captions again, told what is wrong with them.",
    reads=WEAK,
    writes=REFINED,
    config=RefineConfig,
    open=open_desk,
    run=refine,
    lookups=(
        Lookup(KEPT),
        Lookup(CAPTIONS),
        Lookup(KEYFRAMES),
        *(Lookup(table, required=False) for table in MEASURED),
    ),
    check=can_ask,
    rows_per_part=128,
    cost=Cost(
        resources=seats,
        requests=asked,
        advice="fewer refine.rounds, refine.look no, or a lower weak.below",
    ),
    finish=Finish(run=summary),
    version=Version(depends=prompt_text, contents=files_named),
)
