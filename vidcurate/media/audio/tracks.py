"""What is known of a sound track, without looking where PyAV is unsafe.

PyAV 18.1 breaks the heap where it looks at channels that have an order of their own (as MOV's
`chan` may say), so nobody here asks it for channels: they are read from libav's own description of
the file, and sound in such an order is decoded by the ffmpeg program alone.
"""

import re
from dataclasses import dataclass

from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream

from vidcurate.records import Video

# Up to so many channels without names are taken in the order of WAVE, as players do.
MOST_UNNAMED, STEREO = 8, 2
UNNAMED = ("", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
# What is taken where nothing tells.
USUAL_RATE_HZ = 48_000
COUNTED = re.compile(r"(\d+) channels?( \(.*\))?")


@dataclass(frozen=True, slots=True)
class Track:
    """A sound track: the number of its stream in the file, and what is known of it.

    `layout` is libav's name of its channels. Where the head of the file does not tell, as when
    sound begins late in a transport stream, layout and `rate_hz` are None.
    """

    index: int
    codec: str
    layout: str | None
    rate_hz: int | None

    @property
    def channels(self) -> int | None:
        """How many there are, if that is known."""
        if self.layout is None:
            return None
        counted = COUNTED.fullmatch(self.layout)
        return int(counted[1]) if counted else AudioLayout(self.layout).nb_channels

    @property
    def is_odd(self) -> bool:
        """Whether its channels have no places, so that no rule says how to mix them."""
        if self.layout is None:
            return False
        counted = COUNTED.fullmatch(self.layout)
        if counted is None:
            return self.is_ambisonic
        return counted[2] is not None or int(counted[1]) > MOST_UNNAMED

    @property
    def is_ambisonic(self) -> bool:
        """Whether its channels are not of loudspeakers but of a sphere about the listener."""
        return self.layout is not None and self.layout.startswith("ambisonic")

    @property
    def measured_layout(self) -> str:
        """The layout in which the sound is measured: its own, or that in which it is mixed."""
        if self.layout is None:
            return "stereo"
        if self.is_odd:
            return self.mixed_layout
        counted = COUNTED.fullmatch(self.layout)
        return UNNAMED[int(counted[1])] if counted else self.layout

    @property
    def mixed_layout(self) -> str:
        """The layout of a clip's sound: mono or stereo."""
        n_channels = self.channels
        if self.is_odd:
            return "stereo" if n_channels == STEREO else "mono"
        return "mono" if n_channels == 1 else "stereo"


def track_of(video: Video) -> Track | None:
    """The track that was found to be a video's sound."""
    if video.audio_index is None or video.audio_codec is None:
        return None
    return Track(video.audio_index, video.audio_codec, video.audio_layout, video.audio_rate_hz)


def words_of(stream: AudioStream, text: str) -> list[str]:
    """What libav's description `text` says of a track: codec, rate, layout, format, ..."""
    found = re.search(rf"^ +Stream #0:{stream.index}\b[^\n]*?: Audio: ([^\n]*)", text, re.MULTILINE)
    return found[1].split(", ") if found else ["unknown"]


def describe(stream: AudioStream, text: str) -> Track:
    """A track as libav's description `text` has it."""
    codec, *facts = words_of(stream, text)
    rate_hz = None
    if facts and facts[0].endswith(" Hz"):
        rate_hz = int(facts.pop(0).removesuffix(" Hz"))
    layout = facts[0].removesuffix(" (default)") if rate_hz and facts else ""
    return Track(
        stream.index, codec_of(stream, codec), layout if is_layout(layout) else None, rate_hz
    )


def codec_of(stream: AudioStream, words: str) -> str:
    """The name of a track's codec, or of its tag in the file where no decoder is known."""
    if has_decoder(stream):
        return stream.codec_context.codec.canonical_name
    tag = re.search(r"\(([^()]+) / 0x", words)
    return tag[1] if tag else words


def has_decoder(stream: AudioStream) -> bool:
    """Whether libav decodes a track.

    PyAV leaves the decoder out, against its own annotation, where there is none.
    """
    return bool(getattr(stream, "codec_context", None))


def is_layout(words: str) -> bool:
    """Whether these words name channels, of which there are some."""
    counted = COUNTED.fullmatch(words)
    if counted:
        return int(counted[1]) > 0
    try:
        return AudioLayout(words).nb_channels > 0
    except ValueError:
        return False
