"""evaluate: measures how far each caption tells what references of its clip tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from vidcurate.captioning.current_text import (
    TEXT_LOOKUPS,
    CurrentText,
    all_current_texts,
    current_texts,
)
from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.model_team import ModelTeam
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.quality.audio_agreement import (
    AudioModels,
    audio_comparison,
    open_audio_models,
)
from vidcurate.captioning.quality.compared_texts import hash_of_references
from vidcurate.captioning.quality.evaluating import (
    ALL_PROMPTS,
    BY_MODEL,
    BY_REFERENCE,
    COLUMNS,
    EvaluatedText,
    Measure,
    Measured,
    MeasureOptions,
    measure_text,
)
from vidcurate.captioning.quality.event_agreement import Kind
from vidcurate.captioning.quality.judges import SAME, SECOND, Judges, Tally
from vidcurate.captioning.quality.noun_reader import (
    NounReader,
    missing_for_nouns,
    open_noun_reader,
)
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model, results_of
from vidcurate.models.chat.conversation import Conversation
from vidcurate.models.chat.options import (
    BACKENDS_IN_WORDS,
    ModelConfig,
    OpenAiConfig,
    OptionalModelConfig,
    TransformersConfig,
    VllmConfig,
    uses_model,
)
from vidcurate.models.device import model_resources
from vidcurate.models.text import minilm, nouns
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import (
    CAPTIONS,
    EVALUATIONS,
    PARTITIONS,
    REFERENCES,
    SCANS,
    SOURCES,
    VECTORS,
    VIDEOS,
    Clip,
    Evaluation,
)
from vidcurate.stage import (
    BY_CONTENT,
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
from vidcurate.stages.captions.audio_models import lacking_for_audio
from vidcurate.store.digests import content_hash

ONE_WORD, MIN_JUDGED = 0.95, 20
EVENT_REQUESTS, EVENT_VERDICTS, VDC_REQUESTS = 2, 2, 3


class WithoutModelConfig(Choice):
    """What the texts themselves tell."""

    without: ClassVar[tuple[str, ...]] = ("kinds", "second_judge")

    name: Literal["rules"] = "rules"


class EvaluateConfig(OptionalModelConfig):
    """Which measures are taken, and who judges."""

    backend: WithoutModelConfig | OpenAiConfig | TransformersConfig | VllmConfig = choice(
        WithoutModelConfig,
        "Who judges; rules: nobody, so that autodq, rates and vdc are null; the others ask a model "
        f"that reads; {BACKENDS_IN_WORDS}",
    )
    measures: tuple[Measure, ...] = option(
        ("autodq", "rates", "repetition", "entity"),
        "What is measured; autodq: events of the references and of the text, in both directions; "
        "rates: missing and invented events; repetition: runs of four words said again; entity: "
        "nouns, by MiniLM's vectors; vdc: questions answered from the text; audio: the text "
        "against the clip's picture and sound; repeat for more",
        flag="--measure",
    )
    kinds: tuple[Kind, ...] = option(
        ("events",),
        "What is compared by autodq and rates; events: what happens; looks: how things are; repeat "
        "for both",
        flag="--kind",
    )
    second_judge: str = option(
        "",
        "Ask for every verdict again, and report how far both agree: the name of another model "
        "that the backend knows, or same for the same model, which judges in reverse order",
    )
    sound_model: str = option(
        "",
        "What audio compares texts with sounds by: a CLAP model of transformers, OWNER/NAME of the "
        "hub or a folder; without it audio is null",
        neutral="default",
    )
    max_words: int = option(
        1000,
        "Longer texts and references are cut after a sentence",
        unit="words",
        ge=20,
    )

    @field_validator("measures", "kinds")
    @classmethod
    def one_at_least(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse to measure nothing; raises ValueError."""
        if not names:
            raise ValueError("name one at least")
        return names

    @property
    def asks(self) -> bool:
        """Whether a model is asked."""
        return self.chat is not None and bool({*self.measures} & {*BY_MODEL})


@dataclass(frozen=True, slots=True)
class Evaluator:
    """The opened model, if any; what reads nouns, if that is wanted and can be; and for `audio`."""

    model: ChatModel | None
    nouns: NounReader | None
    audio: AudioModels | None


def open_evaluator(config: EvaluateConfig, _workspace: Workspace) -> Evaluator:
    """Open the models, once a worker."""
    reader = None
    if "entity" in config.measures and not missing_for_nouns():
        reader = open_noun_reader()
    audio = open_audio_models(config.sound_model) if compares_audio(config) else None
    return Evaluator(open_judges(config) if config.asks else None, reader, audio)


def open_judges(config: EvaluateConfig) -> ChatModel:
    """Open the judge, and the second where that is another model."""
    assert config.chat is not None
    first = open_chat_model(config.chat)
    second = second_model(config)
    return first if second is None else ModelTeam({"": first, SECOND: open_chat_model(second)})


def second_model(config: EvaluateConfig) -> ModelConfig | None:
    """The options of the second judge; None where there is none, or it is the first."""
    if config.chat is None or config.second_judge in ("", SAME, config.chat.model):
        return None
    return config.chat.model_copy(update={"model": config.second_judge})


def evaluate(
    clips: Sequence[Clip], config: EvaluateConfig, opened: Evaluator, workspace: Workspace
) -> Iterator[list[Evaluation] | MediaError]:
    """Measure the text of each clip; a clip without one fails."""
    texts = current_texts(clips, workspace)
    conversations = (
        evaluate_clip(clip, texts.get(clip.clip_id), config, opened, workspace) for clip in clips
    )
    for result in results_of(conversations, opened.model):
        yield result if isinstance(result, MediaError) else [result]


def evaluate_clip(
    clip: Clip,
    current: CurrentText | None,
    config: EvaluateConfig,
    opened: Evaluator,
    workspace: Workspace,
) -> Conversation[Evaluation]:
    """Prepare the conversation about one clip."""
    needs = needs_references(config)
    references = workspace.lookup_all(REFERENCES).get(clip.clip_id, ()) if needs else ()
    caption = workspace.lookup(CAPTIONS).get(clip.clip_id)
    file = workspace.files / f"{clip.clip_id}.questions.json"
    audio = audio_comparison(clip, opened.audio, workspace) if opened.audio else None

    def conversation() -> Conversation[Evaluation]:
        if current is None:
            raise MediaError("the clip has no caption: see rows captions --failed")
        judges = Judges(SAME if is_same(config) else config.second_judge)
        one = EvaluatedText(current, caption, references, file, audio)
        asked = MeasureOptions(
            config.measures, config.kinds, config.max_words, config.chat is not None
        )
        found = yield from measure_text(one, asked, opened.nouns, judges)
        return as_row(clip, one, config, found, judges)

    return conversation()


def is_same(config: EvaluateConfig) -> bool:
    """Whether the judge is asked a second time."""
    return bool(config.second_judge) and second_model(config) is None


def as_row(
    clip: Clip, one: EvaluatedText, config: EvaluateConfig, found: Measured, judges: Judges
) -> Evaluation:
    """A clip's row: what was not measured is null."""
    tally = judges.tally
    has_judged = tally.n_verdicts > 0
    columns: dict[str, Any] = dict.fromkeys(COLUMNS) | found.columns
    return Evaluation(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        text_from=one.current.source,
        text_hash=one.current.hash,
        measures=config.measures,
        n_references=len(one.references),
        references_hash=hash_of_references(one.references),
        **columns,
        image_model=found.image_model,
        sound_model=found.sound_model,
        n_judged=tally.n_verdicts if has_judged else None,
        n_yes=tally.n_yes if has_judged else None,
        n_second_yes=tally.n_second_yes,
        n_agreed=tally.n_agreed,
        second_model=judges.second_usage.model,
        notes=tuple(found.notes),
        backend=config.backend.name,
        model=judges.usage.model,
        prompt_hash=prompt_text(config) if config.asks else "",
        n_requests=judges.n_requests,
        prompt_tokens=judges.prompt_tokens,
        completion_tokens=judges.completion_tokens,
        seconds=judges.usage.seconds + judges.second_usage.seconds,
    )


def needs_references(config: EvaluateConfig) -> bool:
    """Whether a measure holds texts against references."""
    return bool({*config.measures} & {*BY_REFERENCE})


def compares_audio(config: EvaluateConfig) -> bool:
    """Whether texts are held against pictures and sounds."""
    return "audio" in config.measures


def hears(config: EvaluateConfig) -> bool:
    """Whether a model listens to the clips."""
    return compares_audio(config) and bool(config.sound_model)


def changed_texts(_config: EvaluateConfig, view: DatasetView) -> pa.Array:
    """The clips whose text is another one than their row was made from."""
    now = {clip_id: text.hash for clip_id, text in all_current_texts(view).items()}
    rows = view.scan(EVALUATIONS, ["clip_id", "text_hash"]).to_pylist()
    changed = [r["clip_id"] for r in rows if r["text_hash"] != now.get(r["clip_id"])]
    return pa.array(changed, pa.string())


def told_of_judges(config: EvaluateConfig, view: DatasetView) -> str:
    """How often the judges said yes and agreed, and how many clips lack a reference they need."""
    counted = ("n_judged", "n_yes", "n_second_yes", "n_agreed")
    rows = view.scan(EVALUATIONS, [*counted, "n_references"])
    lines = []
    sums = {name: pc.sum(rows[name]).as_py() for name in counted}
    if sums["n_judged"]:
        lines.append(
            judges_in_words(Tally(sums["n_judged"], sums["n_yes"], *[sums[n] for n in counted[2:]]))
        )
    without = pc.sum(pc.equal(rows["n_references"], 0)).as_py() if needs_references(config) else 0
    if without:
        lines.append(f"{without} of {rows.num_rows} clips have no reference")
    return "; ".join(lines)


def judges_in_words(tally: Tally) -> str:
    """How often the judges said yes, and how far they agree."""
    share = tally.n_yes / tally.n_verdicts
    words = f"the judge said yes to {tally.n_yes} of {tally.n_verdicts} ({share:.0%})"
    if tally.agreement is not None:
        kappa = "" if tally.kappa is None else f", kappa {tally.kappa:.2f}"
        words += (
            f", the second to {tally.n_second_yes}, and they agree on {tally.agreement:.0%}{kappa}"
        )
    if tally.n_verdicts >= MIN_JUDGED and not 1 - ONE_WORD < share < ONE_WORD:
        words += ": a judge that says nearly always the same tells little"
    return words


def files_named(config: EvaluateConfig) -> Mapping[str, str]:
    """The options that name a model on disk."""
    named = dict(file_options(config, config.chat, ()))
    if hears(config) and content_hash(Path(config.sound_model)):
        named["sound_model"] = BY_CONTENT
    return named


def prompt_text(_config: EvaluateConfig) -> str:
    """The hashes of the prompts."""
    return "-".join(load_prompt(name).hash for name in ALL_PROMPTS)


def made_by(config: EvaluateConfig) -> str:
    """What else decides the rows: prompts, tagger and encoder as installed, and weights on disk."""
    facts = [prompt_text(config) if config.asks else ""]
    if "entity" in config.measures:
        weights = minilm.weights_file()
        facts += [nouns.tagger_version(), content_hash(weights) if weights else ""]
    if hears(config):
        facts.append(content_hash(Path(config.sound_model)))
    return " ".join(facts)


def can_evaluate(config: EvaluateConfig, others: Mapping[str, StageConfig]) -> str | None:
    """Say which measures will be null; raises UsageError where the backend cannot run."""
    lines = []
    if config.asks and config.chat:
        chat_model.check_chat_model("evaluate", config.chat)
    by_model = [measure for measure in config.measures if measure in BY_MODEL]
    if by_model and not uses_model(config):
        lines.append(f"{', '.join(by_model)} are null without a model: name one by evaluate.model")
    if "entity" in config.measures and (missing := missing_for_nouns()):
        lines.append(f"entity is null: {missing}")
    if compares_audio(config):
        lines += lacking_for_audio(config.sound_model, others)
    return "; ".join(lines) or None


def estimated_requests(config: EvaluateConfig) -> RequestEstimate | None:
    """Which model judges, and how many requests a clip with one reference takes.

    One without takes none, and one with several takes more, so that it is no bound.
    """
    if not config.asks or config.chat is None:
        return None
    again = 2 if config.second_judge else 1
    requests = 0
    if {"autodq", "rates"} & {*config.measures}:
        requests += EVENT_REQUESTS * len(config.kinds) + EVENT_VERDICTS * again
    if "vdc" in config.measures:
        requests += VDC_REQUESTS - 1 + again
    return chat_model.request_estimate(config.chat, requests, is_least=False)


def worker_resources(config: EvaluateConfig) -> Resources:
    """The resources of a worker: few without a model, else those of the judges."""
    if not config.asks or config.chat is None:
        return model_resources() if compares_audio(config) else Resources()
    second = second_model(config)
    return chat_model.chat_resources([config.chat, *([second] if second else [])])


EVALUATE = MapStage(
    name="evaluate",
    summary="Measure how far each caption tells what its references tell.",
    reads=PARTITIONS,
    writes=EVALUATIONS,
    config=EvaluateConfig,
    open=open_evaluator,
    run=evaluate,
    lookups=(
        *TEXT_LOOKUPS,
        Lookup(REFERENCES, when=needs_references, by="clip_id"),
        Lookup(VECTORS, required=False, when=compares_audio),
        *(Lookup(SOURCES, when=hears), Lookup(VIDEOS, when=hears)),
        Lookup(SCANS, when=hears, decides=False),
    ),
    check=can_evaluate,
    outdated=changed_texts,
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        advice="fewer of evaluate.measures",
    ),
    finish=Finish(run=told_of_judges),
    version=Version(depends=made_by, contents=files_named),
)
