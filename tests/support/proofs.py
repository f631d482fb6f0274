"""The proof of one clip's file, for tests."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError
from vidcurate.media.output.decoder_process import DecoderProcess
from vidcurate.media.output.verify import Proof, WrittenClip, verify_files
from vidcurate.records import Clip, ExportedClip, Video

DECODERS = DecoderProcess(limit_s=60)


def verify_file(
    path: Path, video: Video, clip: Clip, pts: NDArray[np.int64], file: Path, row: ExportedClip
) -> Proof:
    """What is found in a clip's file; raises MediaError with the promise that it breaks."""
    [found] = verify_files(path, video, [WrittenClip(clip, file, row)], pts, DECODERS)
    if isinstance(found, MediaError):
        raise found
    return found
