"""keypoints: finds what is true of a clip by a tree search, for a measure of what captions miss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pyarrow.compute as pc
from pydantic import model_validator

from vidcurate.captioning.clip_input import ClipInput
from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.model_team import ModelTeam
from vidcurate.captioning.options import CaptionConfig, differing_options
from vidcurate.captioning.prompts import Prompt, load_prompt
from vidcurate.captioning.quality.judges import SECOND, Tally
from vidcurate.captioning.quality.judging import keyframes_of
from vidcurate.captioning.quality.keypoint_search import SearchLimits
from vidcurate.captioning.quality.keypoints import (
    KEYPOINT_PROMPTS,
    MIN_REQUESTS,
    N_JUDGES,
    Keypoints,
    find_keypoints,
    judges_of,
)
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.errors import MediaError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Conversation, Frame
from vidcurate.models.chat.options import (
    ChatModelConfig,
    ModelConfig,
    OpenAiConfig,
    model_content,
)
from vidcurate.models.text import minilm
from vidcurate.options import StageConfig, option
from vidcurate.records import KEYFRAMES, KEYPOINTS, PARTITIONS, Clip, ClipKeypoints, Keypoint
from vidcurate.stage import (
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
from vidcurate.store.digests import content_hash


class KeypointsConfig(ChatModelConfig):
    """Who is asked about a clip, and how long."""

    second: str = option(
        "",
        "A second model that checks each point, in what it differs from the other options, as "
        "'model=NAME base_url=URL'; if empty, the one model checks it by two wordings",
    )
    max_requests: int = option(
        120,
        "Requests to the models for each clip, retries not counted",
        unit="requests",
        ge=MIN_REQUESTS,
        le=10_000,
    )
    max_rounds: int = option(25, "Rounds of the search", unit="rounds", ge=1, le=1000)
    branches: int = option(
        2,
        "Questions that follow an answer in a round; with 1 the search is a chain, as in the "
        "published code",
        ge=1,
        le=6,
    )

    @model_validator(mode="after")
    def check_second(self) -> Self:
        """Check the second model's options before anything runs; raises ValueError."""
        try:
            second = self.second_model
        except ValueError as error:
            # The message does not repeat the options: they may contain a key.
            raise ValueError(f"second: {error}") from None
        if second is not None and second == self.backend:
            raise ValueError("second: it is the same model with the same options: leave it empty")
        return self

    @property
    def second_model(self) -> ModelConfig | None:
        """The second model; None without one."""
        if not self.second:
            return None
        return differing_options(ChatModelConfig, self, self.second).backend


@dataclass(frozen=True, slots=True)
class KeypointFinder:
    """The opened models and the prompts."""

    model: ChatModel
    prompts: Mapping[str, Prompt]
    sentences: minilm.MiniLm


def open_finder(config: KeypointsConfig, _workspace: Workspace) -> KeypointFinder:
    """Open the models, once a worker."""
    models = {"": open_chat_model(config.backend)}
    if config.second_model is not None:
        models[SECOND] = open_chat_model(config.second_model)
    model = models[""] if len(models) == 1 else ModelTeam(models)
    return KeypointFinder(model, prompts(), minilm.open_minilm())


def prompts() -> dict[str, Prompt]:
    """The prompts by which the models are asked."""
    return {name: load_prompt(name) for name in KEYPOINT_PROMPTS}


def keypoints(
    clips: Sequence[Clip], config: KeypointsConfig, finder: KeypointFinder, workspace: Workspace
) -> Iterator[list[ClipKeypoints] | MediaError]:
    """Give the key points of each clip, or the reason why there are none."""
    conversations = (search_clip(clip, config, finder, workspace) for clip in clips)
    for result in finder.model.converse(conversations):
        yield result if isinstance(result, MediaError) else [result]


def search_clip(
    clip: Clip, config: KeypointsConfig, finder: KeypointFinder, workspace: Workspace
) -> Conversation[ClipKeypoints]:
    """Prepare the conversation about one clip; its frames are read when it begins."""
    files = keyframes_of(clip.clip_id, workspace)

    def conversation() -> Conversation[ClipKeypoints]:
        from vidcurate.media.io.images import read_as_jpeg

        if not files:
            raise MediaError("the clip has no keyframes: see rows keyframes --failed")
        side = config.backend.max_image_side
        frames = tuple(Frame(t, read_as_jpeg(file, side), clip.start_s) for t, file in files)
        asked = CaptionConfig(backend=OpenAiConfig(model=config.backend.model))
        usage = Usage()
        searching = find_keypoints(
            ClipInput(clip, frames, {}, finder.prompts, asked),
            judges_of(two_models=bool(config.second)),
            SearchLimits(config.max_rounds, config.branches, clip.clip_id),
            config.max_requests,
            lambda texts: finder.sentences.vectors(texts).vectors,
        )
        found = yield from count_usage(searching, usage)
        return as_row(clip, found, usage, config)

    return conversation()


def as_row(clip: Clip, found: Keypoints, usage: Usage, config: KeypointsConfig) -> ClipKeypoints:
    """The row of a clip's key points."""
    votes = [vote for point in found.asked for vote in point.votes]
    answered = [vote for vote in votes if vote.yes is not None]
    both = [p for p in found.asked if all(vote.yes is not None for vote in p.votes)]
    first, second = ([p.votes[n].is_yes for p in both] for n in range(N_JUDGES))
    models = dict.fromkeys(v.model for v in (*found.controls, *answered))
    sources = sorted({v.score_from for v in (*found.controls, *answered)} - {""})
    return ClipKeypoints(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        points=tuple(
            Keypoint(point.text, point.category, point.support, point.rollout)
            for point in found.points
        ),
        n_points=len(found.points),
        n_nodes=found.n_nodes,
        n_rounds=found.n_rollouts,
        is_spent=found.is_spent,
        n_asked=len(found.asked),
        verified_share=share(sum(p.is_verified for p in found.asked), len(found.asked)),
        yes_share=share(sum(vote.is_yes for vote in answered), len(answered)),
        control_yes_share=sum(vote.is_yes for vote in found.controls) / len(found.controls),
        agreement=Tally().plus(first, second).agreement,
        n_unanswered=len(votes) - len(answered),
        failures=found.failures,
        score_from=", ".join(sources),
        sentence_model=minilm.MODEL,
        judge_models=tuple(models),
        backend=config.backend.name,
        model=found.controls[0].model,
        prompt_hash=prompts_hash(config),
        n_requests=usage.n_requests,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=usage.seconds,
    )


def share(part: int, whole: int) -> float | None:
    """A part over the whole; None of nothing."""
    return part / whole if whole else None


def summary(_config: KeypointsConfig, view: DatasetView) -> str:
    """How many points there are, how often judges agree, and whether one says yes to anything."""
    rows = view.scan(KEYPOINTS)
    if not rows.num_rows:
        return "no clip has key points"

    def mean(column: str) -> float:
        return pc.mean(rows[column]).as_py() or 0.0

    requests = pc.sum(rows["n_requests"]).as_py()
    words = (
        f"key points: {mean('n_points'):.1f} a clip by {mean('n_requests'):.1f} requests "
        f"({requests} in all); {mean('verified_share'):.0%} of statements confirmed; judges agree "
        f"on {mean('agreement'):.0%}; base rate of yes {mean('yes_share'):.0%}"
    )
    believed = mean("control_yes_share")
    if believed:
        words += (
            f"; a statement that is false of every clip was confirmed by {believed:.0%} of the "
            "judges: these say yes to anything, and their points are not to be trusted"
        )
    return words


def can_ask(config: KeypointsConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check, before anything is decoded, that the models can be asked and sentences compared.

    Raises MissingExtraError or UsageError where they cannot.
    """
    minilm.require_minilm()
    chat_model.check_chat_model("keypoints", config.backend)
    if config.second_model is not None:
        chat_model.check_chat_model("keypoints", config.second_model)


def models_of(config: KeypointsConfig) -> list[ModelConfig]:
    """The models that are asked."""
    second = config.second_model
    return [config.backend] if second is None else [config.backend, second]


def estimated_requests(config: KeypointsConfig) -> RequestEstimate:
    """To whom requests go, and how many a clip takes at most."""
    to = " and ".join(chat_model.request_estimate(model).to for model in models_of(config))
    return RequestEstimate(to, config.max_requests, is_minimum=False, is_maximum=True)


def worker_resources(config: KeypointsConfig) -> Resources:
    """The resources of a worker that asks all models."""
    return chat_model.chat_resources(models_of(config))


def prompts_hash(_config: KeypointsConfig) -> str:
    """The hashes of the prompts: others find other points."""
    return "-".join(prompt.hash for prompt in prompts().values())


def what_else_decides(config: KeypointsConfig) -> str:
    """The prompts, and the sentence encoder on this machine."""
    file = minilm.weights_file()
    return f"{prompts_hash(config)} {'' if file is None else content_hash(file)}"


def files_named(config: KeypointsConfig) -> Mapping[str, str]:
    """The options that name a model on disk."""
    second = config.second_model
    content = "" if second is None else model_content(second)
    own = file_options(config, config.backend, ())
    return {**own, "second": f"{config.second} {content}"} if content else own


KEYPOINTS_STAGE = MapStage(
    name="keypoints",
    summary="Find what is true of each clip, by questions to a model and checks of its answers.",
    reads=PARTITIONS,
    writes=KEYPOINTS,
    config=KeypointsConfig,
    open=open_finder,
    run=keypoints,
    lookups=(Lookup(KEYFRAMES),),
    check=can_ask,
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        advice="fewer keypoints.max_requests",
    ),
    finish=Finish(run=summary),
    version=Version(depends=what_else_decides, contents=files_named),
    rows_per_part=64,
)
