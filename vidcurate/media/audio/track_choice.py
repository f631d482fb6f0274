"""Which of a video's sound tracks is its sound."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from vidcurate.errors import MediaError
from vidcurate.media.audio.mixing import write_mixed
from vidcurate.media.audio.tracks import USUAL_RATE_HZ, Track, describe, has_decoder, words_of
from vidcurate.media.io.container import AV_TIME, described, open_container

# So many packets are read to see whether a track can be decoded: some seconds of a video.
TRIAL_PACKETS = 600
TRIAL_S = Fraction(2)
ENCRYPTED = "enca"


def find_track(path: Path) -> tuple[Track | None, tuple[str, ...]]:
    """The first sound track that can be decoded, the default one before others.

    Also, in plain words, why others that come before it were passed over. Raises MediaError for a
    file that cannot be opened.
    """
    faults: list[str] = []
    with open_container(path) as container:
        text = described(container)
        candidates = [(describe(s, text), why_not(s, text)) for s in in_order(container)]
    for track, reason in candidates:
        fault = reason or (None if is_decodable(path, track) else "damaged or of an unknown kind")
        if fault is None:
            return track, tuple(faults)
        faults.append(f"sound stream {track.index} ({track.codec}) cannot be decoded: {fault}")
    return None, tuple(faults)


def in_order(container: InputContainer) -> Sequence[AudioStream]:
    """The sound tracks, those that are to be played by default first."""
    return sorted(container.streams.audio, key=lambda s: not s.disposition & Disposition.default)


def why_not(stream: AudioStream, text: str) -> str | None:
    """Why a track cannot be decoded, as far as that is known without trying."""
    if not has_decoder(stream):
        return "there is no decoder"
    if f"({ENCRYPTED} /" in words_of(stream, text)[0]:
        return "it is encrypted"
    return None


def is_decodable(path: Path, track: Track) -> bool:
    """Whether a track is decoded at the head of the video, or has nothing there to be tried."""
    if track.is_odd:
        return is_mixed(path, track)
    n_refused = 0
    with open_container(path) as container:
        try:
            for packet in islice(container.demux(), TRIAL_PACKETS):
                if packet.stream_index == track.index:
                    try:
                        if packet.decode():
                            return True
                    except (av.error.FFmpegError, ValueError):
                        n_refused += 1
        except av.error.FFmpegError:
            # Damage ends the reading; what was read before it decides.
            pass
    return n_refused == 0


def is_mixed(path: Path, track: Track) -> bool:
    """Whether the ffmpeg program decodes a track and mixes its channels."""
    with open_container(path) as container:
        begin_s = (container.start_time or 0) * AV_TIME
    with TemporaryDirectory() as folder:
        try:
            out, rate_hz = Path(folder, "sound.nut"), track.rate_hz or USUAL_RATE_HZ
            write_mixed(path, track, begin_s, begin_s + TRIAL_S, rate_hz, out)
        except MediaError:
            return False
    return True
