"""Videos that are encrypted or scrambled say so, and are not taken for damaged ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.videos import ffmpeg, render_counted
from vidcurate.errors import MediaError
from vidcurate.media.io.encryption import is_encrypted
from vidcurate.media.io.probe import probe_video

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "24")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=24")
KEY = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "0123456789abcdef" * 2)
KEY_ID = ("-encryption_kid", "fedcba9876543210" * 2)
PROTECTED = {
    "H.264": (X264, ("-c:a", "aac")),
    "silent": (X264, ("-an",)),
    "HEVC": (X265, ("-an",)),
    "MPEG-4": (("-c:v", "mpeg4"), ("-an",)),
    "fragmented": ((*X264, "-movflags", "frag_keyframe+empty_moov"), ("-an",)),
}


@pytest.mark.parametrize("kind", PROTECTED)
def test_encrypted_videos_are_refused(kind: str, tmp_path: Path) -> None:
    """Samples that are encrypted (ISO/IEC 23001-7) are named, whatever is in them."""
    plain, path = tmp_path / "plain.mp4", tmp_path / "video.mp4"
    encode, sound = PROTECTED[kind]
    render_counted(plain, 24, beep_s=(0, 1), encode=(*encode, *sound))
    moves = encode[-2:] if kind == "fragmented" else ()
    ffmpeg("-i", str(plain), "-c", "copy", *KEY, *KEY_ID, *moves, str(path))
    assert probe_video(plain, "video").faults == ()
    with pytest.raises(MediaError, match="encrypted"):
        probe_video(path, "video")


def scrambled_packets(data: bytes) -> bytes:
    """A transport stream whose packets with a payload are marked as scrambled."""
    changed = bytearray(data)
    for place in range(3, len(data), 188):
        if changed[place] & 0x10 and data[place - 2] & 0x1F == 1:
            changed[place] |= 0x80
    return bytes(changed)


def scrambled_pack(data: bytes) -> bytes:
    """A program stream whose packets of pictures are marked as scrambled, as on a DVD."""
    changed, place = bytearray(data), data.find(b"\x00\x00\x01\xe0")
    while place >= 0:
        changed[place + 6] |= 0x10
        place = data.find(b"\x00\x00\x01\xe0", place + 4)
    return bytes(changed)


MARKED: dict[str, Callable[[bytes], bytes]] = {
    "ts": scrambled_packets,
    "vob": scrambled_pack,
}


@pytest.mark.parametrize("suffix", MARKED)
def test_scrambled_streams_are_refused(suffix: str, tmp_path: Path) -> None:
    """Scrambled broadcasts and DVDs say so in every packet."""
    encode = ("-c:v", "mpeg2video", "-q:v", "2", "-b:v", "2M")
    path = render_counted(tmp_path / f"video.{suffix}", 250, rate="25", encode=encode)
    assert not any("encrypted" in fault for fault in probe_video(path, "video").faults)
    path.write_bytes(MARKED[suffix](path.read_bytes()))
    with pytest.raises(MediaError, match="encrypted"):
        probe_video(path, "video")


def element(kind: str, *parts: bytes) -> bytes:
    """An EBML element (RFC 8794) of a kind, by its number in hexadecimal."""
    body = b"".join(parts)
    return bytes.fromhex(kind) + (0x10000000 | len(body)).to_bytes(4, "big") + body


@pytest.mark.parametrize("kind", ["5035", "5034"])
def test_encrypted_tracks_of_matroska_are_found(kind: str, tmp_path: Path) -> None:
    """A ContentEncryption element says that a track is encrypted; a compressed one is not."""
    encoding = element("6240", element("5033", b"\x01"), element(kind, b""))
    track = element("ae", element("d7", b"\x01"), element("6d80", encoding))
    segment = element("18538067", element("ec", bytes(9)), element("1654ae6b", track))
    path = tmp_path / "video.webm"
    path.write_bytes(element("1a45dfa3", element("4282", b"webm")) + segment)
    assert is_encrypted(path) == (kind == "5035")
