"""spoken: sentences of what is done, made of what is said, and moved to where the picture shows it.

After HowToCaption (Shvetsova et al. 2024).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from vidcurate.captioning.file_options import file_options
from vidcurate.captioning.prompts import Prompt, fill_prompt, load_prompt
from vidcurate.captioning.spoken_lines import (
    SaidSentence,
    SpokenBlock,
    blocks_of,
    joined,
    lines_of,
    read_sentences,
)
from vidcurate.captioning.text.language import is_english, wrong_language
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.clips.realignment import Place, best_place
from vidcurate.clips.words import read_words, words_of
from vidcurate.errors import MediaError, ServerError, UsageError
from vidcurate.models.chat import backends as chat_model
from vidcurate.models.chat.backends import ChatModel, open_chat_model
from vidcurate.models.chat.conversation import Answer, Conversation, ModelRequest, answer_text
from vidcurate.models.chat.options import ChatModelConfig
from vidcurate.models.text.encoder import TextEncoder
from vidcurate.models.text.minilm import open_minilm
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    CAPTION_VECTORS,
    PARTITIONS,
    SCANS,
    SPOKEN,
    TRANSCRIPTS,
    VECTORS,
    Scan,
    SpokenSentence,
    Transcript,
)
from vidcurate.stage import (
    Cost,
    Drop,
    Incomplete,
    Lookup,
    Loss,
    MapStage,
    Version,
    Workspace,
)
from vidcurate.stages.captions.sentences import MiniLmConfig, OpenClipTextConfig, SentencesConfig
from vidcurate.stages.sources.embed import image_text_model
from vidcurate.stages.sources.spoken_comparison import (
    Against,
    Compared,
    OpenTextModel,
    compared_with,
    cosines_of,
    end_of,
)

# A sentence stands for so long from its second on, and is sought around the middle.
SENTENCE_S = 8
NO_CLIP = "no clip of the video is kept, whose caption could tell where a sentence shows"
LOST_BLOCK = "speech of which the model made no sentence"


class SpokenConfig(ChatModelConfig):
    """Who makes sentences of what is said, and what tells where they show."""

    prompt: str = option("spoken", "Name of a built-in prompt, or a text file")
    language: str = option("English", "Language of the sentences", min_length=2)
    max_words: int = option(
        200, "Words that the model is given in one request", unit="words", ge=10, le=10_000
    )
    against: Against = option(
        "frames",
        "What sentences are compared with to find where they show: the frames' vectors of embed's "
        "image-text model, the vectors of clips' captions that sentences makes, or both, added",
    )
    max_shift_s: int = option(
        10, "How far a sentence is moved from where it is said", unit="seconds", ge=0, le=600
    )
    span_s: int = option(
        8, "Length of the span that a sentence is compared with", unit="seconds", ge=1, le=600
    )


@dataclass(frozen=True, slots=True)
class SpokenWriter:
    """The opened model, its prompt, and what opens the models of texts."""

    model: ChatModel
    prompt: Prompt
    open_text_model: OpenTextModel


def open_writer(config: SpokenConfig, _workspace: Workspace) -> SpokenWriter:
    """Open the model, once a worker; those of texts are opened when a video needs them."""
    return SpokenWriter(
        open_chat_model(config.backend),
        load_prompt(config.prompt),
        lru_cache(maxsize=2)(open_text_model),
    )


def open_text_model(backend: str, choice: ModelChoice) -> TextEncoder:
    """Open the model that made vectors, to make those of sentences."""
    if backend == MiniLmConfig().name:
        return open_minilm()
    from vidcurate.models.text.clip_text import open_clip_text

    return open_clip_text(choice)


@dataclass(frozen=True, slots=True)
class SpokenVideo:
    """A video's speech in blocks, and what its sentences are compared with."""

    scan: Scan
    blocks: tuple[SpokenBlock, ...]
    compared: tuple[Compared, ...]

    @property
    def video_id(self) -> str:
        """The video."""
        return self.scan.video_id

    @property
    def end_s(self) -> float:
        """The video's end."""
        return end_of(self.scan)


@dataclass(frozen=True, slots=True)
class BlockAnswer:
    """The sentences that a model made of a block."""

    sentences: tuple[SaidSentence, ...]
    model: str


def spoken(
    transcripts: Sequence[Transcript],
    config: SpokenConfig,
    writer: SpokenWriter,
    workspace: Workspace,
) -> Iterator[Incomplete[SpokenSentence] | Drop | MediaError]:
    """Make the sentences of each video; the blocks of all videos are asked for together.

    Gives Drop where nothing is said or nothing of it can be seen, and where captions are needed and
    no clip is kept; MediaError for a video without the vectors that it needs, and where the model
    gives no sentence at all.
    """
    videos = [open_video(row, config, writer, workspace) for row in transcripts]
    blocks = (
        (video, block)
        for video in videos
        if isinstance(video, SpokenVideo)
        for block in video.blocks
    )
    results = writer.model.converse(
        ask_about(block, video.end_s, config, writer.prompt) for video, block in blocks
    )
    for video in videos:
        if isinstance(video, SpokenVideo):
            yield result_of(video, [next(results) for _ in video.blocks], config, writer.prompt)
        else:
            yield video


def open_video(
    transcript: Transcript, config: SpokenConfig, writer: SpokenWriter, workspace: Workspace
) -> SpokenVideo | Drop | MediaError:
    """A video's speech and vectors, or why there are no sentences; nothing is asked for yet."""
    if not transcript.n_words:
        return Drop("nobody says a word")
    scan = workspace.lookup(SCANS).get(transcript.video_id)
    if scan is None:
        return MediaError("the video was not scanned: see rows scans --failed")
    if uses_captions(config) and not workspace.lookup_all(PARTITIONS).get(scan.video_id):
        return Drop(NO_CLIP)
    try:
        words = words_of(read_words(workspace.file_of(TRANSCRIPTS, transcript.words_file)))
        compared = compared_with(scan, config.against, writer.open_text_model, workspace)
    except MediaError as fault:
        return fault
    blocks = blocks_of(lines_of(words, config.max_words), config.max_words)
    return SpokenVideo(scan, tuple(blocks), compared)


def ask_about(
    block: SpokenBlock, end_s: float, config: SpokenConfig, prompt: Prompt
) -> Conversation[BlockAnswer]:
    """Hold the conversation about one block: one request.

    Raises MediaError for an answer that holds no sentence, or is in another language.
    """
    usage = Usage()
    text = fill_prompt(prompt, {"heard": block.text, "language": config.language})
    answer = yield from count_usage(one_request(text), usage)
    said = answer_text(answer)
    if answer.status == "truncated":  # the last line breaks off
        said = said.rpartition("\n")[0]
    sentences = read_sentences(said, block, end_s)
    fault = wrong_language(joined(sentences), config.language)
    if fault is not None:
        raise MediaError(f"the model's sentences are not in {config.language}: {fault}")
    return BlockAnswer(tuple(sentences), usage.model)


def one_request(text: str) -> Conversation[Answer]:
    """Ask once, by text alone."""
    answer = yield ModelRequest((text,))
    return answer


def result_of(
    video: SpokenVideo,
    answers: Sequence[BlockAnswer | MediaError],
    config: SpokenConfig,
    prompt: Prompt,
) -> Incomplete[SpokenSentence] | Drop | MediaError:
    """The rows of a video; blocks that failed are losses, and a server's fault fails it."""
    faults = [answer for answer in answers if isinstance(answer, MediaError)]
    down = next((fault for fault in faults if isinstance(fault, ServerError)), None)
    if down is not None or len(faults) == len(answers):
        return down or faults[0]
    lost = [
        block.end_s - block.start_s
        for block, answer in zip(video.blocks, answers, strict=True)
        if isinstance(answer, MediaError)
    ]
    losses = (Loss(LOST_BLOCK, len(lost), sum(lost)),) if lost else ()
    said = [
        (sentence, answer.model)
        for answer in answers
        if isinstance(answer, BlockAnswer)
        for sentence in answer.sentences
    ]
    if not said:
        return Drop("nothing that is said can be seen", losses)
    try:
        return Incomplete(list(rows_of(video, said, config, prompt)), losses)
    except MediaError as fault:
        return fault


def rows_of(
    video: SpokenVideo,
    said: Sequence[tuple[SaidSentence, str]],
    config: SpokenConfig,
    prompt: Prompt,
) -> Iterator[SpokenSentence]:
    """The row of each sentence, at the place where it shows best."""
    series = cosines_of([sentence.text for sentence, _ in said], video.compared)
    for number, ((sentence, model), cosines) in enumerate(zip(said, series, strict=True)):
        guess = sentence.second + SENTENCE_S // 2
        place = best_place(cosines, guess, config.max_shift_s, config.span_s)
        start_s, end_s = span_around(place, config.span_s, video.end_s)
        yield SpokenSentence(
            spoken_id=f"{video.video_id}-{sentence.second}-{number}",
            video_id=video.video_id,
            text=sentence.text,
            said_start_s=float(sentence.second),
            said_end_s=min(float(sentence.second + SENTENCE_S), video.end_s),
            is_moved=sentence.is_moved,
            guess_s=min(float(guess), video.end_s),
            start_s=start_s,
            end_s=end_s,
            similarity=place.similarity,
            aligned_by=" and ".join(one.name for one in video.compared),
            language=config.language,
            backend=config.backend.name,
            model=model,
            prompt_hash=prompt.hash,
        )


def span_around(place: Place, span_s: int, end_s: float) -> tuple[float, float]:
    """The span around a second, within the video."""
    start = max(0, place.second - (span_s + 1) // 2)
    return float(start), min(float(place.second + span_s // 2), end_s)


def uses_frames(config: SpokenConfig) -> bool:
    """Whether sentences are compared with frames."""
    return config.against != "captions"


def uses_captions(config: SpokenConfig) -> bool:
    """Whether sentences are compared with captions."""
    return config.against != "frames"


def can_ask_and_compare(config: SpokenConfig, others: Mapping[str, StageConfig]) -> None:
    """Raise UsageError where the backend cannot run, or sentences cannot be compared."""
    chat_model.check_chat_model("spoken", config.backend)
    if uses_frames(config):
        from vidcurate.models.vision.clip_embedder import check_choice

        check_choice(image_text_model(others, "spoken against frames"))
    if uses_captions(config):
        check_caption_vectors(config, others["sentences"])


def check_caption_vectors(config: SpokenConfig, made_by: StageConfig) -> None:
    """Raise UsageError where sentences of speech get no vectors like those of captions."""
    assert isinstance(made_by, SentencesConfig)
    backend = made_by.backend
    if not isinstance(backend, MiniLmConfig | OpenClipTextConfig):
        raise UsageError(
            "spoken against captions needs vectors by minilm or open_clip, and sentences.backend "
            f"is {backend.name}"
        )
    if isinstance(backend, MiniLmConfig) and not is_english(config.language):
        raise UsageError(
            f"spoken.language is {config.language}, and the vectors of captions are by minilm, "
            "which knows only English"
        )


def files_named(config: SpokenConfig) -> Mapping[str, str]:
    """The options that name a prompt or a model on disk."""
    return file_options(config, config.backend, ("prompt",))


def prompt_text(config: SpokenConfig) -> str:
    """The hash of the prompt: another text gives other sentences, whatever its file is called."""
    return load_prompt(config.prompt).hash


SPOKEN_STAGE = MapStage(
    name="spoken",
    summary="Make sentences of what is said, each with the span of the video that shows it.",
    reads=TRANSCRIPTS,
    writes=SPOKEN,
    config=SpokenConfig,
    open=open_writer,
    run=spoken,
    lookups=(
        Lookup(SCANS),
        Lookup(VECTORS, when=uses_frames),
        Lookup(CAPTION_VECTORS, by="video_id", when=uses_captions),
        Lookup(PARTITIONS, by="video_id", when=uses_captions),
    ),
    check=can_ask_and_compare,
    rows_per_part=16,
    cost=Cost(
        resources=chat_model.stage_resources,
        requests=chat_model.stage_requests,
        advice="a larger spoken.max_words, or a faster model",
    ),
    version=Version(depends=prompt_text, contents=files_named),
)
