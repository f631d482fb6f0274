"""Reading the files of a scan: the signals of every frame, and the samples with their proxies."""

from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from vidcurate.errors import MediaError

# The frames and samples of one video stay mapped while its clips are measured, and the next one's.
MAPPED_FILES = 4
# Where a scan left out frames, the number of the run of frames that one was decoded in.
RUN = "run"
# The probability that a shot begins with a keyframe, or just before a large packet.
PACKET_CHANGE = "packet_change"


def read_frames(file: Path, columns: tuple[str, ...] | None = None) -> pa.Table:
    """Read the signals of a scan, one row a frame in time order, memory-mapped."""
    return read_table(file, columns)


def read_samples(file: Path, columns: tuple[str, ...] | None = None) -> pa.Table:
    """Read the samples of a scan in time order, memory-mapped; see SAMPLES_SCHEMA."""
    return read_table(file, columns)


def read_table(file: Path, columns: tuple[str, ...] | None) -> pa.Table:
    """Map an Arrow IPC file as a table; nothing is read before it is used.

    The column `pts` is in one piece, so that looking up a clip in it copies nothing. Raises
    MediaError when the file is missing or not such a file.
    """
    try:
        found = file.stat()
        table = map_file(file, found.st_ino, found.st_mtime_ns, found.st_size)
    except (OSError, pa.ArrowInvalid) as error:
        raise MediaError(
            f"cannot read the scan file {file.name!r}: scan the video again"
        ) from error
    return table if columns is None else table.select(list(columns))


@lru_cache(maxsize=MAPPED_FILES)
def map_file(file: Path, _inode: int, _mtime_ns: int, _size: int) -> pa.Table:
    """Map a file once for all clips of a video, which come one after another."""
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    number = table.schema.get_field_index("pts")
    return table.set_column(number, table.schema.field(number), table["pts"].combine_chunks())
