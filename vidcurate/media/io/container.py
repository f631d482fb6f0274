"""Opening a video safely, and saying in plain words why a file is not a video."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error
import av.logging
from av.audio.stream import AudioStream
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from vidcurate.errors import MediaError
from vidcurate.media.io.content import check_kind
from vidcurate.media.io.envelope import missing_index
from vidcurate.media.io.orientation import MAX_PIXELS
from vidcurate.media.io.packets import Damage, packets

HEAD_BYTES = 4096
READ_BYTES = 1 << 20
# Texts that name other files and addresses, by what they begin with or, in XML, hold.
REFERENCE_FORMATS = (
    (b"#EXTM3U", "an HLS playlist, not a video"),
    (b"ffconcat version", "a concat script, not a video"),
    (b"<MPD", "a DASH manifest, not a video"),
    (b"<SmoothStreamingMedia", "a streaming manifest, not a video"),
    (b"[playlist]", "a playlist, not a video"),
    (b"v=0", "a session description (SDP), not a video"),
)
# Some demuxers search a file for what they know, and find a video inside an archive.
ARCHIVES = (
    (0, b"PK\x03\x04", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"7z\xbc\xaf", "7z"),
    (0, b"Rar!", "rar"),
    (257, b"ustar", "tar"),
)
# Containers that hold videos, and what is opened only to say what it is: single pictures, raw
# streams and sound. Others are refused: demuxers that follow what a text names (files, addresses,
# scripts), that draw text, that guess by the name alone, and all unknown ones.
VIDEOS = (
    *("asf", "asf_o", "avi", "dv", "flv", "gif", "gxf", "ivf", "kux", "live_flv", "matroska,webm"),
    *("mov,mp4,m4a,3gp,3g2,mj2", "mpeg", "mpegts", "mxf", "nsv", "nut", "ogg", "rm", "swf", "wtv"),
    *("yuv4mpegpipe", "apng", "lxf", "mxg", "ty", "pmp", "vivo", "filmstrip"),
)
RAW_STREAMS = (
    *("av1", "avs2", "avs3", "cavsvideo", "dirac", "dnxhd", "evc", "h261", "h263", "h264", "hevc"),
    *("ipu", "m4v", "mjpeg", "mpegvideo", "obu", "vc1", "vvc", "vc1test"),
)
SOUND = (
    *("aac", "ac3", "aiff", "amr", "ape", "au", "caf", "dsf", "dts", "dtshd", "eac3", "flac"),
    *("loas", "mp3", "mpc", "mpc8", "tak", "truehd", "tta", "voc", "w64", "wav", "wv"),
)
# An SVG is a text that names other files.
IMAGES = tuple(sorted(n for n in av.formats_available - {"svg_pipe"} if n.endswith("_pipe")))
ALLOWED = ",".join((*VIDEOS, *RAW_STREAMS, *SOUND, *IMAGES))
# Decoders keep up to 17 pictures, so that one video of larger ones could take all memory there is.
DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}
OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ALLOWED,
    **DECODER_OPTIONS,
}
GEN_PTS = 1  # AVFMT_FLAG_GENPTS
SEEK_BACK_S = (0, 1, 4, 16, 64)
# A cover has one picture, or a large and a small one.
COVER_PICTURES = 2
# A video has so many pictures before the head of its file ends.
MANY_PICTURES = 30
HEAD_PACKETS = 3000
AV_TIME = Fraction(1, 1_000_000)

av.logging.set_level(None)


class SeekResult(NamedTuple):
    """A successful seek: the time sought, the time of the keyframe found, and its packet."""

    target_pts: int
    key_pts: int
    packet: "Packet[Any]"


@contextmanager
def open_video(
    path: Path, *, makes_times: bool = False, accel: HWAccel | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video and its first real video stream, to be decoded by one thread.

    Only the file itself may be read: no other protocol, no playlist, no script. `makes_times` lets
    libav invent times of packets that have none, for callers that do not decode: they differ from
    the frames' times. `accel` is the device that decodes it instead of the CPU.
    Raises MediaError for a file that is gone, empty, forbidden, no video, or not decodable.
    """
    with open_container(path, accel) as container:
        if not makes_times:  # PyAV asks for it; the ffmpeg program, which cuts, does not
            container.flags &= ~GEN_PTS
        stream = video_stream(container, path)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = DECODER_OPTIONS
        yield container, stream


def open_container(path: Path, accel: HWAccel | None = None) -> InputContainer:
    """Open a file of pictures or sound; no other file can be read through it.

    Raises MediaError for a file that is gone, empty, forbidden or no such file, and for a device
    that does not open.
    """
    check_first_bytes(path)
    try:
        return av.open(url(path), options=OPTIONS, metadata_errors="replace", hwaccel=accel)
    except av.error.FFmpegError as error:
        fault = open_fault(path, error) if accel is None else f"it does not open: {error.strerror}"
        raise MediaError(fault) from error


def url(path: Path) -> str:
    """Return a path as libav and ffmpeg accept it, whatever characters it has."""
    return f"file:{path}"


def check_first_bytes(path: Path) -> None:
    """Check the first bytes of a file that may be a video.

    Raises MediaError for a file that is gone, empty, forbidden, no plain file, an archive or a
    text that names other files.
    """
    try:
        check_kind(path)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise MediaError("the file is gone") from error
    except PermissionError as error:
        raise MediaError("no permission to read the file") from error
    except OSError as error:
        raise MediaError(f"the file cannot be read: {error.strerror}") from error
    if not head:
        raise MediaError("an empty file (0 bytes)")
    for place, mark, name in ARCHIVES:
        if head.startswith(mark, place):
            raise MediaError(f"a {name} archive, not a video: unpack it")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, reason in REFERENCE_FORMATS:
        if text.startswith(mark) or (text.startswith(b"<") and mark in text):
            raise MediaError(reason)


def check_readable(path: Path) -> None:
    """Read a file to its end, since libav takes a failing disk for the end of the video.

    Raises MediaError where the system cannot read it.
    """
    try:
        with path.open("rb") as file:
            while file.read(READ_BYTES):
                pass
    except OSError as error:
        raise MediaError(f"the file cannot be read: {error.strerror}") from error


def open_fault(path: Path, error: av.error.FFmpegError) -> str:
    """Say in plain words why libav could not open a file."""
    fault = missing_index(path)
    if fault is not None:
        return fault
    if isinstance(error, av.error.InvalidDataError | av.error.ArgumentError):
        return "not a media file, or its header is damaged"
    return f"the file cannot be opened: {error.strerror}"


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Choose the stream that is the video: no attached picture, and no cover.

    Raises MediaError where there is none, or none that this build can decode.
    """
    if "image2" in container.format.name or container.format.name.endswith("_pipe"):
        raise MediaError("a still image, not a video")
    videos = moving_streams(container, path)
    if not videos:
        found = "audio only" if container.streams.audio else "no video and no audio"
        raise MediaError(f"no video stream: {found}")
    stream = max(videos, key=stream_rank)
    # PyAV leaves the decoder out, against its own annotation, where there is none.
    if stream.codec_context is None:
        raise MediaError(f"no decoder for codec {codec_description(container, stream)}")
    check_size(stream.codec_context.width, stream.codec_context.height)
    return stream


def moving_streams(container: InputContainer, path: Path) -> list[VideoStream]:
    """List the video streams that are neither attached pictures nor covers beside a video.

    Covers are often not flagged: a stream of one or two pictures is one where another has more.
    """
    streams = [s for s in container.streams if isinstance(s, VideoStream)]
    videos = [s for s in streams if not s.disposition & Disposition.attached_pic]
    if len(videos) <= 1:
        return videos
    counts = count_head_pictures(path, [stream.index for stream in videos])
    return [s for s in videos if counts[s.index] > COVER_PICTURES] or videos[:1]


def count_head_pictures(path: Path, indexes: list[int]) -> Counter[int]:
    """Count the pictures of each stream until one has many or the head of the file ends."""
    counts: Counter[int] = Counter()
    # A container of its own, since not every one can be wound back to its first packet.
    with av.open(url(path), options=OPTIONS, metadata_errors="replace") as container:
        streams = [s for s in container.streams if s.index in indexes]
        try:
            for packet in islice(container.demux(streams), HEAD_PACKETS):
                if packet.size:
                    counts[packet.stream_index] += 1
                if counts[packet.stream_index] >= MANY_PICTURES:
                    break
        except av.error.FFmpegError:
            # Damage ends the look; what was counted stands.
            pass
    return counts


def stream_rank(stream: VideoStream) -> tuple[bool, bool, int, int]:
    """Rank the videos of one file: decodable, default, largest, first."""
    decoder = stream.codec_context
    if decoder is None:
        return False, False, 0, -stream.index  # type: ignore[unreachable]
    is_default = bool(stream.disposition & Disposition.default)
    return True, is_default, decoder.width * decoder.height, -stream.index


def check_size(width: int, height: int) -> None:
    """Check that a picture fits in memory.

    Raises MediaError for a larger one.
    """
    if width * height > MAX_PIXELS:
        millions = MAX_PIXELS // 1_000_000
        raise MediaError(f"pictures of {width}x{height}: more than {millions} million pixels")


def codec_description(container: InputContainer, stream: VideoStream) -> str:
    """Return libav's name for the codec of a stream that has no decoder."""
    found = re.search(
        rf"Stream #0:{stream.index}\b.*?: Video: ([^,\n]*)", libav_description(container)
    )
    return found[1] if found else "unknown"


def libav_description(container: InputContainer) -> str:
    """Return libav's description of an open video: one line a stream, as ffmpeg prints it."""
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format())  # type: ignore[attr-defined]  # not in its stubs
    finally:
        av.logging.set_level(None)


def must_be_read_through(container: InputContainer, stream: VideoStream) -> bool:
    """Check whether frames are others after a seek than when read from the start.

    MPEG-PS stores few display times, and those of H.264 and HEVC between are guessed from what
    the decoder gave before. Early versions of x264 wrote colour in 4:4:4 in a way of their own, for
    which the decoder must have seen their name, in the video's first packet.
    """
    codec = stream.codec_context
    guesses = container.format.name == "mpeg" and codec.name in ("h264", "hevc")
    is_full_colour = codec.name == "h264" and "444" in (codec.pix_fmt or "")
    return (guesses and codec.has_b_frames) or is_full_colour


def seek_before(
    container: InputContainer, stream: VideoStream | AudioStream, pts: int
) -> SeekResult | None:
    """Seek a keyframe from which the frame at `pts` can be decoded; reading continues after it.

    None where no keyframe before `pts` can be sought: the video must be read from its start.
    """
    return next(seek_results(container, stream, pts), None)


def seek_results(
    container: InputContainer, stream: VideoStream | AudioStream, pts: int
) -> Iterator[SeekResult]:
    """Yield keyframes at or before `pts`, seeking further and further back.

    Some containers (MPEG-TS, MPEG-PS, files without an index) are sought by byte position and
    land late or between keyframes, and some name frames as keyframes that are none, so it may take
    several. What is sought from further back and lands at the same place is left out.
    """
    base = stream.time_base or AV_TIME
    known: set[int] = set()
    for back_s in SEEK_BACK_S:
        target = pts - int(back_s / base)
        try:
            container.seek(target, stream=stream)
            found = packets(container, stream, Damage())
            packet = next((p for p in found if p.size and p.is_keyframe), None)
        except av.error.FFmpegError:
            continue
        key_pts = packet_pts(packet) if packet is not None else None
        if packet is None or key_pts is None or key_pts > pts or key_pts in known:
            continue
        known.add(key_pts)
        yield SeekResult(target, key_pts, packet)


def packet_pts(packet: "Packet[Any]") -> int | None:
    """Return the time a packet's frame is shown, or its decoding time where no other is stored."""
    return packet.dts if packet.pts is None else packet.pts
