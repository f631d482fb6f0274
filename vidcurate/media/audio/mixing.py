"""Mixing channels without speaker positions, by the ffmpeg program.

No rule says how such channels make stereo, and swresample refuses to invent one. Two of them are
taken for left and right; more are averaged, so that none is lost. Ambisonic sound has all that is
heard about the listener in its first channel.
"""

from fractions import Fraction
from pathlib import Path

import ffmpeg

from vidcurate.media.audio.tracks import Track
from vidcurate.media.io.container import AV_TIME, open_container, url
from vidcurate.media.io.ffmpeg import find_ffmpeg, microseconds, run

# Seeks land up to some seconds late in containers that are sought by byte position.
RUN_UP_S = 10
TIMEOUT_S = 3600.0


def write_mixed(
    path: Path, track: Track, begin_s: Fraction, end_s: Fraction, rate_hz: int, out: Path
) -> None:
    """Write the sound of a span in `track.mixed_layout` as a NUT file that begins at 0.

    Only sound that is there is written, each part with its time. Raises MediaError where ffmpeg
    cannot decode it.
    """
    with open_container(path) as container:
        video_start_s = (container.start_time or 0) * AV_TIME
        kind = container.format.name.split(",")[0]
    seek_s = begin_s - video_start_s - RUN_UP_S
    seek = {"ss": microseconds(seek_s), "noaccurate_seek": None} if seek_s > 0 else {}
    source = ffmpeg.input(url(path), format=kind, protocol_whitelist="file", copyts=None, **seek)
    begin = microseconds(begin_s)
    # Filters without state: ffmpeg creates them again where the format of the sound changes.
    filters = (
        f"atrim=start={begin}:end={microseconds(end_s)}",
        f"asetpts=PTS-({begin})/TB",
        mix_filter(track),
        f"aformat=sample_fmts=flt:sample_rates={rate_hz}:channel_layouts={track.mixed_layout}",
    )
    output = ffmpeg.output(
        source[str(track.index)],
        url(out),
        **{"format": "nut", "c:a": "pcm_f32le", "filter:a": ",".join(filters), "threads": 1},
    )
    run(find_ffmpeg(), output, TIMEOUT_S)


def mix_filter(track: Track) -> str:
    """Return the filter that makes mono or stereo from a track's channels."""
    if track.is_ambisonic:
        return "pan=mono|c0=c0"
    if track.mixed_layout == "stereo":
        return "pan=stereo|c0=c0|c1=c1"
    n_channels = track.channels or 1
    terms = "+".join(f"{1 / n_channels:.9f}*c{number}" for number in range(n_channels))
    return f"pan=mono|c0={terms}"
