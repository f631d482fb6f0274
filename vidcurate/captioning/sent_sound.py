"""The sound of a clip for a model that hears, and whether there is anything to hear."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np

from vidcurate.captioning.options import AboutSound, CaptionConfig
from vidcurate.captioning.strategies.registry import listens
from vidcurate.models.chat.conversation import Sound
from vidcurate.records import SCANS, SOURCES, SPEECH, VIDEOS, Clip, Source, Speech, Video
from vidcurate.stage import Workspace

# Sound of which no sample is louder is silence: -60 dB below full scale of 16 bits.
QUIET = 33
WAV_HEADER_BYTES = 44


@dataclass(frozen=True, slots=True)
class SentSound:
    """The sound that a model is given of a clip, and why it is none or not all.

    `quiet` is "" where something is heard, or nobody measured it.
    """

    quiet: str = ""
    pieces: tuple[Sound, ...] = ()
    faults: tuple[str, ...] = ()


def sent_sound_reader(
    clip: Clip, config: CaptionConfig, workspace: Workspace
) -> Callable[[], SentSound]:
    """A function that reads a clip's sound if the model hears, and says whether it is quiet.

    Quiet is what was measured to be so: by the file's streams, by the table `speech`, or by the
    sound itself. It raises MediaError where the video is gone.
    """
    strategy = config.strategy
    if config.chat is None or not isinstance(strategy, AboutSound):
        return SentSound
    video = workspace.lookup(VIDEOS)[clip.video_id]
    measured = workspace.lookup(SPEECH).get(clip.clip_id) if workspace.has(SPEECH) else None
    quiet = why_quiet(video, measured)
    if quiet or not listens(config):
        return lambda: SentSound(quiet)
    source = workspace.lookup(SOURCES)[clip.video_id]
    offsets = workspace.lookup(SCANS)[clip.video_id].clock_offsets
    heard = beginning_of(clip, strategy.max_heard_s)

    def read_sound() -> SentSound:
        pieces = sounds_of(heard, video, source, offsets)
        is_cut = heard.end_pts < clip.end_pts
        part = f"the first {strategy.max_heard_s:g} s of the clip" if is_cut else "the clip"
        if not pieces:
            return SentSound(f"{part} has no sound")
        if not any(is_audible(piece) for piece in pieces):
            return SentSound(f"{part} is silent")
        return SentSound(
            pieces=pieces, faults=(f"the model heard no more than {part}",) if is_cut else ()
        )

    return read_sound


def why_quiet(video: Video, measured: Speech | None) -> str:
    """Why nothing is heard in a clip; "" where something is, or nobody measured it."""
    if video.audio_index is None:
        return "the video has no sound"
    if measured and not measured.has_audio:
        return "the video has no sound that can be decoded"
    return "the clip is silent" if measured and measured.silence_share == 1 else ""


def beginning_of(clip: Clip, max_s: float) -> Clip:
    """Return a clip, cut to a length if it is longer."""
    most = floor(max_s / clip.time_base)
    return replace(clip, end_pts=min(clip.end_pts, clip.start_pts + most))


def sounds_of(
    clip: Clip, video: Video, source: Source, offsets: Sequence[int]
) -> tuple[Sound, ...]:
    """Decode the sound of a clip in the pieces that a request takes.

    None where the video's sound begins later or has ended. Raises MediaError for a video that is
    gone.
    """
    from vidcurate.media.audio.clip_wav import sound_pieces  # noqa: PLC0415 - PyAV is heavy
    from vidcurate.media.audio.tracks import track_of  # noqa: PLC0415 - same
    from vidcurate.media.io.content import video_path  # noqa: PLC0415 - same

    pieces = sound_pieces(video_path(source), track_of(video), clip, offsets)
    return tuple(Sound(p.wav, p.start_s, p.end_s, clip.start_s) for p in pieces)


def is_audible(sound: Sound) -> bool:
    """Whether a piece of sound holds more than silence."""
    samples = np.frombuffer(sound.wav, np.int16, offset=WAV_HEADER_BYTES)
    return bool((np.abs(samples.astype(np.int32)) > QUIET).any())
