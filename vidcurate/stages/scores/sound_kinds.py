"""Kinds of sound and when they are heard in clips, by a detector or a classifier of windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidcurate.errors import MediaError
from vidcurate.models.audio.sound_classifier import SoundClassifier, open_sound_classifier
from vidcurate.models.audio.sound_events import (
    CLASSES,
    MIN_S,
    RATE_HZ,
    HeardSound,
    SoundFinder,
    open_sound_finder,
)
from vidcurate.records import SCANS, SOURCES, VIDEOS, Clip, Sounds, SoundSpan
from vidcurate.stage import Drop, Workspace
from vidcurate.stages.scores.sounds_options import OmniVadConfig, SoundClassifierConfig

NO_SOUND = "the video has no sound"
# The detector of three classes listens to so much at once.
DETECTOR_WINDOW_S = 120.0
# Spans of one kind that are nearer than this are one: windows divide what is heard.
JOIN_S = 0.1


@dataclass(frozen=True, slots=True)
class SoundEar:
    """What finds kinds of sound in a window, how its rows name it, and the windows it takes.

    `classes` are the labels that it knows, in small letters.
    """

    find: SoundFinder
    backend: str
    model: str
    rate_hz: int
    window_s: float
    classes: frozenset[str]


def open_sound_ear(backend: OmniVadConfig | SoundClassifierConfig) -> SoundEar:
    """Load what finds kinds of sound."""
    if isinstance(backend, OmniVadConfig):
        find, classes = open_sound_finder(), frozenset(CLASSES)
        return SoundEar(find, backend.name, "", RATE_HZ, DETECTOR_WINDOW_S, classes)
    classifier = open_sound_classifier(backend.model, backend.revision)
    return SoundEar(
        classifying(classifier, backend),
        backend.name,
        backend.model,
        classifier.rate_hz,
        backend.window_s,
        frozenset(label.casefold() for label in classifier.labels),
    )


def classifying(classifier: SoundClassifier, backend: SoundClassifierConfig) -> SoundFinder:
    """Return the function that finds sounds by a classifier, with these options."""
    return lambda mono: classifier.sounds(mono, backend.min_probability, backend.max_labels)


def kinds_of_sound(
    clips: Sequence[Clip], ear: SoundEar, workspace: Workspace
) -> Iterator[list[Sounds] | Drop | MediaError]:
    """Find the kinds of sound in clips of one video whose starts rise; it is decoded once.

    Raises MediaError for a video that is gone.
    """
    from vidcurate.media.audio.clip_windows import WindowFormat, clip_windows
    from vidcurate.media.audio.tracks import track_of
    from vidcurate.media.io.content import video_path

    video_id = clips[0].video_id
    track = track_of(workspace.lookup(VIDEOS)[video_id])
    if track is None:
        yield from (Drop(NO_SOUND) for _ in clips)
        return
    path = video_path(workspace.lookup(SOURCES)[video_id])
    offsets = workspace.lookup(SCANS)[video_id].clock_offsets
    found: list[list[HeardSound]] = [[] for _ in clips]
    heard_s: list[float | None] = [None] * len(clips)  # not None once the clip is heard to its end
    n_told = 0
    cut = WindowFormat(ear.rate_hz, ear.window_s, MIN_S)
    for window in clip_windows(path, track, clips, cut, offsets):
        heard = ear.find(window.samples)
        found[window.number] += [moved(sound, window.start_s) for sound in heard]
        heard_s[window.number] = window.heard_s if window.is_last else None
        while n_told < len(clips) and (told_s := heard_s[n_told]) is not None:
            yield [row_of(clips[n_told], joined(found[n_told]), told_s, ear)]
            n_told += 1


def moved(sound: HeardSound, by_s: float) -> HeardSound:
    """Return a sound on the clip's clock that was heard in a window which begins so late."""
    return HeardSound(sound.label, sound.start_s + by_s, sound.end_s + by_s, sound.probability)


def joined(sounds: Sequence[HeardSound]) -> list[HeardSound]:
    """Join sounds of one kind that follow each other, in the order of their starts."""
    by_label: dict[str, list[HeardSound]] = {}
    for sound in sorted(sounds, key=lambda sound: sound.start_s):
        spans = by_label.setdefault(sound.label, [])
        if spans and sound.start_s - spans[-1].end_s <= JOIN_S:
            spans[-1] = together(spans[-1], sound)
        else:
            spans.append(sound)
    return sorted((s for spans in by_label.values() for s in spans), key=lambda s: s.start_s)


def together(first: HeardSound, second: HeardSound) -> HeardSound:
    """Return two sounds of a kind as one, whose probability is their mean over time."""
    first_s, second_s = first.end_s - first.start_s, second.end_s - second.start_s
    mean = (first.probability * first_s + second.probability * second_s) / (first_s + second_s)
    return HeardSound(first.label, first.start_s, max(first.end_s, second.end_s), mean)


def row_of(clip: Clip, heard: Sequence[HeardSound], heard_s: float, ear: SoundEar) -> Sounds:
    """Make a clip's row of what was heard in it, which has so many seconds of sound."""
    length_s = clip.duration_s
    speech, singing, music = (
        share_of(name, heard, length_s, ear) if heard_s else None
        for name in ("speech", "singing", "music")
    )
    best: dict[str, float] = {}
    for sound in heard:
        best[sound.label] = max(best.get(sound.label, 0.0), sound.probability)
    labels = sorted(best, key=lambda label: -best[label])
    return Sounds(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        backend=ear.backend,
        model=ear.model,
        heard_s=heard_s,
        top_label=labels[0] if labels else None,
        top_probability=best[labels[0]] if labels else None,
        labels=tuple(labels),
        probabilities=tuple(best[label] for label in labels),
        spans=tuple(
            SoundSpan(s.label, s.start_s, min(s.end_s, length_s), s.probability)
            for s in heard
            if s.start_s < length_s
        ),
        speech_share=speech,
        singing_share=singing,
        music_share=music,
        sound_text=None,
        music_text=None,
        prompt_hash="",
        n_requests=0,
        prompt_tokens=None,
        completion_tokens=None,
        seconds=0.0,
    )


def share_of(
    name: str, heard: Sequence[HeardSound], length_s: float, ear: SoundEar
) -> float | None:
    """Return the share of a clip in which a class is heard; None where the model has no such."""
    if name not in ear.classes:
        return None
    covered_s = sum(s.end_s - s.start_s for s in heard if s.label.casefold() == name)
    return min(1.0, covered_s / length_s)
