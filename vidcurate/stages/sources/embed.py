"""embed: a vector for each proxy of a video, whatever its clips; search and duplicates read it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from vidcurate.clips.vectors import Vectors, write_video_vectors
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.embedder import (
    FOLDER,
    HUB,
    Backend,
    Embedder,
    ModelChoice,
    open_embedder,
)
from vidcurate.records import SCANS, VECTORS, Scan, VideoVectors
from vidcurate.stage import (
    BY_CONTENT,
    Cost,
    MapStage,
    Resources,
    StageConfig,
    Version,
    Workspace,
    option,
)
from vidcurate.store.digests import content_hash


class EmbedConfig(StageConfig):
    """What makes the vectors."""

    backend: Backend = option(
        "appearance",
        "appearance: colours, layout and edges, without a model; open_clip: an image-text model",
    )
    model: str = option(
        "", "open_clip: architecture, as ViT-B-32; or local-dir:FOLDER, or hf-hub:OWNER/NAME"
    )
    pretrained: str = option("", "open_clip: name of the architecture's weights, or their file")
    sha256: str = option("", "open_clip: refuse a file of weights with another hash", neutral=True)
    batch_size: int = option(
        32, "Proxies embedded at once, across videos", neutral=True, ge=1, le=4096
    )

    @model_validator(mode="after")
    def model_is_named(self) -> "EmbedConfig":
        """A model is an architecture and its weights; folders and the hub hold both."""
        if self.backend == "open_clip" and not self.model:
            raise ValueError("backend open_clip needs a model, as ViT-B-32")
        with_weights = self.model.startswith((FOLDER, HUB))
        if self.backend == "open_clip" and bool(self.pretrained) == with_weights:
            raise ValueError(
                "an architecture needs pretrained, its weights' name or file; "
                "local-dir: and hf-hub: bring their own"
            )
        return self


def embed(
    scans: Sequence[Scan], config: EmbedConfig, embedder: Embedder, workspace: Workspace
) -> Iterator[list[VideoVectors] | MediaError]:
    """The vectors of each video, one for each proxy; batches go across videos.

    Raises MediaError for a video with a damaged proxy.
    """
    videos = [proxies_of(scan, workspace) for scan in scans]
    jpegs = (
        jpeg.as_py() for video in videos if isinstance(video, pa.Table) for jpeg in video["jpeg"]
    )
    vectors = in_batches(jpegs, embedder, config.batch_size)
    for scan, video in zip(scans, videos, strict=True):
        if isinstance(video, MediaError):
            yield video
            continue
        own = np.stack(list(islice(vectors, video.num_rows)))
        if not np.isfinite(own).all():
            yield MediaError("the model gave a vector that is not a number for some proxy")
            continue
        name = f"{scan.video_id}.vectors.parquet"
        write_video_vectors(workspace.files / name, video["pts"].to_pylist(), own)
        yield [
            VideoVectors(
                video_id=scan.video_id,
                backend=config.backend,
                model=config.model,
                pretrained=config.pretrained,
                dimension=own.shape[1],
                n_vectors=len(own),
                vectors_file=name,
            )
        ]


def proxies_of(scan: Scan, workspace: Workspace) -> pa.Table | MediaError:
    """Times and JPEGs of a video's proxies, memory-mapped, or why they cannot be read."""
    from vidcurate.media.scan.scanner import read_samples

    try:
        return read_samples(workspace.file_of(SCANS, scan.samples_file), ("pts", "jpeg"))
    except MediaError as fault:
        return fault


def in_batches(images: Iterable[bytes], embedder: Embedder, batch_size: int) -> Iterator[Vectors]:
    """The vector of each image, in order."""
    waiting = iter(images)
    while batch := list(islice(waiting, batch_size)):
        yield from embedder.image_vectors(batch)


def chosen(config: EmbedConfig) -> ModelChoice:
    """The model that the options name."""
    return ModelChoice(config.model, config.pretrained, config.sha256)


def open_chosen(config: EmbedConfig, _workspace: Workspace) -> Embedder:
    """The embedder that the options name."""
    return open_embedder(config.backend, chosen(config))


def model_is_there(config: EmbedConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError for a model that cannot be had, before a video is decoded."""
    if config.backend == "open_clip":
        from vidcurate.models.vision.clip_embedder import check_choice

        check_choice(chosen(config))


def image_text_model(others: Mapping[str, StageConfig], stage: str) -> ModelChoice:
    """The image-text model that makes the vectors, for a stage that cannot use any other.

    Raises UsageError where embed has another backend.
    """
    embedding = others["embed"]
    assert isinstance(embedding, EmbedConfig)
    if embedding.backend != "open_clip":
        raise UsageError(
            f"{stage} needs vectors of an image-text model, and embed.backend is "
            f"{embedding.backend}: set it to open_clip, with embed.model and embed.pretrained"
        )
    return chosen(embedding)


def weights_content(config: EmbedConfig) -> str:
    """What weights on disk hold: others under the same path give other vectors."""
    if config.backend != "open_clip":
        return ""
    return content_hash(Path(config.pretrained or config.model.removeprefix(FOLDER)))


def weights_named(config: EmbedConfig) -> Mapping[str, str]:
    """The option that names weights on disk, if one does."""
    name = "pretrained" if config.pretrained else "model"
    return {name: BY_CONTENT} if weights_content(config) else {}


def seats(config: EmbedConfig) -> Resources:
    """A model sits in one worker if there is a GPU."""
    return model_resources() if config.backend == "open_clip" else Resources()


EMBED = MapStage(
    name="embed",
    summary="Make a vector of each proxy, for search, duplicates and like shots.",
    reads=SCANS,
    writes=VECTORS,
    config=EmbedConfig,
    open=open_chosen,
    run=embed,
    check=model_is_there,
    rows_per_part=16,
    cost=Cost(
        resources=seats, advice="embed.backend appearance, or a larger scan.sample_interval_s"
    ),
    version=Version(depends=weights_content, contents=weights_named),
)
