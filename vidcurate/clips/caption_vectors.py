"""The vectors of a clip's text and of its sentences on disk."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vidcurate.clips.vectors import Vectors, vector_column
from vidcurate.errors import MediaError
from vidcurate.store.storage import Location
from vidcurate.store.table import arrow_source, write_parquet


def write_caption_vectors(file: Path, texts: Sequence[str], vectors: Vectors) -> None:
    """Write texts, the whole first and then its sentences, with their vectors.

    The file has columns `text` and `vector`, a list of fixed size of half-precision numbers.
    """
    write_parquet(
        file, pa.table({"text": pa.array(texts, pa.string()), "vector": vector_column(vectors)})
    )


def read_caption_vectors(file: Location) -> pa.Table:
    """Read a clip's texts and their vectors, for `matrix`: the whole text first.

    Raises MediaError where the file is missing or damaged.
    """
    try:
        with pq.ParquetFile(arrow_source(file)) as opened:
            return opened.read()
    except (OSError, pa.ArrowInvalid) as error:
        raise MediaError(
            f"cannot read the vectors {file.name!r}: run sentences for the clip again"
        ) from error
