"""Speech models that the package transformers runs: Whisper, wav2vec2 and whatever else it has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vidcurate.errors import MediaError
from vidcurate.models.audio.transcription import (
    RATE_HZ,
    Heard,
    HeardSegment,
    HeardWord,
    Language,
    Samples,
    spread_text,
)
from vidcurate.models.device import accelerator
from vidcurate.models.quiet import silence_logs
from vidcurate.models.transformers_loading import LOGGERS, loading, require_transformers

TASK = "automatic-speech-recognition"
REMEDY = (
    "give OWNER/NAME of the hub, or a folder with config.json, the processor's files and "
    "model.safetensors"
)
# Kinds of the package's pipelines that tell when each word is said.
WITH_WORD_TIMES = ("ctc", "ctc_with_lm", "seq2seq_whisper")


@dataclass(frozen=True, slots=True)
class TransformersSpeech:
    """A loaded pipeline."""

    pipeline: Any

    @property
    def languages(self) -> frozenset[str] | None:
        """Not known."""
        return None

    def language_of(self, mono: Samples) -> Language | None:  # noqa: ARG002 - the protocol's
        """Not told."""
        return None

    def hear(self, sounds: Iterable[Samples], language: str | None) -> Iterator[Heard | MediaError]:
        """What is said in each sound of at most 30 s, in order."""
        known = Language(language, None) if language else None
        settings = self.settings(language)
        for mono in sounds:
            with silence_logs(*LOGGERS):
                found = self.pipeline({"raw": mono, "sampling_rate": RATE_HZ}, **settings)
            segment = segment_of(found, len(mono) / RATE_HZ)
            yield Heard((segment,) if segment.words else (), known)

    def settings(self, language: str | None) -> dict[str, Any]:
        """How the pipeline is called: with times of words where it has them."""
        settings: dict[str, Any] = {}
        if self.pipeline.type in WITH_WORD_TIMES:
            settings["return_timestamps"] = "word"
        generation = getattr(self.pipeline.model, "generation_config", None)
        if language and getattr(generation, "is_multilingual", False):
            settings["generate_kwargs"] = {"language": language, "task": "transcribe"}
        return settings


def segment_of(found: Any, length_s: float) -> HeardSegment:
    """The words of an answer, spread over the sound where they have no times."""
    chunks = found.get("chunks")
    if chunks is None:
        return HeardSegment(
            0.0, length_s, spread_text(found["text"], 0.0, length_s), has_word_times=False
        )
    words = []
    # Models that spell words give no spaces; those that write text do.
    are_apart = not any(chunk["text"].startswith(" ") for chunk in chunks)
    for chunk in (c for c in chunks if c["text"].strip()):
        start_s, end_s = (length_s if time is None else float(time) for time in chunk["timestamp"])
        space = " " if are_apart or chunk["text"].startswith(" ") else ""
        text = f"{space}{chunk['text'].strip()}"
        words.append(HeardWord(start_s, max(start_s, end_s), text, None))
    bounds = (words[0].start_s, words[-1].end_s) if words else (0.0, length_s)
    return HeardSegment(*bounds, tuple(words))


def open_transformers_speech(model: str, revision: str) -> TransformersSpeech:
    """Load a model on the best device of this machine; its weights may come from the hub.

    Raises MissingExtraError without transformers, UsageError for a model that cannot be loaded.
    """
    require_transformers()
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    with loading("speech model", model, REMEDY):
        pipeline = transformers.pipeline(
            TASK, model=model, revision=revision or None, device=accelerator()
        )
    return TransformersSpeech(pipeline)
