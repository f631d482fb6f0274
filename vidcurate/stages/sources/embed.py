"""embed: a vector for each proxy of a video, for search, duplicates and similar shots."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from vidcurate.clips.vectors import Vectors, write_video_vectors
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.device import model_resources
from vidcurate.models.vision.embedder import (
    FOLDER,
    HUB,
    Embedder,
    ModelChoice,
    open_embedder,
)
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import SCANS, VECTORS, Scan, VideoVectors
from vidcurate.stage import BY_CONTENT, Cost, MapStage, Resources, Version, Workspace
from vidcurate.store.digests import content_hash


class AppearanceConfig(Choice):
    """Vectors of colours, layout and edges, without a model."""

    name: Literal["appearance"] = "appearance"


class OpenClipEmbedConfig(Choice):
    """Vectors of an image-text model."""

    name: Literal["open_clip"] = "open_clip"
    model: str = option(
        "", "Architecture, such as ViT-B-32; or local-dir:FOLDER; or hf-hub:OWNER/NAME"
    )
    pretrained: str = option("", "Name of the architecture's weights, or a file with them")
    sha256: str = option("", "Refuse a file of weights that has another hash", neutral=True)

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse a model without weights; raises ValueError. Folders and the hub hold both."""
        if not self.model:
            raise ValueError("backend open_clip needs a model, such as ViT-B-32")
        holds_weights = self.model.startswith((FOLDER, HUB))
        if holds_weights and self.pretrained:
            raise ValueError(f"{self.model} holds its own weights: leave out pretrained")
        if not holds_weights and not self.pretrained:
            raise ValueError(
                f"{self.model} needs pretrained: the name of its weights, or a file with them"
            )
        return self


class EmbedConfig(StageConfig):
    """What makes the vectors."""

    backend: AppearanceConfig | OpenClipEmbedConfig = choice(
        AppearanceConfig,
        "appearance: colours, layout and edges, without a model; open_clip: an image-text model",
    )
    batch_size: int = option(
        32, "Proxies embedded at once, across videos", neutral=True, ge=1, le=4096
    )


def embed(
    scans: Sequence[Scan], config: EmbedConfig, embedder: Embedder, workspace: Workspace
) -> Iterator[list[VideoVectors] | MediaError]:
    """Make the vectors of each video, one for each proxy; batches go across videos.

    Raises MediaError for a video with a damaged proxy.
    """
    videos = [read_proxies(scan, workspace) for scan in scans]
    jpegs = (
        jpeg.as_py() for video in videos if isinstance(video, pa.Table) for jpeg in video["jpeg"]
    )
    vectors = embed_in_batches(jpegs, embedder, config.batch_size)
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
                backend=config.backend.name,
                model=chosen(config).model,
                pretrained=chosen(config).pretrained,
                dimension=own.shape[1],
                n_vectors=len(own),
                vectors_file=name,
            )
        ]


def read_proxies(scan: Scan, workspace: Workspace) -> pa.Table | MediaError:
    """Read times and JPEGs of a video's proxies, memory-mapped, or return why that fails."""
    from vidcurate.media.scan.files import read_samples

    try:
        return read_samples(workspace.file_of(SCANS, scan.samples_file), ("pts", "jpeg"))
    except MediaError as fault:
        return fault


def embed_in_batches(
    images: Iterable[bytes], embedder: Embedder, batch_size: int
) -> Iterator[Vectors]:
    """Yield the vector of each image, in order."""
    waiting = iter(images)
    while batch := list(islice(waiting, batch_size)):
        yield from embedder.image_vectors(batch)


def chosen(config: EmbedConfig) -> ModelChoice:
    """Return the model that the options name."""
    backend = config.backend
    if not isinstance(backend, OpenClipEmbedConfig):
        return ModelChoice("", "", "")
    return ModelChoice(backend.model, backend.pretrained, backend.sha256)


def open_chosen(config: EmbedConfig, _workspace: Workspace) -> Embedder:
    """Open the embedder that the options name."""
    return open_embedder(config.backend.name, chosen(config))


def model_is_there(config: EmbedConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check that the model can be loaded, before a video is decoded; raises UsageError."""
    if isinstance(config.backend, OpenClipEmbedConfig):
        from vidcurate.models.vision.clip_embedder import check_choice

        check_choice(chosen(config))


def image_text_model(others: Mapping[str, StageConfig], stage: str) -> ModelChoice:
    """Return the image-text model that makes the vectors, for a stage that needs one.

    Raises UsageError where embed has another backend.
    """
    embedding = others["embed"]
    assert isinstance(embedding, EmbedConfig)
    if not isinstance(embedding.backend, OpenClipEmbedConfig):
        raise UsageError(
            f"{stage} needs vectors of an image-text model, and embed.backend is "
            f"{embedding.backend.name}: set it to open_clip, with embed.model and embed.pretrained"
        )
    return chosen(embedding)


def weights_content(config: EmbedConfig) -> str:
    """Hash the weights on disk: other weights under the same path give other vectors."""
    model = chosen(config)
    named = model.pretrained or model.model.removeprefix(FOLDER)
    return content_hash(Path(named)) if named else ""


def content_options(config: EmbedConfig) -> Mapping[str, str]:
    """Return the option that names weights on disk, if one does."""
    name = "pretrained" if chosen(config).pretrained else "model"
    return {name: BY_CONTENT} if weights_content(config) else {}


def resources(config: EmbedConfig) -> Resources:
    """Put a model into one worker if there is a GPU."""
    return model_resources() if isinstance(config.backend, OpenClipEmbedConfig) else Resources()


EMBED = MapStage(
    name="embed",
    summary="Make a vector of each proxy, for search, duplicates and similar shots.",
    reads=SCANS,
    writes=VECTORS,
    config=EmbedConfig,
    open=open_chosen,
    run=embed,
    check=model_is_there,
    rows_per_part=16,
    cost=Cost(
        resources=resources, advice="embed.backend appearance, or a larger scan.sample_interval_s"
    ),
    version=Version(depends=weights_content, contents=content_options),
)
