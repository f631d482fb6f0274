"""perception: how well each clip's picture is made, in words, by its container and by a model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.perceiving import Perceived, SeenPictures, load_prompts, perceive
from vidcurate.captioning.prompts import Prompt
from vidcurate.captioning.templates.perceived import ATTRIBUTES, container_hints
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.clips.frame_pairs import frame_pairs
from vidcurate.clips.windows import window
from vidcurate.errors import MediaError
from vidcurate.media.io.content import video_path
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import (
    Conversation,
    Frame,
    ModelRequest,
    Outcome,
    run_conversation,
)
from vidcurate.models.chat.options import (
    BACKENDS_IN_WORDS,
    OpenAiConfig,
    OptionalModelConfig,
    TransformersConfig,
    VllmConfig,
    uses_model,
)
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import CLIPS, PERCEPTION, SCANS, SOURCES, VIDEOS, Clip, Perception, Video
from vidcurate.stage import (
    Cost,
    Lookup,
    MapStage,
    RequestEstimate,
    Resources,
    Version,
    Workspace,
)

if TYPE_CHECKING:
    from vidcurate.media.visual.mosaic import Image, Mosaics

N_REQUESTS = 3
MOST_FRAMES = 4  # whole frames that a model is shown: mosaics have the detail
MOSAIC_QUALITY = 98  # of the JPEG that a model gets, which must not add faults of its own


class ContainerConfig(Choice):
    """What the container says alone, without a model."""

    name: Literal["container"] = "container"


class PerceptionConfig(OptionalModelConfig):
    """Who looks at the picture, and at how many places."""

    backend: ContainerConfig | OpenAiConfig | TransformersConfig | VllmConfig = choice(
        ContainerConfig,
        "container: what the container says, without a decode; the others also ask a model that "
        f"looks at frames and at mosaics of what changes; {BACKENDS_IN_WORDS}",
    )
    pairs_per_second: float = option(
        2.0, "Pairs of neighbouring frames that are compared", unit="pairs/s", gt=0, le=60
    )
    max_pairs: int = option(8, "Pairs of a clip, evenly spread", unit="pairs", ge=1, le=256)
    keep_mosaics: bool = option(False, "Keep the mosaics as PNG files, to look at them")


@dataclass(frozen=True, slots=True)
class Perceiver:
    """The opened model, None without, and its prompts."""

    model: ChatModel | None
    prompts: Mapping[str, Prompt]


def open_perceiver(config: PerceptionConfig, _workspace: Workspace) -> Perceiver:
    """Open the backend, once a worker."""
    if config.chat is None:
        return Perceiver(None, {})
    return Perceiver(open_chat_model(config.chat), load_prompts())


def perception(
    clips: Sequence[Clip], config: PerceptionConfig, opened: Perceiver, workspace: Workspace
) -> Iterator[list[Perception] | MediaError]:
    """Give one row for each clip, or the reason why there is none."""
    conversations = (perceive_clip(clip, config, opened, workspace) for clip in clips)
    results = (
        opened.model.converse(conversations)
        if opened.model
        else (run_conversation(conversation, no_model) for conversation in conversations)
    )
    for result in results:
        yield result if isinstance(result, MediaError) else [result]


def no_model(request: ModelRequest) -> Outcome:
    """Refuse a request: the container sends none."""
    raise AssertionError(request)


@dataclass(frozen=True, slots=True)
class ClipSource:
    """Where a clip's frames are, and the presentation times of the pairs that are compared."""

    path: Path
    video: Video
    offsets: tuple[int, ...]
    pairs: Sequence[tuple[int, int]]


@dataclass(slots=True)
class ClipPictures:
    """What is made of a clip's frames: pictures for a model, and the mosaics that were kept."""

    n_pairs: int = 0
    frames: list[Frame] = field(default_factory=list)
    residuals: list[Frame] = field(default_factory=list)
    fragments: list[Frame] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def seen(self) -> SeenPictures:
        """The pictures as a model is shown them."""
        return SeenPictures(tuple(self.frames), tuple(self.residuals), tuple(self.fragments))


def perceive_clip(
    clip: Clip, config: PerceptionConfig, opened: Perceiver, workspace: Workspace
) -> Conversation[Perception]:
    """Prepare the conversation about one clip; its frames are decoded when it begins."""
    video = workspace.lookup(VIDEOS)[clip.video_id]
    looks = opened.model is not None or config.keep_mosaics

    def conversation() -> Conversation[Perception]:
        hints, usage = container_hints(video), Usage()
        pictures, perceived = ClipPictures(), None
        if looks:
            source = source_of(clip, config, workspace)
            pictures = pictures_of(clip, source, config, workspace.files)
        if opened.model is not None:
            asked = perceive(pictures.seen, clip.duration_s, hints, opened.prompts)
            perceived = yield from count_usage(asked, usage)
        return as_row(clip, config, hints, pictures, perceived, usage)

    return conversation()


def source_of(clip: Clip, config: PerceptionConfig, workspace: Workspace) -> ClipSource:
    """Choose the pairs of a clip's frames by the times that scan found.

    Raises MediaError for a clip of one frame, and where a file is gone.
    """
    from vidcurate.media.scan.files import read_frames

    scan = workspace.lookup(SCANS)[clip.video_id]
    frames = window(read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",)), clip)
    pairs = frame_pairs(
        frames["pts"].to_numpy(), clip.time_base, config.pairs_per_second, config.max_pairs
    )
    path = video_path(workspace.lookup(SOURCES)[clip.video_id])
    return ClipSource(path, workspace.lookup(VIDEOS)[clip.video_id], scan.clock_offsets, pairs)


def pictures_of(
    clip: Clip, source: ClipSource, config: PerceptionConfig, folder: Path
) -> ClipPictures:
    """Decode a clip's pairs once, and make frames and mosaics of them.

    Raises MediaError where a frame cannot be decoded.
    """
    from vidcurate.media.io.frames import read_images
    from vidcurate.media.io.images import encode_jpeg, shrink_image
    from vidcurate.media.visual.mosaic import mosaics

    before_of = {after: before for before, after in source.pairs}
    firsts = [before for before, _ in source.pairs]
    shown = set(firsts[:: -(-len(firsts) // MOST_FRAMES)]) if config.chat else set()
    max_side = config.chat.max_image_side if config.chat else None
    found = ClipPictures(len(firsts))
    waiting: dict[int, Image] = {}
    every = sorted({*firsts, *before_of})
    for pts, image in read_images(source.path, source.video, every, source.offsets):
        time_s = float(pts * clip.time_base)
        if pts in shown:
            jpeg = encode_jpeg(shrink_image(image, max_side))
            found.frames.append(Frame(time_s, jpeg, clip.start_s))
        if pts in before_of:
            made = mosaics(waiting.pop(before_of[pts]), image)
            found.residuals.append(mosaic_frame(made.residual, time_s, clip))
            found.fragments.append(mosaic_frame(made.fragment, time_s, clip))
            if config.keep_mosaics:
                found.files += keep_mosaics(made, f"{clip.clip_id}-{pts}", folder)
        if pts in firsts:
            waiting[pts] = image
    return found


def mosaic_frame(mosaic: "Image", time_s: float, clip: Clip) -> Frame:
    """A mosaic as a model is shown it."""
    from vidcurate.media.io.images import encode_jpeg

    return Frame(time_s, encode_jpeg(mosaic, MOSAIC_QUALITY), clip.start_s)


def keep_mosaics(made: "Mosaics", name: str, folder: Path) -> list[str]:
    """Write the mosaics of a pair as PNG files; returns their names."""
    from vidcurate.media.io.images import write_image

    named = {f"{name}-residual.png": made.residual, f"{name}-fragment.png": made.fragment}
    for file, picture in named.items():
        write_image(picture, folder / file, "png")
    return list(named)


def as_row(
    clip: Clip,
    config: PerceptionConfig,
    hints: tuple[str, ...],
    pictures: ClipPictures,
    perceived: Perceived | None,
    usage: Usage,
) -> Perception:
    """A clip's row."""
    levels = perceived.levels if perceived else {}
    return Perception(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        backend=config.backend.name,
        model=usage.model,
        prompt_hash=prompt_text(config),
        hints=hints,
        n_pairs=pictures.n_pairs,
        quality_text=perceived.text if perceived else None,
        **{name: levels.get(name) for name in ATTRIBUTES},
        residual_words=perceived.residual_words if perceived else (),
        fragment_words=perceived.fragment_words if perceived else (),
        mosaics=tuple(pictures.files),
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
    )


def prompt_text(config: PerceptionConfig) -> str:
    """The hashes of the prompts; "" without a model."""
    return "-".join(p.hash for p in load_prompts().values()) if uses_model(config) else ""


def files_named(config: PerceptionConfig) -> Mapping[str, str]:
    """The option that names a model on disk."""
    return file_options(config, config.chat, ())


def can_ask(config: PerceptionConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where the backend cannot run."""
    if config.chat:
        chat_model.check_chat_model("perception", config.chat)


def estimated_requests(config: PerceptionConfig) -> RequestEstimate | None:
    """Which model looks: three requests a clip, and one more for each faulty JSON."""
    return chat_model.request_estimate(config.chat, N_REQUESTS) if config.chat else None


def worker_resources(config: PerceptionConfig) -> Resources:
    """The resources of a worker: few without a model, else those of the model."""
    return chat_model.chat_resources([config.chat]) if config.chat else Resources()


def time_limit_s(clip: Clip, _config: PerceptionConfig) -> float:
    """Return the seconds after which decoding counts as stuck."""
    return 3600 + 10 * clip.end_s


PERCEPTION_STAGE = MapStage(
    name="perception",
    summary="Say how well each clip's picture is made, by its container and, if asked, a model.",
    reads=CLIPS,
    writes=PERCEPTION,
    config=PerceptionConfig,
    open=open_perceiver,
    run=perception,
    lookups=(Lookup(SOURCES), Lookup(VIDEOS), Lookup(SCANS)),
    check=can_ask,
    rows_per_part=64,
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        advice="a smaller perception.max_pairs, or stricter filter.rules on cheaper scores",
        time_limit=time_limit_s,
        is_expensive=True,
    ),
    version=Version(depends=prompt_text, contents=files_named),
)
