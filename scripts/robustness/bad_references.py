"""Files that name other files or network addresses, in the hope that a demuxer follows them."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.robustness.bad_damage import REFUSED, Case, case
from scripts.robustness.bad_videos import X264, make

KIND = "reference"
# Text that names {it}, a path or an address, under the endings that it may come with.
LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{it}\n#EXT-X-ENDLIST\n",
    "hls-after-bom": "\ufeff#EXTM3U\n#EXTINF:3,\n{it}\n#EXT-X-ENDLIST\n",
    "hls-key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{it}"\n#EXTINF:3,\nx.ts\n#EXT-X-ENDLIST\n',
    "hls-map": '#EXTM3U\n#EXT-X-MAP:URI="{it}"\n#EXTINF:3,\n{it}\n#EXT-X-ENDLIST\n',
    "hls-variants": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{it}\n",
    "ffconcat": "ffconcat version 1.0\nfile '{it}'\n",
    "concat": "file '{it}'\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT3S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{it}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>\n",
    "smooth": '<?xml version="1.0"?><SmoothStreamingMedia Url="{it}"></SmoothStreamingMedia>\n',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nu={it}\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:{it}\n",
    "pls": "[playlist]\nFile1={it}\nNumberOfEntries=1\nVersion=2\n",
    "asx": '<asx version="3.0"><entry><ref href="{it}"/></entry></asx>\n',
    "asf-reference": "[Reference]\nRef1={it}\n",
    "smil": '<smil><body><video src="{it}"/></body></smil>\n',
    "avisynth": 'DirectShowSource("{it}")\n',
    "svg": '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "{it}">]><svg xmlns='
    '"http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" '
    'height="64"><image xlink:href="{it}" width="64" height="64"/><text>&x;</text></svg>\n',
    "vobsub": "# VobSub index file, v7\nid: en, index: 0\n# {it}\ntimestamp: 00:00:00:000, "
    "filepos: 000000000\n",
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/'
    '2067-3/2016"><Id>{it}</Id></CompositionPlaylist>\n',
    "metadata": ";FFMETADATA1\ntitle={it}\n",
}


def referring(videos: Mapping[str, bytes], outside: Path, port: int) -> Iterator[Case]:
    """Playlists, scripts and reference videos that point at `outside` or at the port."""
    targets = {
        "path": str(outside),
        "url": f"file://{outside}",
        "http": f"http://127.0.0.1:{port}/video.ts",
        "tcp": f"tcp://127.0.0.1:{port}",
    }
    for name, text in LISTS.items():
        for target, it in targets.items():
            data = text.format(it=it, port=port).encode()
            yield case(f"{name} {target}.mp4", KIND, REFUSED, data)
    for ending in ("m3u8", "ffconcat", "mpd", "sdp", "asx", "avs"):
        text = {"m3u8": "hls", "mpd": "dash", "avs": "avisynth"}.get(ending, ending)
        data = LISTS[text].format(it=targets["path"], port=port).encode()
        yield case(f"{ending}.{ending}", KIND, REFUSED, data)
    yield Case(b"reference video.mov", KIND, REFUSED, lambda at: reference_video(at, outside))
    yield case("redirect.mov", KIND, REFUSED, redirect(targets["http"]))
    # Read as a name pattern, the first of these is the second.
    pattern = videos["mjpeg.mov"].find(b"\xff\xd8")
    picture = videos["mjpeg.mov"][pattern:][:20_000]
    yield case("still%03d.jpg", KIND, REFUSED, picture)
    yield case("still001.jpg", KIND, REFUSED, picture + b"1")


def reference_video(path: Path, outside: Path) -> None:
    """A MOV whose pictures lie in another file, which an alias record names (QTFF, `dref`)."""
    make(path, (*X264, "-an"))
    data = path.read_bytes()
    name = str(outside).encode()
    name += b"\0" * (len(name) % 2)
    alias = b"\0" * 10 + bytes(28) + bytes(12) + bytes(64) + bytes(16) + b"\0\0\0\0" + bytes(16)
    alias += struct.pack(">HH", 2, len(name)) + name + struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    at = data.index(b"dref")
    old = int.from_bytes(data[at + 12 : at + 16], "big")
    grown = data[: at + 12] + entry + data[at + 12 + old :]
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        # Of boxes that a sound track has too, the one that holds this reference is the last.
        place = grown.rindex(box, 0, at + 4) - 4
        size = int.from_bytes(grown[place : place + 4], "big") + len(entry) - old
        grown = grown[:place] + size.to_bytes(4, "big") + grown[place + 4 :]
    path.write_bytes(grown)


def redirect(address: str) -> bytes:
    """A MOV that only says where the video is to be had (QTFF, `rmra`)."""
    url = address.encode() + b"\0"
    data = box(b"rdrf", bytes(4) + b"url " + len(url).to_bytes(4, "big") + url)
    return box(b"ftyp", b"qt  " + bytes(8)) + box(b"moov", box(b"rmra", box(b"rmda", data)))


def box(kind: bytes, body: bytes) -> bytes:
    """A box of a MOV or MP4."""
    return struct.pack(">I4s", 8 + len(body), kind) + body
