"""Clip files decoded to their end by the decoders that trainers use, in a process of its own.

`python -m vidcurate.media.output.decoders` answers requests, a line of JSON each, so that what
hangs or crashes in a decoder ends with that process and not with the work on other clips.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import av
import cv2
import numpy as np

from vidcurate.errors import MediaError
from vidcurate.media.io.container import AV_TIME, DECODER_OPTIONS, open_video
from vidcurate.media.io.decode import Faults, decode_video
from vidcurate.media.output.frame_match import Part, small_picture

PYAV = "pyav"
# Containers round times, to a millisecond at the coarsest; less than two are one tick of it.
TOLERANCE_S = 0.0015


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be decoded: a file by a decoder, and by PyAV also small pictures of some frames.

    `edges_s` are the times of these frames from the file's first, `part` is what is compared of
    them, `size` how large. `strict` takes what is concealed otherwise for an error.
    """

    decoder: str
    file: str
    edges_s: tuple[float, ...] = ()
    part: Part | None = None
    size: tuple[int, int] = (1, 1)
    strict: bool = True


def count_by_opencv(file: str) -> int:
    """Count the frames that OpenCV decodes."""
    video = cv2.VideoCapture(file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    n_frames = 0
    while video.grab():
        n_frames += 1
    video.release()
    return n_frames


def count_by_decord(file: str) -> int:
    """Count the frames that decord decodes."""
    decord = importlib.import_module("decord")
    reader = decord.VideoReader(file, num_threads=1)
    return sum(1 for number in range(len(reader)) if reader[number] is not None)


def count_by_torchcodec(file: str) -> int:
    """Count the frames that torchcodec decodes."""
    decoders = importlib.import_module("torchcodec.decoders")
    decoder = decoders.VideoDecoder(file, num_ffmpeg_threads=1)
    return sum(1 for number in range(len(decoder)) if decoder[number] is not None)


COUNTERS: Mapping[str, Callable[[str], int]] = {
    "opencv": count_by_opencv,
    "decord": count_by_decord,
    "torchcodec": count_by_torchcodec,
}
TRIAL_FRAMES = 2


def usable_decoders() -> list[str]:
    """List the decoders that are installed and work on this machine, PyAV first."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "trial.mp4")
        write_trial(file)
        return [PYAV, *(name for name in COUNTERS if works(name, str(file)))]


def write_trial(file: Path) -> None:
    """Write a clip of TRIAL_FRAMES black frames by an encoder that every build has."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=TRIAL_FRAMES)
        stream.width = stream.height = 64
        for _ in range(TRIAL_FRAMES):
            black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            container.mux(stream.encode(black))
        container.mux(stream.encode(None))


def works(decoder: str, file: str) -> bool:
    """Whether a decoder is installed, finds its libraries and decodes the trial clip.

    torchcodec looks for its libraries no sooner than that.
    """
    try:
        return COUNTERS[decoder](file) == TRIAL_FRAMES
    except Exception:  # noqa: BLE001 - whatever is wrong, it cannot be used here
        return False


def answer(request: Request) -> tuple[dict[str, Any], bytes]:
    """Decode a file as asked; returns facts as JSON values, and the pixels of small pictures."""
    try:
        if request.decoder == PYAV:
            return decode_file(request)
        return {"n_frames": COUNTERS[request.decoder](request.file)}, b""
    except MediaError as error:
        return {"fault": str(error)}, b""
    except Exception as error:  # noqa: BLE001 - decoders raise what they like, and it is the file's
        text = " ".join(str(error).split())[:200]
        return {"fault": f"{request.decoder} cannot decode the file: {text}"}, b""


def decode_file(request: Request) -> tuple[dict[str, Any], bytes]:
    """Decode every frame of a file by PyAV.

    Raises MediaError for one that cannot be decoded to its end without an error.
    """
    faults = Faults()
    frame_times_s: list[float] = []
    end_s = 0.0
    pictures: list[bytes] = [b""] * len(request.edges_s)
    bars = [0.0] * len(request.edges_s)
    with open_video(Path(request.file)) as (container, stream):
        # The decoder must report damage as an error instead of concealing it.
        strict = {"err_detect": "explode"} if request.strict else {}
        stream.codec_context.options = {**DECODER_OPTIONS, **strict}
        base = float(stream.time_base or AV_TIME)
        header = {
            "header_frames": stream.frames,
            "header_s": (stream.duration or 0) * base,
            "rate": str(stream.average_rate or 0),
        }
        shapes: set[tuple[int, int]] = set()
        begin: int | None = None
        for pts, frame in decode_video(container, stream, faults):
            begin = pts if begin is None else begin
            time_s = (pts - begin) * base
            frame_times_s.append(time_s)
            shapes.add((frame.width, frame.height))
            end_s = time_s + frame.duration * base
            for number, edge_s in enumerate(request.edges_s):
                if abs(time_s - edge_s) <= TOLERANCE_S:
                    picture, bars[number] = small_picture(frame, request.size, request.part)
                    pictures[number] = picture.tobytes()
    if faults.stopped or faults.n_errors or faults.n_damaged:
        raise MediaError("the file cannot be decoded without errors")
    if len(shapes) > 1:
        raise MediaError("the file's pictures change their size")
    facts = {
        "frame_times_s": frame_times_s,
        "end_s": end_s,
        "shape": next(iter(shapes), (0, 0)),
        "sizes": [len(picture) for picture in pictures],
        "bars": bars,
    }
    return {**header, **facts}, b"".join(pictures)


def serve(requests: Iterator[str], replies: BinaryIO) -> None:
    """Answer requests, a line each, until there are no more; first tell which decoders there are.

    A reply is a line of JSON, which says how many bytes follow it.
    """

    def reply(facts: Mapping[str, Any], data: bytes = b"") -> None:
        replies.write(json.dumps({**facts, "n_bytes": len(data)}).encode() + b"\n" + data)
        replies.flush()

    reply({"decoders": usable_decoders()})
    for line in requests:
        asked = json.loads(line)
        part = asked.pop("part")
        reply(*answer(Request(**asked, part=Part(*part) if part else None)))


def main() -> None:
    """Answer the requests of standard input; what libraries print goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
