"""caption: a text for each kept clip, by a backend, with all that is needed to make it again."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from vidcurate.captioning.clip_input import CaptionText, ClipInput, TextScorer
from vidcurate.captioning.file_options import caption_file_options
from vidcurate.captioning.model_team import model_configs, open_model_team
from vidcurate.captioning.options import CaptionConfig, MotionDetail, Single, Teachers
from vidcurate.captioning.prompts import Prompt
from vidcurate.captioning.strategies.registry import STRATEGIES, prompts_of
from vidcurate.captioning.templates.facts import WORDING, Facts, describe
from vidcurate.captioning.text.cleaning import clean
from vidcurate.captioning.text.trigger import with_trigger
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.captioning.voice_over import (
    VoiceOver,
    changed_subtitles,
    uses_subtitles,
    voice_overs_of,
)
from vidcurate.clips.vectors import clip_vector, read_video_vectors
from vidcurate.clips.windows import window
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel
from vidcurate.models.chat.conversation import Conversation, Frame
from vidcurate.models.chat.options import revision_of
from vidcurate.models.vision.clip_embedder import ClipEmbedder, check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.options import StageConfig
from vidcurate.records import (
    CAPTIONS,
    KEPT,
    KEYFRAMES,
    SCANS,
    SCORE_TABLES,
    SOURCES,
    VECTORS,
    VIDEOS,
    Caption,
    Clip,
)
from vidcurate.stage import Cost, Lookup, MapStage, RequestEstimate, Resources, Version, Workspace
from vidcurate.stages.sources.embed import image_text_model
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class Desk:
    """The model if one is asked, the prompts for it, and where pictures and facts lie."""

    model: ChatModel | None
    prompts: Mapping[str, Prompt]
    workspace: Workspace
    embedder: Callable[[ModelChoice], ClipEmbedder]


def open_desk(config: CaptionConfig, workspace: Workspace) -> Desk:
    """The backend, opened once a worker."""
    if config.chat is None:
        return Desk(None, {}, workspace, open_clip_embedder)
    embedder = lru_cache(maxsize=1)(open_clip_embedder)
    return Desk(open_model_team(config), prompts_of(config), workspace, embedder)


def caption(
    clips: Sequence[Clip], config: CaptionConfig, desk: Desk, _workspace: Workspace
) -> Iterator[list[Caption] | MediaError]:
    """One caption for each clip, or the reason why there is none."""
    if desk.model is None:
        yield from (by_facts(clip, config, desk.workspace) for clip in clips)
        return
    voice_overs = voice_overs_of(clips, desk.workspace) if uses_subtitles(config) else {}
    talks = (talk(clip, config, desk, voice_overs.get(clip.clip_id)) for clip in clips)
    for result in desk.model.converse(talks):
        yield result if isinstance(result, MediaError) else [result]


@dataclass(frozen=True, slots=True)
class Made:
    """How a caption was made, as its row tells it."""

    backend: str
    revision: str = ""
    strategy: str = ""
    style: str = ""
    language: str = "English"
    prompt_hash: str = ""
    frame_times_s: tuple[float, ...] = ()
    subtitles_hash: str | None = None


def made_by(config: CaptionConfig, clip_input: ClipInput) -> Made:
    """How a model's caption was made."""
    return Made(
        config.backend.name,
        revision_of(config.chat) if config.chat else "",
        config.strategy.name,
        config.style,
        config.language,
        "-".join(prompt.hash for prompt in clip_input.prompts.values()),
        tuple(frame.time_s for frame in clip_input.frames),
        clip_input.voice_over.hash if clip_input.voice_over else None,
    )


def by_facts(clip: Clip, config: CaptionConfig, workspace: Workspace) -> list[Caption] | MediaError:
    """A caption from measurements alone."""
    began = time.perf_counter()
    try:
        text = describe(facts_of(clip, config, workspace))
    except MediaError as error:
        return error
    if not text:
        return MediaError("nothing was measured of the clip")
    usage = Usage(model=WORDING, seconds=time.perf_counter() - began)
    told = with_trigger(CaptionText(text, "ok"), config.trigger)
    return [as_row(clip, told, Made(config.backend.name), usage)]


def talk(
    clip: Clip, config: CaptionConfig, desk: Desk, voice_over: VoiceOver | MediaError | None
) -> Conversation[Caption]:
    """The conversation about one clip; its pictures are loaded when it begins."""
    chat = config.chat
    assert chat is not None
    found = desk.workspace.lookup(KEYFRAMES).get(clip.clip_id)
    stills = found.keyframes if found else ()
    files = [(k.time_s, desk.workspace.file_of(KEYFRAMES, k.file)) for k in stills]
    facts = {"clips": asdict(clip), **scores_of(clip, config, desk.workspace)}
    choose_fit = fit_opener(clip, config, desk)

    def begun() -> Conversation[Caption]:
        from vidcurate.media.io.frames import jpeg_of_file

        if not files:
            raise MediaError("the clip has no keyframes: see rows keyframes --failed")
        if isinstance(voice_over, MediaError):
            raise voice_over
        frames = tuple(
            Frame(t, jpeg_of_file(file, chat.max_image_side), clip.start_s) for t, file in files
        )
        usage = Usage()
        clip_input = ClipInput(clip, frames, facts, desk.prompts, config, choose_fit(), voice_over)
        told = yield from count_usage(STRATEGIES[config.strategy.name].talk(clip_input), usage)
        told = with_trigger(clean(told, config.language, config.clean), config.trigger)
        return as_row(clip, told, made_by(config, clip_input), usage)

    return begun()


def fit_opener(clip: Clip, config: CaptionConfig, desk: Desk) -> Callable[[], TextScorer | None]:
    """What makes the comparison of texts with a clip's vector, when the conversation begins."""
    video = desk.workspace.lookup(VECTORS).get(clip.video_id) if compares(config) else None
    if video is None:
        return lambda: None
    file = desk.workspace.file_of(VECTORS, video.vectors_file)

    def open_fit() -> TextScorer:
        vector = clip_vector(read_video_vectors(file), clip)
        embedder = desk.embedder(ModelChoice(video.model, video.pretrained))
        return lambda texts: (embedder.text_vectors(texts) @ vector).tolist()

    return open_fit


def facts_of(clip: Clip, config: CaptionConfig, workspace: Workspace) -> Facts:
    """All that was measured of a clip, by table."""
    return {
        "clips": asdict(clip),
        "videos": asdict(workspace.lookup(VIDEOS)[clip.video_id]),
        "samples": {"colours": colours_of(clip, workspace)},
        **scores_of(clip, config, workspace),
    }


def scores_of(clip: Clip, config: CaptionConfig, workspace: Workspace) -> dict[str, dict[str, Any]]:
    """A clip's rows of the score tables that a caption is told of, by table."""
    told: list[Table[Any]] = [t for t in SCORE_TABLES if Tells(t)(config) and workspace.has(t)]
    found = {table.name: workspace.lookup(table).get(clip.clip_id) for table in told}
    return {name: asdict(score) for name, score in found.items() if score is not None}


def colours_of(clip: Clip, workspace: Workspace) -> dict[str, float]:
    """The mean shares of the named colours in a clip's samples."""
    from vidcurate.media.scan.scanner import read_samples
    from vidcurate.media.visual.measures import COLOUR_NAMES

    scan = workspace.lookup(SCANS)[clip.video_id]
    file = workspace.file_of(SCANS, scan.samples_file)
    rows = window(read_samples(file, ("pts", "colours")), clip)["colours"].to_pylist()
    return {
        name: sum(row[number] for row in rows) / len(rows)
        for number, name in enumerate(COLOUR_NAMES)
        if rows
    }


def as_row(clip: Clip, told: CaptionText, made: Made, usage: Usage) -> Caption:
    """A caption's row."""
    return Caption(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        text=told.text,
        short_text=told.short_text,
        structured=as_json(told.structured),
        candidates=told.candidates,
        repairs=(*told.repairs, *usage.notes),
        conflicts=told.conflicts,
        status=told.status,
        model=told.model or usage.model,
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
        **asdict(made),
    )


def as_json(value: Any) -> str | None:
    """A value as JSON; None where there is none."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def looks(config: CaptionConfig) -> bool:
    """Whether the backend is sent pictures."""
    return config.chat is not None


def reads_facts(config: CaptionConfig) -> bool:
    """Whether the backend is told measurements."""
    return config.chat is None


def reads_videos(config: CaptionConfig) -> bool:
    """Whether container facts are told, or tell where a video's subtitles begin."""
    return reads_facts(config) or uses_subtitles(config)


@dataclass(frozen=True, slots=True)
class Tells:
    """Whether captions say or use what a score table holds."""

    table: Table[Any]

    def __call__(self, config: CaptionConfig) -> bool:
        """Facts say all of them; a strategy names its own."""
        return reads_facts(config) or self.table in STRATEGIES[config.strategy.name].reads


def compares(config: CaptionConfig) -> bool:
    """Whether texts are chosen by the clips' vectors."""
    strategy = config.strategy
    return looks(config) and isinstance(strategy, Teachers) and strategy.scorer == "alignment"


def can_ask(config: CaptionConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where a backend cannot run, or texts be compared with the vectors."""
    if looks(config):
        for asked in model_configs(config).values():
            chat_model.check_chat_model("caption", asked)
    if compares(config):
        check_choice(image_text_model(others, "caption.scorer alignment"))


def prompt_text(config: CaptionConfig) -> str:
    """The prompts' hashes: another text gives other captions, whatever its file is called."""
    if not looks(config):
        return ""
    return "-".join(prompt.hash for prompt in prompts_of(config).values())


def files_named(config: CaptionConfig) -> Mapping[str, str]:
    """The options that name prompts, a form or models on disk."""
    return caption_file_options(config) if looks(config) else {}


def asked(config: CaptionConfig) -> RequestEstimate | None:
    """Who writes, and how many requests a clip takes, without those for faulty JSON."""
    chat, strategy = config.chat, config.strategy
    if chat is None:
        return None
    if isinstance(strategy, Single):
        return chat_model.asks(chat, is_least=strategy.detail == "both")
    if isinstance(strategy, MotionDetail):
        return chat_model.asks(chat, 3, is_least=False)
    if isinstance(strategy, Teachers):
        is_judged = strategy.scorer == "judge"
        return chat_model.asks(chat, len(strategy.teachers) + is_judged, is_least=is_judged)
    return chat_model.asks(chat)


def seats(config: CaptionConfig) -> Resources:
    """What a worker takes: little for facts, else what the models need."""
    if not looks(config):
        return Resources()
    return chat_model.seats(model_configs(config).values())


CAPTION = MapStage(
    name="caption",
    summary="Write a text for each kept clip.",
    reads=KEPT,
    writes=CAPTIONS,
    config=CaptionConfig,
    open=open_desk,
    run=caption,
    lookups=(
        Lookup(KEYFRAMES, when=looks),
        Lookup(VIDEOS, when=reads_videos),
        Lookup(SOURCES, when=uses_subtitles),
        Lookup(SCANS, when=reads_facts),
        Lookup(VECTORS, when=compares),
        *(Lookup(t, required=False, when=Tells(t)) for t in SCORE_TABLES),
    ),
    check=can_ask,
    outdated=changed_subtitles,
    rows_per_part=128,
    cost=Cost(
        resources=seats,
        requests=asked,
        advice="a smaller keyframes.count or caption.max_tokens, or stricter filter.rules",
    ),
    version=Version(depends=prompt_text, contents=files_named, number=2),
)
