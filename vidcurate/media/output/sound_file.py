"""The sound of a clip as a WAV file of 16 bits, for trainers of sound that read no video."""

import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vidcurate.media.audio.reader import mixed_format, write_span
from vidcurate.media.audio.tracks import track_of
from vidcurate.media.io.seeking import track_offsets
from vidcurate.records import Clip, Video
from vidcurate.store.atomic import atomic_write

BLOCK_BYTES = 1 << 20
LARGEST = 32767


def write_wav(
    path: Path,
    video: Video,
    clip: Clip,
    length_s: Fraction,
    out: Path,
    offsets: Sequence[int] = (),
) -> bool:
    """Write the sound of a clip, mono or stereo, `length_s` long; False for a silent video.

    Nothing of what lies after the clip is in it. `offsets` are those of the video's scan. Raises
    MediaError for sound that cannot be read.
    """
    track = track_of(video)
    if track is None:
        return False
    audio_format = mixed_format(track)
    start_s, span_s = (
        clip.start_pts * clip.time_base,
        (clip.end_pts - clip.start_pts) * clip.time_base,
    )
    n_samples = int(length_s * audio_format.rate_hz)
    with TemporaryDirectory(dir=out.parent, prefix=".") as folder, atomic_write(out) as partial:
        raw = Path(folder, "sound.raw")
        end_s = start_s + min(span_s, length_s)
        write_span(
            path, track, audio_format, start_s, end_s, raw, track_offsets(path, track, offsets)
        )
        with raw.open("rb") as samples, wave.open(str(partial), "wb") as file:
            file.setnchannels(audio_format.channels)
            file.setsampwidth(2)
            file.setframerate(audio_format.rate_hz)
            n_left = n_samples * audio_format.channels
            while n_left and (block := samples.read(BLOCK_BYTES)):
                values = np.frombuffer(block, np.float32)[:n_left]
                scaled = np.rint(np.clip(values, -1, 1) * LARGEST).astype("<i2")
                file.writeframesraw(scaled.tobytes())
                n_left -= len(values)
            file.writeframes(bytes(2 * n_left))
    return True
