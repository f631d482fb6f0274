from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.support.videos import ffmpeg, render_counted
from vidcurate.errors import MediaError
from vidcurate.media.audio.clip_sound import (
    MONO_RATE_HZ,
    WINDOW_S,
    ClipSound,
    block_powers,
    clip_sounds,
    silence_share,
)
from vidcurate.media.audio.reader import Samples
from vidcurate.media.audio.track_choice import find_track
from vidcurate.records import Clip

BASE = Fraction(1, 1000)
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "12")
PCM = (*X264, "-c:a", "pcm_s16le")
PICTURE = "color=black:size=64x64:rate=24"


def clip(start_s: float, end_s: float) -> Clip:
    """A span of a video, in ticks of a millisecond."""
    span = (round(start_s * 1000), round(end_s * 1000))
    return Clip("c", "v", *span, BASE, start_s, end_s, end_s - start_s, 1)


def video(path: Path, sound: str, seconds: float, *encode: str) -> Path:
    """A black video with sound made by a filter graph."""
    picture = ("-f", "lavfi", "-t", str(seconds), "-i", PICTURE)
    ffmpeg(*picture, "-f", "lavfi", "-i", sound, *(encode or PCM), str(path))
    return path


def heard(path: Path, *clips: Clip) -> list[ClipSound]:
    """The sound of clips of a video that has some."""
    sounds = list(clip_sounds(path, find_track(path)[0], clips))
    assert len(sounds) == len(clips)
    return [sound for sound in sounds if sound is not None]


def tone_span(mono: Samples) -> tuple[float, float]:
    """When the only sound begins and ends, in seconds."""
    places = np.nonzero(np.abs(mono) > 0.02)[0]
    return float(places[0]) / MONO_RATE_HZ, float(places[-1]) / MONO_RATE_HZ


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac", "libmp3lame", "libopus"])
def test_a_clip_holds_its_own_span_of_the_sound(tmp_path: Path, codec: str) -> None:
    """A tone from 1.25 s to 1.5 s is at its place in every clip, whatever the codec."""
    path = tmp_path / "beep.mkv"
    render_counted(path, 96, beep_s=(1.25, 1.5), encode=(*X264, "-c:a", codec))
    for start_s, end_s in ((0.0, 4.0), (1.0, 2.0), (1.2, 1.6)):
        (sound,) = heard(path, clip(start_s, end_s))
        assert len(sound.mono) == pytest.approx((end_s - start_s) * MONO_RATE_HZ, abs=2)
        began, ended = tone_span(sound.mono)
        assert (began, ended) == pytest.approx((1.25 - start_s, 1.5 - start_s), abs=0.03)
    (after,) = heard(path, clip(2.0, 3.0))
    assert np.abs(after.mono).max() < 0.02


def test_clips_together_are_clips_alone(tmp_path: Path) -> None:
    """One decode from the first clip on gives each, overlapping too, what a seek gives it alone."""
    path = video(tmp_path / "noise.mov", "anoisesrc=r=44100:a=0.2:seed=3:d=12", 12)
    clips = [clip(0, 3), clip(2, 8.5), clip(4, 5), clip(9.25, 12)]
    together = heard(path, *clips)
    for own, one in zip(together, clips, strict=True):
        (alone,) = heard(path, one)
        assert alone.loudness == own.loudness
        assert np.array_equal(alone.mono, own.mono)
    assert np.array_equal(together[1].mono[2 * 16000 :][4000:8000], together[2].mono[4000:8000])


def test_no_sound_is_none(tmp_path: Path) -> None:
    """A video without sound gives None for each clip."""
    path = tmp_path / "still.mkv"
    ffmpeg("-f", "lavfi", "-t", "2", "-i", PICTURE, *X264, str(path))
    assert list(clip_sounds(path, find_track(path)[0], [clip(0, 1), clip(1, 2)])) == [None, None]


def test_sound_that_ends_early_is_silence_after(tmp_path: Path) -> None:
    """A clip across the end of the sound is half silent, one behind it wholly, and not loud."""
    path = video(tmp_path / "short.mkv", "sine=frequency=500:duration=2", 4)
    across, behind = heard(path, clip(1, 3), clip(2.5, 4))
    assert silence_share(across.powers, -60) == pytest.approx(0.5, abs=0.06)
    assert silence_share(behind.powers, -60) == 1
    assert behind.loudness.integrated_lufs is None


def test_sound_that_begins_late_is_silence_before(tmp_path: Path) -> None:
    """An offset of the sound counts: the tone is where a player plays it."""
    path = tmp_path / "late.mkv"
    tone = ("-itsoffset", "1.5", "-f", "lavfi", "-i", "sine=frequency=500:duration=2")
    ffmpeg("-f", "lavfi", "-t", "4", "-i", PICTURE, *tone, *PCM, str(path))
    (sound,) = heard(path, clip(0, 4))
    assert tone_span(sound.mono) == pytest.approx((1.5, 3.5), abs=0.01)


def test_a_gap_is_silence(tmp_path: Path) -> None:
    """Sound that is missing for a second does not make what follows come early."""
    gap = "sine=frequency=500:duration=4,aselect='not(between(t,1,2))'"
    path = video(tmp_path / "gap.mkv", gap, 4)
    (sound,) = heard(path, clip(0, 4))
    assert tone_span(sound.mono) == pytest.approx((0, 4), abs=0.03)
    assert silence_share(sound.powers, -60) == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("layout", ["mono", "5.1"])
def test_all_channels_are_measured(tmp_path: Path, layout: str) -> None:
    """The sound of one channel among one or six is heard in the mix, and is as loud."""
    channels = {"mono": "c0=c0", "5.1": "FC=c0"}[layout]
    tone = f"sine=frequency=1000:duration=3,volume=18.06dB,pan={layout}|{channels}"
    path = video(tmp_path / "tone.mkv", f"{tone},volume=-23dB", 3, *X264, "-c:a", "flac")
    (sound,) = heard(path, clip(0, 3))
    assert sound.loudness.integrated_lufs == pytest.approx(-26, abs=0.2)
    assert silence_share(sound.powers, -60) == 0


def test_sound_that_is_no_number_is_a_failure(tmp_path: Path) -> None:
    """Floating-point sound may hold NaN, which no score is made of."""
    path = video(tmp_path / "nan.mkv", "aevalsrc='0/0':d=1", 1, *X264, "-c:a", "pcm_f32le")
    with pytest.raises(MediaError, match="not numbers"):
        heard(path, clip(0, 1))


def test_silence_is_counted_in_blocks_below_a_level() -> None:
    """Half a second at -50 dBFS in two seconds is silent below -45, not below -55."""
    quiet = np.full(MONO_RATE_HZ // 2, 10 ** (-50 / 20), np.float32)
    mono = np.concatenate([quiet, np.full(MONO_RATE_HZ * 3 // 2, 0.1, np.float32)])
    assert silence_share(block_powers(mono, MONO_RATE_HZ), -45) == pytest.approx(0.25)
    assert silence_share(block_powers(mono, MONO_RATE_HZ), -55) == 0


def test_who_does_not_listen_is_given_no_samples(tmp_path: Path) -> None:
    """Loudness, peak and silence are the same without the samples at 16 kHz."""
    path = video(tmp_path / "noise.mov", "anoisesrc=r=44100:a=0.2:seed=3:d=3", 3)
    (reported,) = heard(path, clip(0.5, 2.5))
    (sound,) = clip_sounds(path, find_track(path)[0], [clip(0.5, 2.5)], with_samples=False)
    assert sound is not None
    assert (len(reported.mono), len(sound.mono)) == (2 * MONO_RATE_HZ, 0)
    assert sound.loudness == reported.loudness
    assert np.array_equal(sound.powers, reported.powers)


def test_windows_are_heard_while_a_long_clip_is_decoded(tmp_path: Path) -> None:
    """Windows and the rest are the samples of the whole clip, of which few are kept."""
    path, seconds = tmp_path / "long.mkv", WINDOW_S + 5
    picture = ("-f", "lavfi", "-i", f"color=size=16x16:rate=1:duration={seconds}")
    tone = ("-f", "lavfi", "-i", f"sine=frequency=100:sample_rate=16000:duration={seconds}")
    ffmpeg(*picture, *tone, "-c:v", "ffv1", "-c:a", "pcm_s16le", str(path))
    track, spans = find_track(path)[0], [clip(0, seconds), clip(1, 3)]
    taken: list[tuple[int, Samples]] = []
    (whole, _) = clip_sounds(path, track, spans)
    (rest, short) = clip_sounds(path, track, spans, hear=lambda n, mono: taken.append((n, mono)))
    assert whole is not None
    assert rest is not None
    assert short is not None
    assert [(n, len(mono)) for n, mono in taken] == [(0, WINDOW_S * MONO_RATE_HZ)]
    parts = [*(mono for _, mono in taken), rest.mono]
    assert np.array_equal(np.concatenate(parts), whole.mono)
    assert len(short.mono) == 2 * MONO_RATE_HZ
