"""AudioScore: how far a text fits both the picture and the sound of its clip.

Source: FAVDBench (Shen et al. 2023), whose code scales the score. There one model knows pictures,
sounds and texts; here an image-text and a sound-text model do, so that numbers are others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import exp

import numpy as np

from vidcurate.clips.vectors import Vectors, clip_vector, read_video_vectors
from vidcurate.models.audio.sound_text import SoundTextModel, open_sound_text_model
from vidcurate.models.vision.clip_embedder import ClipEmbedder, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.records import SCANS, SOURCES, VECTORS, VIDEOS, Clip
from vidcurate.stage import Workspace

IMAGE_TEXT = "open_clip"
NO_MODEL = "no sound-text model is named: give evaluate.sound_model"
NO_VECTORS = "no vectors of an image-text model: embed with embed.backend open_clip makes them"
STEEPNESS, GROWTH = 0.693179, 10.0
MIN_S = 0.5  # of a window of sound, but for a shorter clip's
SILENCE = 0.001  # -60 dB below full scale


@dataclass(frozen=True, slots=True)
class AudioAgreement:
    """The cosines of a text with its clip's picture and sound, and why one is None.

    Models are "" where they were not asked.
    """

    image_cosine: float | None = None
    image_model: str = ""
    sound_cosine: float | None = None
    sound_model: str = ""
    notes: tuple[str, ...] = ()

    @property
    def score(self) -> float | None:
        """AudioScore; None where a cosine is."""
        if self.image_cosine is None or self.sound_cosine is None:
            return None
        return audio_score(self.image_cosine, self.sound_cosine)


CompareAudio = Callable[[str], AudioAgreement]


@dataclass(frozen=True, slots=True)
class AudioModels:
    """A function that opens the model of a video's vectors and keeps it, and what hears, if any."""

    open_image_text: Callable[[ModelChoice], ClipEmbedder]
    sound_text: SoundTextModel | None
    sound_name: str


def open_audio_models(sound_model: str) -> AudioModels:
    """Load the sound-text model, unless its name is empty."""
    hearing = open_sound_text_model(sound_model) if sound_model else None
    return AudioModels(lru_cache(maxsize=1)(open_clip_embedder), hearing, sound_model)


def audio_score(image_cosine: float, sound_cosine: float) -> float:
    """AudioScore of two cosines, 0 to 100."""
    mean = 50 * ((image_cosine + 1) / 2 + (sound_cosine + 1) / 2)
    centred = 2 * (mean / 100 - 0.5)
    return 100 * exp(STEEPNESS * (exp(-GROWTH) - exp(-GROWTH * centred)))


def audio_comparison(clip: Clip, models: AudioModels, workspace: Workspace) -> CompareAudio:
    """A function that compares a text with the clip.

    It raises MediaError where the video, or the file of its vectors, is gone.
    """
    read_picture = picture_reader(clip, models, workspace)
    read_sound = sound_reader(clip, models, workspace)

    def compare(text: str) -> AudioAgreement:
        notes: list[str] = []
        image_cosine = sound_cosine = None
        image_model = sound_model = ""
        if isinstance(picture := read_picture(), str):
            notes.append(picture)
        else:
            image_cosine, image_model = picture.cosine(text, notes), picture.model
        if isinstance(sound := read_sound(), str):
            notes.append(sound)
        else:
            sound_cosine, sound_model = sound.cosine(text, notes), sound.model
        return AudioAgreement(image_cosine, image_model, sound_cosine, sound_model, tuple(notes))

    return compare


@dataclass(frozen=True, slots=True)
class Side:
    """A clip's vector of picture or sound, and the text half of the model that made it."""

    name: str
    model: str
    vector: Vectors
    text_vector: Callable[[str], Vectors]
    is_cut: Callable[[str], bool]

    def cosine(self, text: str, notes: list[str]) -> float:
        """The cosine with a text; that the model read a part of it is noted."""
        if self.is_cut(text):
            notes.append(f"the text is cut for the model of {self.name}")
        return float(np.clip(self.vector @ self.text_vector(text), -1, 1))


def picture_reader(
    clip: Clip, models: AudioModels, workspace: Workspace
) -> Callable[[], Side | str]:
    """A function that gives the side of the picture, or says why there is none."""
    video = workspace.lookup(VECTORS).get(clip.video_id) if workspace.has(VECTORS) else None
    if video is None or video.backend != IMAGE_TEXT:
        return lambda: NO_VECTORS
    file = workspace.file_of(VECTORS, video.vectors_file)

    def read() -> Side:
        embedder = models.open_image_text(ModelChoice(video.model, video.pretrained))
        return Side(
            "pictures",
            f"{video.model} {video.pretrained}".strip(),
            clip_vector(read_video_vectors(file), clip),
            lambda text: embedder.text_vectors([text])[0],
            lambda text: embedder.are_cut([text])[0],
        )

    return read


def sound_reader(clip: Clip, models: AudioModels, workspace: Workspace) -> Callable[[], Side | str]:
    """A function that gives the side of the sound, or says why there is none."""
    hearing = models.sound_text
    if hearing is None:
        return lambda: NO_MODEL
    windows = sound_windows(clip, hearing, workspace)
    if windows is None:
        return lambda: "the video has no sound"

    def read() -> Side | str:
        vector = hearing.sound_vector(windows())
        if vector is None:
            return "the clip is silent"
        return Side("sound", models.sound_name, vector, hearing.text_vector, hearing.is_cut)

    return read


def sound_windows(
    clip: Clip, hearing: SoundTextModel, workspace: Workspace
) -> Callable[[], Iterator[Vectors]] | None:
    """A function that decodes a clip's sound in windows that the model takes whole.

    Silent ones are left out. None for a video without sound.
    """
    from vidcurate.media.audio.clip_windows import (  # noqa: PLC0415 - PyAV is heavy
        WindowFormat,
        clip_windows,
    )
    from vidcurate.media.audio.tracks import track_of  # noqa: PLC0415 - same
    from vidcurate.media.io.content import video_path  # noqa: PLC0415 - same

    track = track_of(workspace.lookup(VIDEOS)[clip.video_id])
    if track is None:
        return None
    source = workspace.lookup(SOURCES)[clip.video_id]
    offsets = workspace.lookup(SCANS)[clip.video_id].clock_offsets
    # The last window may be longer by as much: more than the model hears would be cut by chance.
    cut = WindowFormat(hearing.rate_hz, hearing.max_s - MIN_S, MIN_S)

    def windows() -> Iterator[Vectors]:
        for window in clip_windows(video_path(source), track, [clip], cut, offsets):
            if (np.abs(window.samples) > SILENCE).any():
                yield window.samples

    return windows
