"""The words that a speech model hears in a video's sound, without those that it invents."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from vidcurate.clips.words import Word
from vidcurate.errors import MediaError
from vidcurate.models.audio.sound_events import EventFinder
from vidcurate.models.audio.speech_windows import (
    Ear,
    Piece,
    SpeechWindow,
    speech_stretches,
    speech_windows,
)
from vidcurate.models.audio.transcription import (
    Heard,
    HeardSegment,
    Language,
    Samples,
    Transcriber,
)
from vidcurate.models.audio.voice_activity import RATE_HZ
from vidcurate.models.audio.word_gate import WordGate

# A language that is less probable is not believed.
MIN_PROBABILITY = 0.5
# So much speech that a model of one language doubts, and more than it understands, is of another.
MIN_DOUBTED_S = 10.0


@dataclass(slots=True)
class HeardSpeech:
    """What was heard in a video, as it grows from one piece of sound to the next."""

    words: list[Word] = field(default_factory=list)
    language: Language | None = None
    sound_s: float = 0.0
    speech_s: float = 0.0
    heard_s: float = 0.0
    doubted_s: float = 0.0
    dropped_s: float = 0.0
    n_dropped_words: int = 0
    n_segments: int = 0
    has_word_times: bool = True

    def take(self, segment: HeardSegment, window: SpeechWindow, end_s: float) -> None:
        """Add the words of a sentence on the video's clock, cut at the video's end."""
        self.heard_s += segment.end_s - segment.start_s
        self.has_word_times = self.has_word_times and segment.has_word_times
        for word in segment.words:
            first_s, last_s = window.span_on_clock(word.start_s, word.end_s)
            if first_s < end_s and word.text.strip():
                last_s = min(last_s, end_s)
                self.words.append(
                    Word(first_s, last_s, word.text, word.probability, self.n_segments)
                )
        self.n_segments += 1

    def drop(self, segment: HeardSegment, *, is_doubted: bool) -> None:
        """Count a sentence that is taken for invented."""
        length_s = segment.end_s - segment.start_s
        self.dropped_s += length_s
        self.doubted_s += length_s if is_doubted else 0.0
        self.n_dropped_words += len(segment.words)


def hear_speech(
    sound: Iterable[Piece],
    model: Transcriber,
    ear: Ear,
    find_events: EventFinder | None,
    gate: WordGate,
    language: str | None,
    end_s: float,
) -> HeardSpeech | MediaError:
    """Hear what is said in a video's sound, which is read once and a piece at a time.

    `language` None lets the model tell it. A language that the model does not know is an error, and
    so is what a server answers instead of words.
    """
    found = HeardSpeech()
    windows = speech_windows(speech_stretches(counted(sound, found), ear))
    first = next(windows, None)
    if first is None:
        return found
    if language is None:
        found.language = model.language_of(first.mono)
        fault = unknown_language(found.language, model)
        if fault:
            return MediaError(fault)
        language = found.language.code if found.language else None
    else:
        found.language = Language(language, None)
    waiting: list[SpeechWindow] = []
    languages: Counter[str] = Counter()
    for heard in model.hear(samples_of(chain([first], windows), waiting), language):
        if isinstance(heard, MediaError):
            return heard
        window = waiting.pop(0)
        sort_segments(heard, window, find_events, gate, found, end_s)
        if heard.language is not None:
            languages[heard.language.code] += round(1000 * window.voiced_s)
    if found.language is None and languages:
        found.language = Language(languages.most_common(1)[0][0], None)
    return makes_no_sense(found, model) or found


def counted(sound: Iterable[Piece], found: HeardSpeech) -> Iterator[Piece]:
    """The same pieces; their length is added up."""
    for piece in sound:
        found.sound_s += len(piece.samples) / RATE_HZ
        yield piece


def samples_of(windows: Iterable[SpeechWindow], taken: list[SpeechWindow]) -> Iterator[Samples]:
    """The samples of windows as they are needed; each window is put into `taken`."""
    for window in windows:
        taken.append(window)
        yield window.mono


def sort_segments(
    heard: Heard,
    window: SpeechWindow,
    find_events: EventFinder | None,
    gate: WordGate,
    found: HeardSpeech,
    end_s: float,
) -> None:
    """Take the sentences of a window, and drop those that are taken for invented."""
    found.speech_s += window.voiced_s
    events = find_events(window.mono) if find_events and heard.segments else {}
    for segment in heard.segments:
        is_doubted = gate.doubts(segment)
        if is_doubted or gate.hears_music(segment, events):
            found.drop(segment, is_doubted=is_doubted)
        else:
            found.take(segment, window, end_s)


def unknown_language(language: Language | None, model: Transcriber) -> str:
    """Why a model cannot hear a language; "" where it can, or where that is not sure."""
    if language is None or model.languages is None or language.code in model.languages:
        return ""
    if language.probability is not None and language.probability < MIN_PROBABILITY:
        return ""
    how_sure = "" if language.probability is None else f" (probability {language.probability:.2f})"
    return (
        f"the speech is in the language {language.code}{how_sure}, and the model knows only "
        f"{', '.join(sorted(model.languages))}: name one of several languages by transcribe.model"
    )


def makes_no_sense(found: HeardSpeech, model: Transcriber) -> MediaError | None:
    """The error of speech that a model of one language does not understand."""
    is_of_one = model.languages is not None and len(model.languages) == 1
    if not is_of_one or found.doubted_s < max(MIN_DOUBTED_S, found.heard_s):
        return None
    (known,) = model.languages or ("",)
    return MediaError(
        f"the model knows only {known} and makes no sense of {found.doubted_s:.0f} of "
        f"{found.doubted_s + found.heard_s:.0f} s that it heard: the language may be another: name "
        "a model of several languages by transcribe.model"
    )
