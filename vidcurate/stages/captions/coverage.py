"""coverage: measures how much of a clip's key points its text says, by a model that reads both.

A stage of its own, so that another text asks for its coverage again, and not for the key points.
"""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow.compute as pc

from vidcurate.captioning.current_text import (
    TEXT_LOOKUPS,
    CurrentText,
    TextsChanged,
    current_texts,
)
from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.quality.event_agreement import (
    CONTRADICTED,
    ENTAILED,
    NEUTRAL,
    CheckedItems,
    check_items,
)
from vidcurate.captioning.quality.judges import Judges
from vidcurate.captioning.text.json_answer import JSON_PROMPTS
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Conversation
from vidcurate.models.chat.options import ChatModelConfig
from vidcurate.options import StageConfig
from vidcurate.records import COVERAGE, KEYPOINTS, PARTITIONS, Clip, ClipKeypoints, Coverage
from vidcurate.stage import (
    Cost,
    DatasetView,
    Finish,
    Lookup,
    MapStage,
    Version,
    Workspace,
)

POINTS_EACH = 30  # in one request
PROMPTS = ("entail", *JSON_PROMPTS)


class CoverageConfig(ChatModelConfig):
    """Who reads the texts."""


def open_reader(config: CoverageConfig, _workspace: Workspace) -> ChatModel:
    """Open the model, once a worker."""
    return open_chat_model(config.backend)


def coverage(
    clips: Sequence[Clip], config: CoverageConfig, model: ChatModel, workspace: Workspace
) -> Iterator[list[Coverage] | MediaError]:
    """Give what each clip's text says of its key points."""
    texts = current_texts(clips, workspace)
    points = workspace.lookup(KEYPOINTS)
    conversations = (
        cover(clip, texts.get(clip.clip_id), points.get(clip.clip_id), config) for clip in clips
    )
    for result in model.converse(conversations):
        yield result if isinstance(result, MediaError) else [result]


def cover(
    clip: Clip, current: CurrentText | None, found: ClipKeypoints | None, config: CoverageConfig
) -> Conversation[Coverage]:
    """The conversation about one clip.

    Raises MediaError for a clip without a text or without a row of key points.
    """
    if current is None:
        raise MediaError("the clip has no caption: see rows captions --failed")
    if found is None:
        raise MediaError("the clip has no key points: see rows keypoints --failed")
    usage = Usage()
    points = [point.text for point in found.points]
    checked = yield from count_usage(check_points(points, current.text), usage)
    return Coverage(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        coverage=checked.share(ENTAILED),
        contradicted_share=checked.share(CONTRADICTED),
        n_points=len(points),
        missing=checked.having(NEUTRAL),
        contradicted=checked.having(CONTRADICTED),
        text_from=current.source,
        text_hash=current.hash,
        backend=config.backend.name,
        model=usage.model,
        prompt_hash=prompts_hash(config),
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
    )


def check_points(points: Sequence[str], text: str) -> Conversation[CheckedItems]:
    """Ask which points a text says, 30 in a request; an empty text says none, and is not asked."""
    verdicts: list[str] = []
    for start in range(0, len(points), POINTS_EACH):
        asked = yield from check_items(points[start : start + POINTS_EACH], text, Judges())
        verdicts += asked.verdicts
    return CheckedItems(tuple(points), tuple(verdicts))


def summary(_config: CoverageConfig, view: DatasetView) -> str:
    """The mean share of key points that texts say, and contradict."""
    rows = view.scan(COVERAGE, ["coverage", "contradicted_share"])
    said, denied = (pc.mean(rows[c]).as_py() for c in ("coverage", "contradicted_share"))
    if said is None:
        return "no clip has key points that a text could say"
    return f"texts say {said:.0%} of their clips' key points, and contradict {denied:.0%}"


def can_ask(config: CoverageConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where the backend cannot run."""
    chat_model.check_chat_model("coverage", config.backend)


def prompts_hash(_config: CoverageConfig) -> str:
    """The hashes of the prompts."""
    return "-".join(load_prompt(name).hash for name in PROMPTS)


def files_named(config: CoverageConfig) -> Mapping[str, str]:
    """The option that names a model on disk."""
    return file_options(config, config.backend, ())


COVERAGE_STAGE = MapStage(
    name="coverage",
    summary="Measure how much of a clip's key points its text says.",
    reads=PARTITIONS,
    writes=COVERAGE,
    config=CoverageConfig,
    open=open_reader,
    run=coverage,
    lookups=(*TEXT_LOOKUPS, Lookup(KEYPOINTS)),
    check=can_ask,
    outdated=TextsChanged(COVERAGE),
    finish=Finish(run=summary),
    cost=Cost(
        resources=chat_model.stage_resources,
        requests=chat_model.stage_requests,
        advice="fewer keypoints.max_requests",
    ),
    version=Version(depends=prompts_hash, contents=files_named),
)
