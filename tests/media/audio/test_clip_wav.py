import wave
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from tests.support.videos import ffmpeg
from tests.support.voices import speaking_video
from vidcurate.media.audio.clip_wav import SoundPiece, sound_pieces
from vidcurate.media.audio.track_choice import find_track
from vidcurate.media.io.decode import Faults
from vidcurate.records import Clip

CLIP = Clip("c1", "v1", 0, 48, Fraction(1, 24), 0.0, 2.0, 2.0, 48)
TONES = "sine=frequency=1000:duration=6,volume=0:enable='not(between(mod(t,2),0.5,0.75))'"
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=24:duration=6")


def clip_of(start_s: int, end_s: int) -> Clip:
    """A clip of whole seconds."""
    return replace(CLIP, start_pts=24 * start_s, end_pts=24 * end_s, start_s=float(start_s))


def pieces_of(path: Path, clip: Clip, faults: Faults | None = None) -> list[SoundPiece]:
    """The pieces of a clip's sound."""
    return sound_pieces(path, find_track(path)[0], clip, faults=faults)


def read(piece: SoundPiece) -> np.ndarray:
    """The samples of a piece, which is a WAV file as models want it."""
    with wave.open(BytesIO(piece.wav)) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getsampwidth()) == (1, 16_000, 2)
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2")


def loud_at(pieces: list[SoundPiece]) -> list[float]:
    """The seconds of the video at which it becomes loud after a tenth of a second of quiet."""
    found: list[float] = []
    for piece in pieces:
        loud = np.flatnonzero(np.abs(read(piece)) > 1000)
        firsts = loud[np.flatnonzero(np.diff(loud, prepend=-16_000) > 1600)]
        found += [piece.start_s + float(first) / 16_000 for first in firsts]
    return found


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with a tone at 0.5 s of every second second."""
    path = tmp_path_factory.mktemp("tones") / "tones.mkv"
    ffmpeg(*PICTURE, "-f", "lavfi", "-i", TONES, "-c:a", "pcm_s16le", str(path))
    return path


def test_a_clip_has_its_own_sound(tones: Path) -> None:
    """The WAV file of a clip holds exactly its span, and its times are those of the video."""
    [piece] = pieces_of(tones, clip_of(2, 4))
    assert (piece.start_s, piece.end_s, len(read(piece))) == (2.0, 4.0, 32_000)
    assert loud_at([piece]) == pytest.approx([2.5], abs=0.02)


def test_a_long_clip_comes_in_equal_pieces(tones: Path) -> None:
    """No piece is longer than is allowed, none is lost, and nothing is heard twice."""
    track, _ = find_track(tones)
    pieces = sound_pieces(tones, track, clip_of(0, 6), max_piece_s=2.5)
    bounds_s = [time_s for p in pieces for time_s in (p.start_s, p.end_s)]
    assert bounds_s == pytest.approx([0.0, 2.0, 2.0, 4.0, 4.0, 6.0], abs=0.01)
    [whole] = pieces_of(tones, clip_of(0, 6))
    assert np.array_equal(np.concatenate([read(p) for p in pieces]), read(whole))


def test_sound_that_is_late_and_short_keeps_its_times(tmp_path: Path) -> None:
    """The pieces begin and end with the sound, wherever the picture does; beyond there is none."""
    path = speaking_video(tmp_path / "late.mkv", 3.0, [(1.0, 2.0)], delay_s=1.5)
    [piece] = pieces_of(path, clip_of(0, 9))
    assert piece.start_s == pytest.approx(1.5, abs=0.05)
    assert piece.end_s == pytest.approx(4.5, abs=0.1)
    assert loud_at([piece])[0] == pytest.approx(2.5, abs=0.05)
    assert pieces_of(path, clip_of(0, 1)) == []
    assert pieces_of(path, clip_of(6, 8)) == []


def test_a_video_without_sound_gives_none(tmp_path: Path) -> None:
    """There is nothing to hear, and that is no error."""
    path = tmp_path / "silent.mkv"
    ffmpeg(*PICTURE, "-frames:v", "24", str(path))
    assert pieces_of(path, clip_of(0, 1)) == []


def test_a_change_of_rate_and_layout_stays_in_time(tmp_path: Path) -> None:
    """Where sound becomes mono and 44.1 kHz midway, a clip over the joint has it all in time."""
    for number, way in enumerate((("-ac", "6", "-ar", "48000"), ("-ac", "1", "-ar", "44100"))):
        placed = ("-output_ts_offset", str(2 * number), "-muxdelay", "0")
        part = str(tmp_path / f"{number}.ts")
        ffmpeg(*PICTURE, "-f", "lavfi", "-i", TONES, "-t", "2", "-c:a", "ac3", *way, *placed, part)
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join((tmp_path / f"{n}.ts").read_bytes() for n in range(2)))
    assert loud_at(pieces_of(path, clip_of(0, 4))) == pytest.approx([0.5, 2.5], abs=0.08)


def test_damage_is_counted_and_silent(tmp_path: Path) -> None:
    """Packets that cannot be decoded are counted; what is around them is heard at its time."""
    encode = ("-c:a", "mp2", "-ar", "32000")
    path = speaking_video(tmp_path / "whole.mkv", 6.0, [(0.5, 1.5), (4.5, 5.5)], encode=encode)
    data = bytearray(path.read_bytes())
    middle = data.find(b"\xff\xfd", len(data) // 2)
    for place in range(middle, middle + 4000):
        if data[place : place + 2] == b"\xff\xfd":
            data[place : place + 2] = b"\0\0"
    path.write_bytes(data)
    faults = Faults()
    pieces = pieces_of(path, clip_of(0, 6), faults)
    assert faults.n_damaged + faults.n_errors > 0
    assert any(start == pytest.approx(4.5, abs=0.05) for start in loud_at(pieces))
