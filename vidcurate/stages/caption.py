"""caption: a text for each kept clip, by a backend, with all that is needed to make it again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from vidcurate.errors import MediaError
from vidcurate.models.captioner import (
    CaptionAnswer,
    Captioner,
    CaptionRequest,
    Facts,
    Frame,
    open_captioner,
)
from vidcurate.models.prompts import load_prompt
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
from vidcurate.stage import Beside, MapStage, Resources, StageConfig, Workspace, option
from vidcurate.table import Table
from vidcurate.window import window

FACTS = "facts"


class CaptionConfig(StageConfig):
    """Who writes the captions, and how they are asked."""

    backend: Literal["facts", "openai"] = option(
        "facts", "facts: from measurements, without a model; openai: any OpenAI-style server"
    )
    model: str = option("", "openai: the model's name on the server")
    base_url: str = option("http://localhost:8000/v1", "openai: the server's address", neutral=True)
    prompt: str = option("describe", "openai: a prompt by name, or a text file")
    max_tokens: int = option(512, "openai: longest answer", unit="tokens", ge=1)
    temperature: float | None = option(
        0.0, "openai: randomness; none leaves it to the server", ge=0, le=2
    )
    image_detail: Literal["auto", "low", "high"] = option("auto", "openai: how closely to look")
    image_max_side: int = option(
        1024, "openai: long side of the stills that are sent", unit="pixels", ge=64
    )
    concurrency: int = option(8, "openai: requests at once", neutral=True, ge=1, le=1024)
    timeout_s: float = option(
        120.0, "openai: longest wait for an answer", unit="seconds", neutral=True, gt=0
    )
    retries: int = option(4, "openai: tries after a failed one", neutral=True, ge=0, le=20)
    backoff_s: float = option(
        1.0,
        "openai: wait before the second try, then twice that",
        unit="seconds",
        neutral=True,
        ge=0,
    )
    api_key_env: str = option(
        "OPENAI_API_KEY", "openai: name of the environment variable with the key", neutral=True
    )

    # Options are written into the manifest and the data card, so that no key may be among them.
    @field_validator("base_url")
    @classmethod
    def address_holds_no_key(cls, base_url: str) -> str:
        """Some addresses carry a user and a password, or a key behind a question mark."""
        address = urlsplit(base_url)
        if "@" in address.netloc or address.query:
            raise ValueError("the address holds a user or a key: put the key into the environment")
        return base_url

    @field_validator("api_key_env")
    @classmethod
    def key_is_named(cls, name: str) -> str:
        """A key that was given for its variable's name is refused, and not repeated."""
        if not (name.isidentifier() and name.isascii()):
            raise ValueError("name the environment variable that holds the key, not the key itself")
        return name

    @model_validator(mode="after")
    def model_is_named(self) -> "CaptionConfig":
        """A server has many models."""
        if self.backend == "openai" and not self.model:
            raise ValueError("backend openai needs a model: name one that the server has")
        return self


@dataclass(frozen=True, slots=True)
class Desk:
    """A backend, and where its pictures and facts lie."""

    captioner: Captioner
    workspace: Workspace


def open_desk(config: CaptionConfig, workspace: Workspace) -> Desk:
    """The backend, opened once a worker."""
    return Desk(open_captioner(config.backend, config.model_dump()), workspace)


def caption(
    clips: Sequence[Clip], config: CaptionConfig, desk: Desk
) -> Iterator[list[Caption] | MediaError]:
    """One caption for each clip, or the reason why there is none."""
    requests: list[CaptionRequest] = []
    faults: dict[str, MediaError] = {}

    def asked() -> Iterator[CaptionRequest]:
        for clip in clips:
            try:
                requests.append(request_for(clip, config, desk.workspace))
            except MediaError as fault:
                faults[clip.clip_id] = fault
                requests.append(CaptionRequest(clip.clip_id, (), {}))
            yield requests[-1]

    answers = desk.captioner.caption(asked())
    for number, (clip, answer) in enumerate(zip(clips, answers, strict=True)):
        fault = faults.get(clip.clip_id, answer)
        if isinstance(fault, MediaError):
            yield fault
        else:
            yield as_row(clip, requests[number], fault, desk.captioner)


def request_for(clip: Clip, config: CaptionConfig, workspace: Workspace) -> CaptionRequest:
    """What the backend is told of a clip.

    Raises MediaError for a clip whose keyframes could not be made.
    """
    if config.backend == FACTS:
        return CaptionRequest(clip.clip_id, (), facts_of(clip, workspace))
    found = workspace.beside(KEYFRAMES).get(clip.clip_id)
    if found is None:
        raise MediaError("the clip has no keyframes: see rows keyframes --failed")
    from vidcurate.media.stills import jpeg_of_file

    frames = tuple(
        Frame(k.time_s, jpeg_of_file(workspace.file_of(KEYFRAMES, k.file), config.image_max_side))
        for k in found.keyframes
    )
    return CaptionRequest(clip.clip_id, frames, {"clips": asdict(clip)})


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


def as_row(
    clip: Clip, request: CaptionRequest, answer: CaptionAnswer, captioner: Captioner
) -> list[Caption] | MediaError:
    """An answer as a row, or as the reason why it is no caption."""
    if answer.status in ("refused", "empty"):
        return MediaError(f"the model's answer was {answer.status}")
    row = Caption(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        text=answer.text,
        status=answer.status,
        backend=captioner.backend,
        model=answer.model,
        prompt_hash=captioner.prompt_hash,
        frame_times_s=tuple(frame.time_s for frame in request.frames),
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        seconds=answer.seconds,
    )
    return [row]


def looks(config: CaptionConfig) -> bool:
    """Whether the backend is sent pictures."""
    return config.backend != FACTS


def reads_facts(config: CaptionConfig) -> bool:
    """Whether the backend is told measurements."""
    return config.backend == FACTS


def prompt_text(config: CaptionConfig) -> str:
    """The prompt's hash: another text gives other captions, whatever its file is called."""
    return load_prompt(config.prompt).hash if looks(config) else ""


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
