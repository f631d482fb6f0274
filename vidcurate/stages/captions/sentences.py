"""sentences: vectors of each clip's text and of its sentences, for search, topics and scores."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from vidcurate.captioning.current_text import (
    TEXT_LOOKUPS,
    CurrentText,
    TextsChanged,
    current_texts,
)
from vidcurate.captioning.text.cleaning import sentences_of
from vidcurate.captioning.text.language import wrong_language
from vidcurate.clips.caption_vectors import write_caption_vectors
from vidcurate.errors import MediaError
from vidcurate.models.chat.options import ServerConfig
from vidcurate.models.device import model_resources
from vidcurate.models.text import minilm
from vidcurate.models.text.encoder import TextEncoder, TextVectors
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.records import CAPTION_VECTORS, PARTITIONS, VECTORS, CaptionVectors, Clip
from vidcurate.stage import (
    BY_CONTENT,
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
from vidcurate.stages.sources.embed import image_text_model
from vidcurate.store.digests import content_hash

ANY = "any"


class MiniLmConfig(Choice):
    """The sentence encoder MiniLM, on the CPU."""

    name: Literal["minilm"] = "minilm"


class OpenClipTextConfig(Choice):
    """The text half of embed's image-text model."""

    name: Literal["open_clip"] = "open_clip"


class TextModelConfig(Choice):
    """A model of texts that has a name."""

    model: str = option(
        "", "The sentence encoder: OWNER/NAME of the hub, a folder, or a name that the server knows"
    )
    language: str = option(
        ANY,
        "The language that the model knows, by its English name or two-letter code: a text in "
        "another one is a failed row; any for a model of many languages",
        min_length=2,
    )

    @model_validator(mode="after")
    def require_model(self) -> Self:
        """Refuse the backend without a model; raises ValueError."""
        if not self.model:
            raise ValueError(f"backend {self.name} needs a model: set model")
        return self


class TransformersTextConfig(TextModelConfig):
    """A sentence encoder that the transformers library runs."""

    name: Literal["transformers"] = "transformers"
    revision: str = option("", "Branch, tag or commit of a model on the hub; the newest if empty")
    pooling: Literal["mean", "first"] = option(
        "mean",
        "How a text's vector comes from those of its tokens: their mean, or that of the first, as "
        "the model was trained",
    )


class EmbeddingServerConfig(ServerConfig, TextModelConfig):
    """A server with OpenAI's protocol of embeddings."""

    name: Literal["server"] = "server"


class SentencesConfig(StageConfig):
    """What makes the vectors."""

    backend: MiniLmConfig | OpenClipTextConfig | TransformersTextConfig | EmbeddingServerConfig = (
        choice(
            MiniLmConfig,
            "minilm: a small English model on the CPU; open_clip: the text half of embed's "
            "image-text model, whose vectors can be compared with those of pictures; transformers: "
            "a sentence encoder in this process; server: any server with OpenAI's protocol of "
            "embeddings",
        )
    )

    @property
    def text_language(self) -> str:
        """The language that the model knows, or `any`."""
        if isinstance(self.backend, TextModelConfig):
            return self.backend.language
        return minilm.LANGUAGE if isinstance(self.backend, MiniLmConfig) else ANY


OpenEncoder = Callable[[ModelChoice], TextEncoder]


def open_encoder(config: SentencesConfig, _workspace: Workspace) -> OpenEncoder:
    """A function that loads the model when it is first needed, and keeps it.

    What it is given is the model of the pictures' vectors, whose text half `open_clip` is.
    """
    return lru_cache(maxsize=1)(partial(load_encoder, config))


def load_encoder(config: SentencesConfig, pictures: ModelChoice) -> TextEncoder:
    """Load the model that the options name."""
    backend = config.backend
    if isinstance(backend, OpenClipTextConfig):
        from vidcurate.models.text.clip_text import open_clip_text

        return open_clip_text(pictures)
    if isinstance(backend, TransformersTextConfig):
        from vidcurate.models.text.transformers_text import open_transformers_text

        return open_transformers_text(backend.model, backend.revision, backend.pooling)
    if isinstance(backend, EmbeddingServerConfig):
        from vidcurate.models.text.embedding_server import open_embedding_server

        return open_embedding_server(backend)
    return minilm.open_minilm()


@dataclass(frozen=True, slots=True)
class ClipText:
    """A clip with its text, and the image-text model that its video was embedded with, if any."""

    clip: Clip
    current: CurrentText
    pictures: ModelChoice

    @property
    def texts(self) -> tuple[str, ...]:
        """The whole text, then its sentences."""
        return self.current.text, *sentences_of(self.current.text)


def sentences(
    clips: Sequence[Clip], config: SentencesConfig, open_model: OpenEncoder, workspace: Workspace
) -> Iterator[list[CaptionVectors] | MediaError]:
    """Write the vectors of each clip's text and of its sentences.

    Gives MediaError for a clip without a text, with one in a language that the model does not
    know, and without the vectors that its video needs.
    """
    texts = current_texts(clips, workspace)
    inputs = [input_of(clip, texts.get(clip.clip_id), config, workspace) for clip in clips]
    usable = [one for one in inputs if isinstance(one, ClipText)]
    encoded: Iterator[TextVectors | MediaError] = iter(())
    if usable:
        encoded = open_model(usable[0].pictures).encode(one.texts for one in usable)
    for one in inputs:
        if isinstance(one, MediaError):
            yield one
            continue
        found = next(encoded)
        yield found if isinstance(found, MediaError) else [write_row(one, found, config, workspace)]


def input_of(
    clip: Clip, current: CurrentText | None, config: SentencesConfig, workspace: Workspace
) -> ClipText | MediaError:
    """A clip's text, or why it has no vectors."""
    if current is None:
        return MediaError("the clip has no caption: see rows captions --failed")
    if not current.text.strip():
        return MediaError("the clip's caption is empty")
    fault = None
    if config.text_language != ANY:
        fault = wrong_language(current.text, config.text_language)
    if fault is not None:
        return MediaError(
            f"the model knows {config.text_language}, and the caption is in another language: "
            f"{fault}: choose another model by sentences.backend"
        )
    pictures = ModelChoice()
    if isinstance(config.backend, OpenClipTextConfig):
        video = workspace.lookup(VECTORS).get(clip.video_id)
        if video is None:
            return MediaError("the video was not embedded: see rows vectors --failed")
        pictures = ModelChoice(video.model, video.pretrained)
    return ClipText(clip, current, pictures)


def write_row(
    one: ClipText, found: TextVectors, config: SentencesConfig, workspace: Workspace
) -> CaptionVectors:
    """Write a clip's vectors, and give its row."""
    name = f"{one.clip.clip_id}.sentences.parquet"
    write_caption_vectors(workspace.files / name, one.texts, found.vectors)
    return CaptionVectors(
        clip_id=one.clip.clip_id,
        video_id=one.clip.video_id,
        backend=config.backend.name,
        model=model_of(config, one.pictures),
        pretrained=one.pictures.pretrained,
        dimension=found.vectors.shape[1],
        n_sentences=len(one.texts) - 1,
        is_cut=None if found.are_cut is None else found.are_cut[0],
        text_from=one.current.source,
        text_hash=one.current.hash,
        vectors_file=name,
    )


def model_of(config: SentencesConfig, pictures: ModelChoice) -> str:
    """The model as rows name it."""
    if isinstance(config.backend, TextModelConfig):
        return config.backend.model
    return minilm.MODEL if isinstance(config.backend, MiniLmConfig) else pictures.model


def mixed_vectors(_config: SentencesConfig, view: DatasetView) -> str:
    """A warning where a server sent vectors of several lengths in several runs."""
    found = view.scan(CAPTION_VECTORS, ["dimension"])["dimension"]
    lengths = sorted(found.unique().to_pylist())
    if len(lengths) < 2:  # noqa: PLR2004 - one length is as it should be
        return ""
    listed = " and ".join(map(str, lengths))
    return (
        f"sentences: vectors of {listed} numbers lie in one table, so that another model answered "
        "in a later run: remove the folder caption_vectors, and run sentences again"
    )


def model_is_there(config: SentencesConfig, others: Mapping[str, StageConfig]) -> None:
    """Check, before anything is decoded, that the model can be loaded.

    Raises MissingExtraError or UsageError where it cannot.
    """
    backend = config.backend
    if isinstance(backend, MiniLmConfig):
        minilm.require_minilm()
    elif isinstance(backend, TransformersTextConfig):
        from vidcurate.models.transformers_loading import require_transformers

        require_transformers()
    elif isinstance(backend, OpenClipTextConfig):
        from vidcurate.models.vision.clip_embedder import check_choice

        check_choice(image_text_model(others, "sentences with backend open_clip"))
    else:
        from vidcurate.models.server import read_key

        read_key(backend)


def compares_with_pictures(config: SentencesConfig) -> bool:
    """Whether texts get vectors by the model of the pictures."""
    return isinstance(config.backend, OpenClipTextConfig)


def model_content(config: SentencesConfig) -> str:
    """The hash of a model on this machine: other weights under one name give other vectors."""
    backend = config.backend
    if isinstance(backend, MiniLmConfig):
        file = minilm.weights_file()
        return "" if file is None else content_hash(file)
    return content_hash(Path(backend.model)) if isinstance(backend, TransformersTextConfig) else ""


def content_options(config: SentencesConfig) -> Mapping[str, str]:
    """The option that names a model on this machine, if one does."""
    is_named = isinstance(config.backend, TransformersTextConfig)
    return {"model": BY_CONTENT} if is_named and model_content(config) else {}


def worker_resources(config: SentencesConfig) -> Resources:
    """A GPU for the model where there is one; one worker sends all requests to a server."""
    if isinstance(config.backend, EmbeddingServerConfig):
        return Resources(at_most=1)
    if isinstance(config.backend, MiniLmConfig):
        return Resources()
    return model_resources()


def estimated_requests(config: SentencesConfig) -> RequestEstimate | None:
    """To whom requests go, one for each clip; None without a server."""
    backend = config.backend
    if not isinstance(backend, EmbeddingServerConfig):
        return None
    return RequestEstimate(f"{backend.model} at {backend.base_url}", is_minimum=False)


SENTENCES = MapStage(
    name="sentences",
    summary="Make vectors of each clip's text and of its sentences.",
    reads=PARTITIONS,
    writes=CAPTION_VECTORS,
    config=SentencesConfig,
    open=open_encoder,
    run=sentences,
    lookups=(*TEXT_LOOKUPS, Lookup(VECTORS, when=compares_with_pictures)),
    check=model_is_there,
    outdated=TextsChanged(CAPTION_VECTORS),
    finish=Finish(run=mixed_vectors),
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        advice="sentences.backend minilm",
    ),
    version=Version(depends=model_content, contents=content_options),
)
