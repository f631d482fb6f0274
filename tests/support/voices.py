"""Made voices that a detector of voices takes for speech, and videos in which they are heard."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.videos import ffmpeg

RATE_HZ = 16_000
# Vowels by their first three formants: frequency, width and strength.
VOWELS = (
    ((730, 80, 1.0), (1090, 90, 0.6), (2440, 120, 0.3)),
    ((270, 60, 1.0), (2290, 100, 0.5), (3010, 120, 0.3)),
    ((530, 70, 1.0), (1840, 100, 0.5), (2480, 120, 0.3)),
    ((300, 60, 1.0), (870, 90, 0.4), (2240, 120, 0.1)),
)
VOWEL_S, PAUSE_S, NOISE_S, PITCH_HZ, OVERTONES = 0.18, 0.05, 0.04, 130.0, 40


def vowel(number: int) -> NDArray[np.float64]:
    """A vowel sung at one pitch with a little vibrato."""
    time = np.arange(int(VOWEL_S * RATE_HZ)) / RATE_HZ
    phase = np.cumsum(PITCH_HZ * (1 + 0.03 * np.sin(10 * np.pi * time))) / RATE_HZ
    wave = np.zeros_like(time)
    for k in range(1, OVERTONES):
        strength = sum(a / (1 + ((PITCH_HZ * k - f) / w) ** 2) for f, w, a in VOWELS[number])
        wave += strength * np.sin(2 * np.pi * k * phase) / k**0.5
    return wave * np.minimum(1, np.minimum(time, VOWEL_S - time) / 0.04)


def voice(seconds: float) -> NDArray[np.float32]:
    """Syllables of noise and a vowel, at 16 kHz."""
    dice = np.random.default_rng(1)
    parts: list[NDArray[np.float64]] = []
    while sum(map(len, parts)) < seconds * RATE_HZ:
        hiss = dice.normal(size=int(NOISE_S * RATE_HZ)) * 0.3
        parts += [hiss, vowel(len(parts) % len(VOWELS)), np.zeros(int(PAUSE_S * RATE_HZ))]
    whole = np.concatenate(parts)[: int(seconds * RATE_HZ)]
    return np.asarray(0.3 * whole / np.abs(whole).max(), np.float32)


def spoken(length_s: float, spans_s: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """Silence in which a voice is heard in some spans."""
    sound = np.zeros(int(length_s * RATE_HZ), np.float32)
    for start_s, end_s in spans_s:
        begin = int(start_s * RATE_HZ)
        part = voice(end_s - start_s)
        sound[begin : begin + len(part)] = part
    return sound


def speaking_video(
    path: Path,
    length_s: float,
    spans_s: Sequence[tuple[float, float]],
    *,
    delay_s: float = 0.0,
    encode: Sequence[str] = ("-c:a", "flac"),
) -> Path:
    """A small moving video with voices; `delay_s` is how much later its sound begins."""
    raw, coded = path.with_suffix(".f32"), path.with_suffix(".mka")
    raw.write_bytes(spoken(length_s, spans_s).tobytes())
    ffmpeg("-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1", "-i", str(raw), *encode, str(coded))
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=24:duration={length_s + delay_s}")
    sound = ("-itsoffset", str(delay_s), "-i", str(coded), "-map", "0:v", "-map", "1:a")
    ffmpeg(*picture, *sound, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy", str(path))
    raw.unlink()
    coded.unlink()
    return path
