import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.pipeline import done, process, rows, stored
from tests.support.speech_server import Reply, SpeechScript, four_words, transcribing
from tests.support.videos import ffmpeg, render
from tests.support.voices import speaking_video, spoken
from vidcurate.clips.words import read_words
from vidcurate.errors import MediaError, MissingExtraError, UsageError
from vidcurate.media.audio.mono import MonoPiece
from vidcurate.models.audio import whisper
from vidcurate.models.audio.sound_events import open_event_finder
from vidcurate.models.audio.transcription import (
    Heard,
    HeardSegment,
    HeardWord,
    Language,
    Samples,
)
from vidcurate.models.audio.voice_activity import FRAME, open_silero
from vidcurate.models.audio.word_gate import WordGate
from vidcurate.records import SOURCES, TRANSCRIPTS, Transcript
from vidcurate.stages.sources.heard_words import HeardSpeech, hear_speech
from vidcurate.stages.sources.transcribe import DAMAGED, INVENTED, TRANSCRIBE
from vidcurate.stages.sources.transcribe_options import TranscribeConfig
from vidcurate.store.dataset import DONE_WITH_LOSSES

SRT = "1\n00:00:01,000 --> 00:00:03,000\nFrom the\nfile.\n"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpeechScript]:
    """A running server that hears four words."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with transcribing(SpeechScript()) as script:
        yield script


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with a voice from 3.5 to 5.5 s, one with a tune alone, and one without sound."""
    folder = tmp_path_factory.mktemp("spoken")
    speaking_video(folder / "late.mkv", 6.0, [(2.5, 4.5)], delay_s=1.0)
    render(folder / "mute.mp4", (("testsrc2", 2.0),), audio=False, size=(64, 48))
    tune = "aevalsrc='0.2*sin(880*PI*t)*exp(-3*mod(t,0.5))':d=3"
    picture = ("-f", "lavfi", "-i", "mandelbrot=size=64x48:rate=24")
    ffmpeg(*picture, "-f", "lavfi", "-i", tune, "-shortest", "-c:a", "flac", str(folder / "t.mkv"))
    return folder


def by_name(out: Path) -> dict[str, Transcript]:
    """The transcripts by the names of their videos."""
    names = {source.video_id: Path(source.path).name for source in rows(out, SOURCES)}
    return {names[row.video_id]: row for row in rows(out, TRANSCRIPTS)}


def losses(out: Path) -> list[dict[str, Any]]:
    """What transcribe says is in no row."""
    done = stored(out, TRANSCRIPTS).done(DONE_WITH_LOSSES)
    return [loss for each in done["losses"].to_pylist() for loss in each or []]


def words_of(out: Path, row: Transcript) -> list[dict[str, Any]]:
    """The words of a transcript."""
    words: list[dict[str, Any]] = read_words(
        stored(out, TRANSCRIPTS).files / row.words_file
    ).to_pylist()
    return words


def options_of(script: SpeechScript, **options: Any) -> dict[str, Any]:
    """The options of a run that asks the scripted server."""
    server = {"backend": "server", "model": "ear", "base_url": script.url, "backoff_s": 0.001}
    return {"transcribe": {**server, **options}}


def test_words_are_on_the_videos_clock(folder: Path, tmp_path: Path, script: SpeechScript) -> None:
    """Words lie where the voice is, though the sound begins late; a tune is asked of nobody."""
    process(tmp_path, options_of(script), folder)
    found = by_name(tmp_path)
    assert set(found) == {"late.mkv", "t.mkv"}
    late, tune = found["late.mkv"], found["t.mkv"]
    words = words_of(tmp_path, late)
    assert [word["word"] for word in words] == [" Look,", " the", " hare", " runs."]
    assert words[0]["start_s"] == pytest.approx(3.5, abs=0.3)
    assert words[-1]["end_s"] == pytest.approx(5.5, abs=0.3)
    assert (late.backend, late.model, late.language) == ("server", "ear", "english")
    assert (late.n_words, late.word_times, late.dropped_s) == (4, "measured", 0.0)
    assert late.speech_s == pytest.approx(2.0, abs=0.4)
    assert late.sound_s == pytest.approx(6.0, abs=0.1)
    assert (tune.n_words, tune.speech_s, words_of(tmp_path, tune)) == (0, 0.0, [])
    assert ("dropped", "the video has no sound") in done(tmp_path, TRANSCRIPTS).values()
    assert len(script.asked) == 1


def test_only_what_changed_is_done_again(
    folder: Path, tmp_path: Path, script: SpeechScript
) -> None:
    """Another split or scan hears nothing again; a new subtitle file replaces what was heard.

    It also counts where a video has no sound, and when it goes the sound is heard again.
    """
    videos = tmp_path / "videos"
    videos.mkdir()
    for file in folder.iterdir():
        (videos / file.name).write_bytes(file.read_bytes())
    out = tmp_path / "out"
    process(out, options_of(script), videos)
    process(out, {**options_of(script), "scan": {"sample_interval_s": 0.5}}, videos)
    assert len(script.asked) == 1
    (videos / "late.en.srt").write_text(SRT, "utf-8")
    (videos / "mute.srt").write_text(SRT, "utf-8")
    process(out, options_of(script), videos)
    found = by_name(out)
    late = found["late.mkv"]
    assert (late.backend, late.model, late.language) == ("subtitles", "", "en")
    assert (late.word_times, late.speech_s) == ("spread", None)
    words = words_of(out, late)
    assert "".join(word["word"] for word in words) == " From the file."
    assert (words[0]["start_s"], words[-1]["end_s"]) == (1.0, 3.0)
    # The video without sound ends at 2 s, and so do its words.
    assert max(word["end_s"] for word in words_of(out, found["mute.mp4"])) <= 2.0
    assert len(script.asked) == 1
    process(out, options_of(script, prefer="speech"), videos)
    found = by_name(out)
    assert (found["late.mkv"].backend, found["mute.mp4"].backend) == ("server", "subtitles")
    (videos / "late.en.srt").unlink()
    n_asked = len(script.asked)
    process(out, options_of(script), videos)
    assert by_name(out)["late.mkv"].backend == "server"
    assert len(script.asked) == n_asked + 1


def test_subtitles_alone_need_no_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra subtitle files are read; videos without one are dropped with the reason."""
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    (tmp_path / "mute.mp4").write_bytes((folder / "mute.mp4").read_bytes())
    (tmp_path / "mute.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n", "utf-8")
    out = tmp_path / "out"
    process(out, {"transcribe": {"backend": "subtitles"}}, tmp_path / "mute.mp4", folder / "t.mkv")
    assert sorted(done(out, TRANSCRIPTS).values()) == [
        ("dropped", "the video has no subtitles beside it"),
        ("ok", None),
    ]
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[speech\]'"):
        process(tmp_path / "other", {"transcribe": {}}, folder)
    assert not (tmp_path / "other" / "scans").exists()


def test_invented_words_are_dropped_and_counted(
    folder: Path, tmp_path: Path, script: SpeechScript
) -> None:
    """A sentence of which the server is unsure goes with its seconds; the video is done."""

    def say(fields: Mapping[str, list[str]], seconds: float) -> Reply:
        status, answer = four_words(fields, seconds)
        doubt = {"avg_logprob": -1.4, "no_speech_prob": 0.8}
        return status, {**answer, "segments": [{**answer["segments"][0], **doubt}]}

    script.say = say
    process(tmp_path, options_of(script), folder / "late.mkv")
    row = by_name(tmp_path)["late.mkv"]
    assert (row.n_words, row.n_dropped_words) == (0, 4)
    assert row.dropped_s == pytest.approx(2.0, abs=0.4)
    (loss,) = losses(tmp_path)
    assert loss == {"what": INVENTED, "count": 4, "seconds": row.dropped_s}


def test_damaged_sound_is_a_loss(folder: Path, tmp_path: Path, script: SpeechScript) -> None:
    """Packets that cannot be decoded are counted with the seconds that the sound lacks."""
    whole, damaged = tmp_path / "whole.mkv", tmp_path / "damaged.mkv"
    ffmpeg("-i", str(folder / "late.mkv"), "-c:v", "copy", "-c:a", "aac", str(whole))
    noise = "noise=amount=if(gt(n\\,20)\\,1\\,0)"
    ffmpeg("-i", str(whole), "-c", "copy", "-bsf:a", noise, str(damaged))
    out = tmp_path / "out"
    process(out, options_of(script), damaged)
    row = by_name(out)["damaged.mkv"]
    (loss,) = (loss for loss in losses(out) if loss["what"] == DAMAGED)
    assert loss["count"] == row.n_decode_errors > 0
    assert row.sound_s is not None
    assert loss["seconds"] == pytest.approx(7.0 - row.sound_s, abs=0.1)


class Ear:
    """A model of some languages that hears one sentence in each sound, over all of it."""

    def __init__(self, text: str, languages: set[str], spoken: Language | None) -> None:
        self.text, self.languages, self.spoken = text, frozenset(languages), spoken

    def language_of(self, mono: Samples) -> Language | None:  # noqa: ARG002 - the protocol's
        """The language that is spoken."""
        return self.spoken

    def hear(
        self,
        sounds: Iterable[Samples],
        language: str | None,  # noqa: ARG002 - the protocol's
    ) -> Iterator[Heard]:
        """One sentence, whose last word ends 5 s after the sound."""
        for mono in sounds:
            length_s = len(mono) / 16_000
            words = tuple(HeardWord(1.0, length_s + 5, f" {w}", 0.9) for w in self.text.split())
            yield Heard((HeardSegment(0.0, length_s, words),), None)


def hear(ear: Any, seconds: float = 4.0, language: str | None = None) -> HeardSpeech | MediaError:
    """What an ear hears of a voice from 1 s on, in a video of so many seconds."""
    sound = [MonoPiece(0, spoken(seconds, [(1.0, seconds)]))]
    finder = open_event_finder()
    return hear_speech(
        sound, ear, open_silero()(), finder, WordGate(max_music_share=None), language, seconds
    )


def test_times_beyond_the_video_are_cut() -> None:
    """No word ends after the video, or after the sound in which it was heard."""
    found = hear(Ear("Look here", {"en", "fr"}, Language("en", 0.9)))
    assert isinstance(found, HeardSpeech)
    assert found.language == Language("en", 0.9)
    assert len(found.words) == 2
    assert all(word.start_s < word.end_s <= 4.0 for word in found.words)


def test_a_language_that_the_model_does_not_know_is_named() -> None:
    """The reason names the language, its probability and the remedy; a doubtful one is believed."""
    fault = hear(Ear("Bonjour", {"en"}, Language("fr", 0.97)))
    assert isinstance(fault, MediaError)
    assert str(fault) == (
        "the speech is in the language fr (probability 0.97), and the model knows only en: name "
        "one of several languages by transcribe.model"
    )
    assert isinstance(hear(Ear("Bonjour", {"en"}, Language("fr", 0.3))), HeardSpeech)


def test_a_model_of_english_says_that_it_understands_nothing() -> None:
    """Where it only repeats itself for 10 s and more, the video fails; less is counted."""
    babble = Ear("I am not sure. " * 20, {"en"}, None)
    fault = hear(babble, 14.0)
    assert isinstance(fault, MediaError)
    assert "the model knows only en and makes no sense of 1" in str(fault)
    short = hear(babble, 5.0)
    assert isinstance(short, HeardSpeech)
    assert short.dropped_s > 0


def test_music_gives_no_words() -> None:
    """Words that a model invents on a tune are none, whatever its own sureness says."""
    tune = np.concatenate(
        [
            0.2 * np.sin(2 * np.pi * f * np.arange(4000) / 16_000) * np.exp(-np.arange(4000) / 3000)
            for f in (220, 330, 262, 392, 294, 440) * 8
        ]
    ).astype(np.float32)

    class Everything:
        """An ear that takes all for a voice."""

        def probabilities(self, samples: Samples) -> Samples:
            """One for each frame."""
            return np.ones(len(samples) // FRAME, np.float32)

    found = hear_speech(
        [MonoPiece(0, tune)],
        Ear("Thank you.", {"en"}, None),
        Everything(),
        open_event_finder(),
        WordGate(),
        "en",
        12.0,
    )
    assert isinstance(found, HeardSpeech)
    assert (found.words, found.n_dropped_words) == ([], 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "server"}, "needs a model"),
        ({"backend": "transformers"}, "needs a model"),
        ({"language": "English"}, "language is a code such as en"),
        ({"backend": "subtitles", "prefer": "speech"}, "only backend whisper, server or"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object], message: str) -> None:
    """What a way needs and does not take is said at once."""
    with pytest.raises(ValueError, match=message):
        TranscribeConfig(**options)


def german(model: str) -> TranscribeConfig:
    """The options that state German for a model."""
    return TranscribeConfig.model_validate({"model": model, "language": "de"})


def test_english_models_refuse_another_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language that is stated is held against the model before anything is decoded."""
    monkeypatch.setattr("vidcurate.stages.sources.transcribe.check_whisper", lambda _model: None)
    with pytest.raises(UsageError, match=r"knows only English: name a model of several"):
        TRANSCRIBE.check(german("small.en"), {})
    assert TRANSCRIBE.check(german("small"), {}) is None
    assert whisper.knows_only_english("")
