"""caption: a text for each kept clip, by a backend, with all that is needed to make it again."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidcurate.captioning import STRATEGIES, prompts_of
from vidcurate.captioning.material import Material, Told
from vidcurate.captioning.metered import Spent, metered
from vidcurate.captioning.options import FACTS, CaptionConfig
from vidcurate.captioning.prompts import Prompt
from vidcurate.errors import MediaError
from vidcurate.models.chat_model import ChatModel, open_chat_model
from vidcurate.models.conversation import Conversation, Frame
from vidcurate.models.facts import WORDING, Facts, describe
from vidcurate.records import (
    CAPTIONS,
    KEPT,
    KEYFRAMES,
    SCANS,
    SCORE_TABLES,
    VIDEOS,
    Caption,
    Clip,
)
from vidcurate.stage import Beside, MapStage, Resources, Workspace
from vidcurate.table import Table
from vidcurate.window import window


@dataclass(frozen=True, slots=True)
class Desk:
    """The model if one is asked, the prompts for it, and where pictures and facts lie."""

    model: ChatModel | None
    prompts: Mapping[str, Prompt]
    workspace: Workspace


def open_desk(config: CaptionConfig, workspace: Workspace) -> Desk:
    """The backend, opened once a worker."""
    if config.backend == FACTS:
        return Desk(None, {}, workspace)
    return Desk(open_chat_model(config.backend, config.model_dump()), prompts_of(config), workspace)


def caption(
    clips: Sequence[Clip], config: CaptionConfig, desk: Desk
) -> Iterator[list[Caption] | MediaError]:
    """One caption for each clip, or the reason why there is none."""
    if desk.model is None:
        yield from (by_facts(clip, desk.workspace) for clip in clips)
        return
    talks = (talk(clip, config, desk) for clip in clips)
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


def made_by(config: CaptionConfig, prompts: Mapping[str, Prompt], frames: Sequence[Frame]) -> Made:
    """How a model's caption was made."""
    return Made(
        config.backend,
        config.revision,
        config.strategy,
        config.style,
        config.language,
        "-".join(prompt.hash for prompt in prompts.values()),
        tuple(frame.time_s for frame in frames),
    )


def by_facts(clip: Clip, workspace: Workspace) -> list[Caption] | MediaError:
    """A caption from measurements alone."""
    began = time.perf_counter()
    try:
        text = describe(facts_of(clip, workspace))
    except MediaError as error:
        return error
    if not text:
        return MediaError("nothing was measured of the clip")
    spent = Spent(model=WORDING, seconds=time.perf_counter() - began)
    return [as_row(clip, Told(text, "ok"), Made(FACTS), spent)]


def talk(clip: Clip, config: CaptionConfig, desk: Desk) -> Conversation[Caption]:
    """The conversation about one clip; its pictures are loaded when it begins."""
    found = desk.workspace.beside(KEYFRAMES).get(clip.clip_id)
    stills = found.keyframes if found else ()
    files = [(k.time_s, desk.workspace.file_of(KEYFRAMES, k.file)) for k in stills]
    facts = {"clips": asdict(clip)}

    def begun() -> Conversation[Caption]:
        from vidcurate.media.stills import jpeg_of_file

        if not files:
            raise MediaError("the clip has no keyframes: see rows keyframes --failed")
        frames = tuple(Frame(t, jpeg_of_file(file, config.image_max_side)) for t, file in files)
        spent = Spent()
        material = Material(clip, frames, facts, desk.prompts, config)
        told = yield from metered(STRATEGIES[config.strategy].talk(material), spent)
        return as_row(clip, told, made_by(config, desk.prompts, frames), spent)

    return begun()


def facts_of(clip: Clip, workspace: Workspace) -> Facts:
    """All that was measured of a clip, by table."""
    facts: dict[str, Mapping[str, Any]] = {
        "clips": asdict(clip),
        "videos": asdict(workspace.beside(VIDEOS)[clip.video_id]),
        "samples": {"colours": colours_of(clip, workspace)},
    }
    scores = {table.name: score_of(clip, table, workspace) for table in SCORE_TABLES}
    return facts | {name: asdict(score) for name, score in scores.items() if score is not None}


def score_of(clip: Clip, table: Table[Any], workspace: Workspace) -> Any:
    """A clip's row of a table, if the data set has one."""
    return workspace.beside(table).get(clip.clip_id) if workspace.has(table) else None


def colours_of(clip: Clip, workspace: Workspace) -> dict[str, float]:
    """The mean shares of the named colours in a clip's samples."""
    from vidcurate.media.measures import COLOUR_NAMES
    from vidcurate.media.scan import read_samples

    scan = workspace.beside(SCANS)[clip.video_id]
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
        repairs=told.repairs,
        conflicts=told.conflicts,
        status=told.status,
        model=spent.model,
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


def prompt_text(config: CaptionConfig) -> str:
    """The prompts' hashes: another text gives other captions, whatever its file is called."""
    if not looks(config):
        return ""
    return "-".join(prompt.hash for prompt in prompts_of(config).values())


def seats(config: CaptionConfig) -> Resources:
    """One worker holds all requests to a server, so that `concurrency` bounds them."""
    return Resources(at_most=1) if looks(config) else Resources()


CAPTION = MapStage(
    name="caption",
    summary="Write a text for each kept clip.",
    reads=KEPT,
    writes=CAPTIONS,
    config=CaptionConfig,
    open=open_desk,
    run=caption,
    beside=(
        Beside(KEYFRAMES, when=looks),
        Beside(VIDEOS, when=reads_facts),
        Beside(SCANS, when=reads_facts),
        *(Beside(table, required=False, when=reads_facts) for table in SCORE_TABLES),
    ),
    resources=seats,
    depends=prompt_text,
    cheaper="a smaller keyframes.count or caption.max_tokens, or stricter filter.rules",
    rows_per_part=128,
)
