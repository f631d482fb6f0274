"""caption: a text for each kept clip, by a backend, with all that is needed to make it again."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from vidcurate.captioning.material import Fit, Material, Told
from vidcurate.captioning.named_files import caption_files
from vidcurate.captioning.options import FACTS, CaptionConfig
from vidcurate.captioning.prompts import Prompt
from vidcurate.captioning.strategies.registry import STRATEGIES, prompts_of
from vidcurate.captioning.team import asked_configs, open_team
from vidcurate.captioning.templates.facts import WORDING, Facts, describe
from vidcurate.captioning.text.cleaning import clean
from vidcurate.captioning.text.trigger import with_trigger
from vidcurate.captioning.usage import Spent, metered
from vidcurate.captioning.voice_over import Voice, hears, voices_changed, voices_of
from vidcurate.clips.vectors import clip_vector, read_video_vectors
from vidcurate.clips.windows import window
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel
from vidcurate.models.chat.conversation import Conversation, Frame
from vidcurate.models.vision.clip_embedder import ClipEmbedder, check_choice, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
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
from vidcurate.stage import (
    Cost,
    Lookup,
    MapStage,
    RequestEstimate,
    Resources,
    StageConfig,
    Version,
    Workspace,
)
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
    if config.backend == FACTS:
        return Desk(None, {}, workspace, open_clip_embedder)
    embedder = lru_cache(maxsize=1)(open_clip_embedder)
    return Desk(open_team(config), prompts_of(config), workspace, embedder)


def caption(
    clips: Sequence[Clip], config: CaptionConfig, desk: Desk, _workspace: Workspace
) -> Iterator[list[Caption] | MediaError]:
    """One caption for each clip, or the reason why there is none."""
    if desk.model is None:
        yield from (by_facts(clip, config, desk.workspace) for clip in clips)
        return
    voices = voices_of(clips, desk.workspace) if hears(config) else {}
    talks = (talk(clip, config, desk, voices.get(clip.clip_id)) for clip in clips)
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


def made_by(config: CaptionConfig, material: Material) -> Made:
    """How a model's caption was made."""
    return Made(
        config.backend,
        config.revision,
        config.strategy,
        config.style,
        config.language,
        "-".join(prompt.hash for prompt in material.prompts.values()),
        tuple(frame.time_s for frame in material.frames),
        material.voice.hash if material.voice else None,
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
    spent = Spent(model=WORDING, seconds=time.perf_counter() - began)
    told = with_trigger(Told(text, "ok"), config.trigger)
    return [as_row(clip, told, Made(FACTS), spent)]


def talk(
    clip: Clip, config: CaptionConfig, desk: Desk, voice: Voice | MediaError | None
) -> Conversation[Caption]:
    """The conversation about one clip; its pictures are loaded when it begins."""
    found = desk.workspace.lookup(KEYFRAMES).get(clip.clip_id)
    stills = found.keyframes if found else ()
    files = [(k.time_s, desk.workspace.file_of(KEYFRAMES, k.file)) for k in stills]
    facts = {"clips": asdict(clip), **scores_of(clip, config, desk.workspace)}
    choose_fit = fit_opener(clip, config, desk)

    def begun() -> Conversation[Caption]:
        from vidcurate.media.io.frames import jpeg_of_file

        if not files:
            raise MediaError("the clip has no keyframes: see rows keyframes --failed")
        if isinstance(voice, MediaError):
            raise voice
        frames = tuple(
            Frame(t, jpeg_of_file(file, config.image_max_side), clip.start_s) for t, file in files
        )
        spent = Spent()
        material = Material(clip, frames, facts, desk.prompts, config, choose_fit(), voice)
        told = yield from metered(STRATEGIES[config.strategy].talk(material), spent)
        told = with_trigger(clean(told, config.language, config.clean), config.trigger)
        return as_row(clip, told, made_by(config, material), spent)

    return begun()


def fit_opener(clip: Clip, config: CaptionConfig, desk: Desk) -> Callable[[], Fit | None]:
    """What makes the comparison of texts with a clip's vector, when the conversation begins."""
    video = desk.workspace.lookup(VECTORS).get(clip.video_id) if compares(config) else None
    if video is None:
        return lambda: None
    file = desk.workspace.file_of(VECTORS, video.vectors_file)

    def open_fit() -> Fit:
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


def as_row(clip: Clip, told: Told, made: Made, spent: Spent) -> Caption:
    """A caption's row."""
    return Caption(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        text=told.text,
        short_text=told.short_text,
        structured=as_json(told.structured),
        candidates=told.candidates,
        repairs=(*told.repairs, *spent.notes),
        conflicts=told.conflicts,
        status=told.status,
        model=told.model or spent.model,
        n_requests=spent.n_requests,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        seconds=spent.seconds,
        **asdict(made),
    )


def as_json(value: Any) -> str | None:
    """A value as JSON; None where there is none."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def looks(config: CaptionConfig) -> bool:
    """Whether the backend is sent pictures."""
    return config.backend != FACTS


def reads_facts(config: CaptionConfig) -> bool:
    """Whether the backend is told measurements."""
    return config.backend == FACTS


def reads_videos(config: CaptionConfig) -> bool:
    """Whether container facts are told, or tell where a video's subtitles begin."""
    return reads_facts(config) or hears(config)


@dataclass(frozen=True, slots=True)
class Tells:
    """Whether captions say or use what a score table holds."""

    table: Table[Any]

    def __call__(self, config: CaptionConfig) -> bool:
        """Facts say all of them; a strategy names its own."""
        return reads_facts(config) or self.table in STRATEGIES[config.strategy].reads


def compares(config: CaptionConfig) -> bool:
    """Whether texts are chosen by the clips' vectors."""
    return looks(config) and config.strategy == "teachers" and config.scorer == "alignment"


def can_ask(config: CaptionConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where a backend cannot run, or texts be compared with the vectors."""
    if looks(config):
        for asked in asked_configs(config).values():
            chat_model.check_chat_model("caption", asked.backend, asked)
    if compares(config):
        check_choice(image_text_model(others, "caption.scorer alignment"))


def prompt_text(config: CaptionConfig) -> str:
    """The prompts' hashes: another text gives other captions, whatever its file is called."""
    if not looks(config):
        return ""
    return "-".join(prompt.hash for prompt in prompts_of(config).values())


def files_named(config: CaptionConfig) -> Mapping[str, str]:
    """The options that name prompts, a form or models on disk."""
    return caption_files(config) if looks(config) else {}


def asked(config: CaptionConfig) -> RequestEstimate | None:
    """Who writes, and how many requests a clip takes, without those for faulty JSON."""
    if not looks(config):
        return None
    each, is_least = {
        "single": (1, config.detail == "both"),
        "motion-detail": (3, False),
        "teachers": (len(config.teachers) + (config.scorer == "judge"), config.scorer == "judge"),
    }.get(config.strategy, (1, True))
    return chat_model.asks(config.backend, config, each, is_least=is_least)


def seats(config: CaptionConfig) -> Resources:
    """What a worker takes: little for facts, else what the models need."""
    if not looks(config):
        return Resources()
    return chat_model.seats(asked.backend for asked in asked_configs(config).values())


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
        Lookup(SOURCES, when=hears),
        Lookup(SCANS, when=reads_facts),
        Lookup(VECTORS, when=compares),
        *(Lookup(t, required=False, when=Tells(t)) for t in SCORE_TABLES),
    ),
    check=can_ask,
    outdated=voices_changed,
    rows_per_part=128,
    cost=Cost(
        resources=seats,
        requests=asked,
        advice="a smaller keyframes.count or caption.max_tokens, or stricter filter.rules",
    ),
    version=Version(depends=prompt_text, contents=files_named, number=2),
)
