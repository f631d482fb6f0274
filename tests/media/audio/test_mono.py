from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.support.videos import ffmpeg
from tests.support.voices import speaking_video
from vidcurate.media.audio.mono import RATE_HZ, MonoPiece, mono_sound
from vidcurate.media.audio.track_choice import find_track
from vidcurate.media.io.decode import Faults
from vidcurate.media.io.probe import probe_video

BEEP = "sine=frequency=1000:duration=2,volume=0:enable='not(between(t,0.5,0.75))'"


def heard(path: Path, faults: Faults | None = None, end_s: float = 60.0) -> list[MonoPiece]:
    """All sound of a video."""
    track, _ = find_track(path)
    assert track is not None
    start_us = probe_video(path, "v").container_start_us
    return list(mono_sound(path, track, start_us, end_s, faults=faults))


def loud_at(pieces: list[MonoPiece]) -> list[float]:
    """The seconds at which it becomes loud after a tenth of a second of quiet."""
    whole = np.zeros(max(piece.end for piece in pieces), np.float32)
    for piece in pieces:
        whole[piece.start : piece.end] = piece.samples
    loud = np.flatnonzero(np.abs(whole) > 0.02)
    firsts = np.flatnonzero(np.diff(loud, prepend=-RATE_HZ) > RATE_HZ // 10)
    return [float(time) for time in loud[firsts] / RATE_HZ]


def test_late_sound_is_late(tmp_path: Path) -> None:
    """Sound that begins 1.5 s after the picture is heard there, in rising pieces to the end."""
    path = speaking_video(tmp_path / "late.mkv", 3.0, [(1.0, 2.0)], delay_s=1.5)
    pieces = heard(path)
    assert pieces[0].start / RATE_HZ == pytest.approx(1.5, abs=0.05)
    assert loud_at(pieces)[0] == pytest.approx(2.5, abs=0.05)
    assert all(a.end <= b.start for a, b in pairwise(pieces))
    assert heard(path, end_s=2.0)[-1].end == 2 * RATE_HZ


def test_a_change_of_rate_and_layout_is_in_time(tmp_path: Path) -> None:
    """Where a broadcast's sound becomes mono and 44.1 kHz, tones stay where they are."""
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=24:duration=2")
    for number, way in enumerate((("-ac", "6", "-ar", "48000"), ("-ac", "1", "-ar", "44100"))):
        placed = ("-output_ts_offset", str(2 * number), "-muxdelay", "0")
        part = str(tmp_path / f"{number}.ts")
        ffmpeg(*picture, "-f", "lavfi", "-i", BEEP, "-c:a", "ac3", *way, *placed, part)
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join((tmp_path / f"{n}.ts").read_bytes() for n in range(2)))
    assert loud_at(heard(path)) == pytest.approx([0.5, 2.5], abs=0.08)


def test_damage_is_counted_and_the_rest_is_heard(tmp_path: Path) -> None:
    """Packets that cannot be decoded are counted; sound on both sides of them stays in time."""
    path = speaking_video(
        tmp_path / "whole.mkv",
        6.0,
        [(0.5, 1.5), (4.5, 5.5)],
        encode=("-c:a", "mp2", "-ar", "32000"),
    )
    data = bytearray(path.read_bytes())
    middle = data[len(data) // 2 :].find(b"\xff\xfd") + len(data) // 2
    for place in range(middle, middle + 4000):
        if data[place : place + 2] == b"\xff\xfd":
            data[place : place + 2] = b"\0\0"
    path.write_bytes(data)
    faults = Faults()
    starts = loud_at(heard(path, faults))
    assert faults.n_damaged + faults.n_errors > 0
    assert starts[0] == pytest.approx(0.5, abs=0.05)
    assert any(start == pytest.approx(4.5, abs=0.05) for start in starts)
