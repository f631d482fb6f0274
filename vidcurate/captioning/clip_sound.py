"""The sound of a clip for a model that hears, and whether there is anything to hear."""

from collections.abc import Callable

from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.strategies.registry import listens
from vidcurate.captioning.told import is_about_sound
from vidcurate.models.chat.conversation import Sound
from vidcurate.records import SCANS, SOURCES, SPEECH, VIDEOS, Clip, Speech, Video
from vidcurate.stage import Workspace


def clip_sound_reader(
    clip: Clip, config: CaptionConfig, workspace: Workspace
) -> Callable[[], tuple[str, tuple[Sound, ...]]]:
    """A function that says why a clip is quiet, "" where it is not, and reads its sound if wanted.

    Quiet is what was measured to be so: by the file's streams, by the table `speech`, or by the
    sound itself. It raises MediaError where the video is gone.
    """
    if not is_about_sound(config):
        return lambda: ("", ())
    video = workspace.lookup(VIDEOS)[clip.video_id]
    measured = workspace.lookup(SPEECH).get(clip.clip_id) if workspace.has(SPEECH) else None
    quiet = why_quiet(video, measured)
    if quiet or not listens(config):
        return lambda: (quiet, ())
    source = workspace.lookup(SOURCES)[clip.video_id]
    offsets = workspace.lookup(SCANS)[clip.video_id].clock_offsets

    def read_sound() -> tuple[str, tuple[Sound, ...]]:
        from vidcurate.media.audio.clip_wav import sound_pieces  # noqa: PLC0415 - PyAV is heavy
        from vidcurate.media.audio.tracks import track_of  # noqa: PLC0415 - same
        from vidcurate.media.io.content import video_path  # noqa: PLC0415 - same

        pieces = sound_pieces(video_path(source), track_of(video), clip, offsets)
        sounds = tuple(Sound(p.wav, p.start_s, p.end_s, clip.start_s) for p in pieces)
        return "" if sounds else "the clip has no sound", sounds

    return read_sound


def why_quiet(video: Video, measured: Speech | None) -> str:
    """Why nothing is heard in a clip; "" where something is, or nobody measured it."""
    if video.audio_index is None:
        return "the video has no sound"
    if measured and not measured.has_audio:
        return "the video has no sound that can be decoded"
    return "the clip is silent" if measured and measured.silence_share == 1 else ""
