"""caption: writes a text for each kept clip, with all that is needed to write it again."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput, TextScorer
from vidcurate.captioning.expert_classifier import check_expert
from vidcurate.captioning.file_options import caption_file_options
from vidcurate.captioning.model_team import experts_of, model_configs, open_model_team
from vidcurate.captioning.options import (
    AudioVisual,
    CaptionConfig,
    FactsConfig,
    MotionDetail,
    Shots,
    Single,
    SpokenTextConfig,
    Strategy,
    Teachers,
)
from vidcurate.captioning.prompts import Prompt
from vidcurate.captioning.sent_sound import sent_sound_reader
from vidcurate.captioning.spoken_text import shown_sentence
from vidcurate.captioning.strategies.audio_visual import N_STILLS
from vidcurate.captioning.strategies.fusion import SHOT_FIELDS
from vidcurate.captioning.strategies.registry import STRATEGIES, cleaning_rules, prompts_of
from vidcurate.captioning.templates.facts import WORDING, Facts, describe_clip
from vidcurate.captioning.text.cleaning import clean
from vidcurate.captioning.text.trigger import with_trigger
from vidcurate.captioning.told import (
    ToldOtherwise,
    placeholders_told,
    reads_scan,
    reads_source,
    reads_video,
    tells_words,
    uses_score,
)
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.captioning.voice_over import (
    VoiceOver,
    title_of,
    voice_overs_of,
)
from vidcurate.clips.vectors import clip_vector, read_video_vectors
from vidcurate.clips.windows import window
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel
from vidcurate.models.chat.conversation import Conversation, Frame
from vidcurate.models.chat.options import revision_of, uses_model
from vidcurate.models.device import model_resources
from vidcurate.models.vision.clip_embedder import ClipEmbedder, check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.options import StageConfig
from vidcurate.records import (
    CAPTIONS,
    KEYFRAMES,
    PARTITIONS,
    SCANS,
    SCORE_TABLES,
    SOURCES,
    SPOKEN,
    TRANSCRIPTS,
    VECTORS,
    VIDEOS,
    Caption,
    Clip,
)
from vidcurate.stage import (
    Cost,
    Lookup,
    MapStage,
    RequestEstimate,
    Resources,
    Version,
    Workspace,
)
from vidcurate.stages.sources.embed import image_text_model
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Captioner:
    """The opened model, None for captions from measurements, and its prompts.

    `told` are the placeholders that the prompts have, `scores` the score tables that captions use.
    `open_embedder` opens the model that made a video's vectors, and keeps it open.
    """

    model: ChatModel | None
    prompts: Mapping[str, Prompt]
    told: frozenset[str]
    scores: tuple[Table[Any], ...]
    open_embedder: Callable[[ModelChoice], ClipEmbedder]


def open_captioner(config: CaptionConfig, _workspace: Workspace) -> Captioner:
    """Open the backend, once a worker."""
    open_embedder = lru_cache(maxsize=1)(open_clip_embedder)
    scores = tuple(table for table in SCORE_TABLES if UsesScores(table)(config))
    if config.chat is None:
        return Captioner(None, {}, frozenset(), scores, open_embedder)
    return Captioner(
        open_model_team(config),
        prompts_of(config),
        placeholders_told(config),
        scores,
        open_embedder,
    )


def caption(
    clips: Sequence[Clip], config: CaptionConfig, captioner: Captioner, workspace: Workspace
) -> Iterator[list[Caption] | MediaError]:
    """Give one caption for each clip, or the reason why there is none."""
    if says_sentences(config):
        yield from (caption_from_speech(clip, config, workspace) for clip in clips)
        return
    if captioner.model is None:
        yield from (caption_from_facts(clip, config, captioner, workspace) for clip in clips)
        return
    voice_overs = voice_overs_of(clips, workspace) if "heard" in captioner.told else {}
    conversations = (
        ask_for_caption(clip, config, captioner, workspace, voice_overs.get(clip.clip_id))
        for clip in clips
    )
    for result in captioner.model.converse(conversations):
        yield result if isinstance(result, MediaError) else [result]


@dataclass(frozen=True, slots=True)
class CaptionProvenance:
    """What made a caption, as its row records it."""

    backend: str
    revision: str = ""
    strategy: str = ""
    style: str = ""
    language: str = "English"
    prompt_hash: str = ""
    frame_times_s: tuple[float, ...] = ()
    subtitles_hash: str | None = None
    words_from: str | None = None
    title: str | None = None


def provenance_of(
    config: CaptionConfig, clip_input: ClipInput, shown_times_s: frozenset[float]
) -> CaptionProvenance:
    """What made a model's caption, which was shown the frames of these times."""
    voice_over = clip_input.voice_over
    return CaptionProvenance(
        config.backend.name,
        revision_of(config.chat) if config.chat else "",
        config.strategy.name,
        config.style,
        config.language,
        "-".join(prompt.hash for prompt in clip_input.prompts.values()),
        tuple(frame.time_s for frame in clip_input.frames if frame.time_s in shown_times_s),
        voice_over.hash if voice_over else None,
        voice_over.source if voice_over else None,
        clip_input.title,
    )


def caption_from_facts(
    clip: Clip, config: CaptionConfig, captioner: Captioner, workspace: Workspace
) -> list[Caption] | MediaError:
    """Write a caption from measurements alone."""
    began = time.perf_counter()
    try:
        text = describe_clip(
            facts_of(clip, captioner.scores, workspace), config.style, config.trigger
        )
    except MediaError as error:
        return error
    if not text:
        return MediaError("nothing was measured of the clip")
    usage = Usage(model=WORDING, seconds=time.perf_counter() - began)
    return [
        as_row(
            clip,
            CaptionText(text, "ok"),
            CaptionProvenance(config.backend.name, style=config.style),
            usage,
        )
    ]


def caption_from_speech(
    clip: Clip, config: CaptionConfig, workspace: Workspace
) -> list[Caption] | MediaError:
    """Take the sentence of speech whose span a clip has."""
    try:
        text, made = shown_sentence(clip, workspace.lookup_all(SPOKEN)[clip.video_id])
    except MediaError as error:
        return error
    provenance = CaptionProvenance(
        config.backend.name, language=made.language, prompt_hash=made.prompt_hash
    )
    return [as_row(clip, text, provenance, Usage(model=made.model))]


def ask_for_caption(
    clip: Clip,
    config: CaptionConfig,
    captioner: Captioner,
    workspace: Workspace,
    voice_over: VoiceOver | MediaError | None,
) -> Conversation[Caption]:
    """Prepare the conversation about one clip; its frames are read when it begins."""
    chat = config.chat
    assert chat is not None
    found = workspace.lookup(KEYFRAMES).get(clip.clip_id)
    keyframes = found.keyframes if found else ()
    files = [(k.time_s, workspace.file_of(KEYFRAMES, k.file)) for k in keyframes]
    facts = {"clips": asdict(clip), **score_rows(clip, captioner.scores, workspace)}
    open_scorer = text_scorer_opener(clip, config, captioner, workspace)
    title = (
        title_of(workspace.lookup(SOURCES)[clip.video_id]) if "title" in captioner.told else None
    )
    hear = sent_sound_reader(clip, config, workspace)

    def conversation() -> Conversation[Caption]:
        from vidcurate.media.io.images import read_as_jpeg

        if not files:
            raise MediaError("the clip has no keyframes: see rows keyframes --failed")
        if isinstance(voice_over, MediaError):
            raise voice_over
        frames = tuple(
            Frame(t, read_as_jpeg(file, chat.max_image_side), clip.start_s) for t, file in files
        )
        usage, sound = Usage(), hear()
        clip_input = ClipInput(
            clip,
            frames,
            facts,
            captioner.prompts,
            config,
            open_scorer(),
            voice_over,
            title,
            sound.quiet,
            sound.pieces,
        )
        written = yield from count_usage(
            STRATEGIES[config.strategy.name].converse(clip_input), usage
        )
        written = replace(written, repairs=(*written.repairs, *sound.faults))
        cleaned = clean(written, config.language, cleaning_rules(config))
        captioned = with_trigger(cleaned, config.trigger)
        provenance = provenance_of(config, clip_input, usage.shown_times_s)
        return as_row(clip, captioned, provenance, usage)

    return conversation()


def text_scorer_opener(
    clip: Clip, config: CaptionConfig, captioner: Captioner, workspace: Workspace
) -> Callable[[], TextScorer | None]:
    """A function that opens the comparison of texts with a clip's vector, when it is needed."""
    video = workspace.lookup(VECTORS).get(clip.video_id) if compares(config) else None
    if video is None:
        return lambda: None
    file = workspace.file_of(VECTORS, video.vectors_file)

    def open_scorer() -> TextScorer:
        vector = clip_vector(read_video_vectors(file), clip)
        embedder = captioner.open_embedder(ModelChoice(video.model, video.pretrained))
        return lambda texts: (embedder.text_vectors(texts) @ vector).tolist()

    return open_scorer


def facts_of(clip: Clip, scores: Sequence[Table[Any]], workspace: Workspace) -> Facts:
    """All that was measured of a clip, by table."""
    return {
        "samples": {"colours": mean_colour_shares(clip, workspace)},
        **score_rows(clip, scores, workspace),
    }


def score_rows(
    clip: Clip, scores: Sequence[Table[Any]], workspace: Workspace
) -> dict[str, dict[str, Any]]:
    """A clip's rows of some score tables, where the data set has them, by table."""
    tables = [table for table in scores if workspace.has(table)]
    found = {table.name: workspace.lookup(table).get(clip.clip_id) for table in tables}
    return {name: asdict(score) for name, score in found.items() if score is not None}


def mean_colour_shares(clip: Clip, workspace: Workspace) -> dict[str, float]:
    """The mean shares of the named colours in a clip's samples."""
    from vidcurate.media.scan.files import read_samples
    from vidcurate.media.visual.measures import COLOUR_NAMES

    scan = workspace.lookup(SCANS)[clip.video_id]
    file = workspace.file_of(SCANS, scan.samples_file)
    rows = window(read_samples(file, ("pts", "colours")), clip)["colours"].to_pylist()
    return {
        name: sum(row[number] for row in rows) / len(rows)
        for number, name in enumerate(COLOUR_NAMES)
        if rows
    }


def as_row(
    clip: Clip, captioned: CaptionText, provenance: CaptionProvenance, usage: Usage
) -> Caption:
    """A caption's row."""
    return Caption(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        text=captioned.text,
        short_text=captioned.short_text,
        structured=as_json(captioned.structured),
        candidates=captioned.candidates,
        repairs=(*captioned.repairs, *usage.notes),
        conflicts=captioned.conflicts,
        status=captioned.status,
        model=captioned.model or usage.model,
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
        **asdict(provenance),
    )


def as_json(value: Any) -> str | None:
    """A value as JSON; None where there is none."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def reads_facts(config: CaptionConfig) -> bool:
    """Whether captions come from measurements."""
    return isinstance(config.backend, FactsConfig)


def says_sentences(config: CaptionConfig) -> bool:
    """Whether captions are sentences of speech."""
    return isinstance(config.backend, SpokenTextConfig)


@dataclass(frozen=True, slots=True)
class UsesScores:
    """Whether captions use a score table."""

    table: Table[Any]

    def __call__(self, config: CaptionConfig) -> bool:
        """Facts use all of them; a strategy and its prompts name their own."""
        return reads_facts(config) or uses_score(config, self.table)


def compares(config: CaptionConfig) -> bool:
    """Whether texts are chosen by the clips' vectors."""
    strategy = config.strategy
    return uses_model(config) and isinstance(strategy, Teachers) and strategy.scorer == "alignment"


def can_ask(config: CaptionConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where a backend cannot run, or texts cannot be compared with the vectors."""
    if uses_model(config):
        for asked in model_configs(config).values():
            chat_model.check_chat_model("caption", asked)
        for field, model in experts_of(config):
            check_expert(field, model)
    if compares(config):
        check_choice(image_text_model(others, "caption.scorer alignment"))


def prompt_text(config: CaptionConfig) -> str:
    """The hashes of the prompts: another text gives other captions, whatever its file is called."""
    if not uses_model(config):
        return ""
    return "-".join(prompt.hash for prompt in prompts_of(config).values())


def files_named(config: CaptionConfig) -> Mapping[str, str]:
    """The options that name prompts, a form or models on disk."""
    return caption_file_options(config) if uses_model(config) else {}


def estimated_requests(config: CaptionConfig) -> RequestEstimate | None:
    """Which model writes, and how many requests a clip takes, without those for faulty JSON."""
    chat = config.chat
    if chat is None:
        return None
    n_requests, is_least = requests_each(config.strategy, hears=chat.hears)
    return chat_model.request_estimate(chat, n_requests, is_least=is_least)


def requests_each(strategy: Strategy, *, hears: bool) -> tuple[int, bool]:
    """How many requests a clip takes by a strategy, and whether it may take more."""
    match strategy:
        case Single():
            return 1, strategy.detail == "both"
        case MotionDetail():
            return 3, False
        case Shots():
            n_experts = len(SHOT_FIELDS) - len(strategy.experts)
            return 1 + n_experts + (2 if strategy.fusion == "both" else 1), True
        case AudioVisual():
            return (2 if hears else 2 + N_STILLS), hears
        case Teachers():
            is_judged = strategy.scorer == "judge"
            return len(strategy.teachers) + is_judged, is_judged
    return 1, True


def worker_resources(config: CaptionConfig) -> Resources:
    """The resources of a worker: few for facts, else those of the models."""
    if not uses_model(config):
        return Resources()
    resources = chat_model.chat_resources(model_configs(config).values())
    # One worker holds the classifiers, and sends all requests to a server.
    return replace(model_resources(), at_most=1) if experts_of(config) else resources


CAPTION = MapStage(
    name="caption",
    summary="Write a text for each kept clip.",
    reads=PARTITIONS,
    writes=CAPTIONS,
    config=CaptionConfig,
    open=open_captioner,
    run=caption,
    lookups=(
        Lookup(KEYFRAMES, when=uses_model),
        Lookup(VIDEOS, when=reads_video),
        Lookup(SOURCES, when=reads_source),
        Lookup(TRANSCRIPTS, required=False, when=tells_words),
        Lookup(SCANS, when=reads_scan),
        Lookup(VECTORS, when=compares),
        Lookup(SPOKEN, when=says_sentences, by="video_id"),
        *(Lookup(t, required=False, when=UsesScores(t)) for t in SCORE_TABLES),
    ),
    check=can_ask,
    outdated=ToldOtherwise(CAPTIONS),
    rows_per_part=128,
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        advice="a smaller keyframes.count or caption.max_tokens, or stricter filter.rules",
    ),
    version=Version(depends=prompt_text, contents=files_named, number=3),
)
