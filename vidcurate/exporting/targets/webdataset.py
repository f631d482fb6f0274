"""webdataset: tar files of clips that are streamed one after the other."""

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from vidcurate.exporting.layouts.listing import columns_of, present, to_json
from vidcurate.exporting.target import Bundle, Sample, Target

# The `datasets` library takes the columns of a data set from so many of its first samples.
N_FIRST = 5
NAME = "{split}-{number:06d}.tar"
HOWTO = """# Tar files for webdataset

`train-000000.tar` and so on hold, for each clip, `X.mp4`, `X.txt` (its caption), `X.json` (its
columns that are not null) and, where it has sound of its own, `X.wav`. Clips with sound come first.

```python
import webdataset

shards = "train-{{000000..{last}}}.tar"
clips = webdataset.WebDataset(shards, shardshuffle=100).shuffle(1000).to_tuple("mp4", "txt", "json")
```

Have at least as many tar files as there are workers on all nodes: see `--rows-per-shard`.

```python
from datasets import load_dataset

load_dataset("webdataset", data_files={{"train": "train-*.tar"}}, streaming=True)
```

`datasets` takes the columns of the first {n_first} clips for those of all. {missing} It needs
torchcodec for videos, and for sound even to leave it as it is.
"""


def write(bundle: Bundle) -> None:
    """Write one split's clips, in the same bytes whenever they are the same."""
    first: set[str] = set()
    every: set[str] = set()
    n_rows, number = 0, 0
    for number, shard in enumerate(shards(bundle)):
        name = NAME.format(split=bundle.split, number=number)
        with tarfile.open(bundle.file(name), "w") as tar:
            for sample, sound in shard:
                columns = present(columns_of(sample, f"{sample.stem}.mp4"))
                add_sample(tar, bundle, sample, sound, to_json(columns))
                every |= columns.keys()
                first |= columns.keys() if n_rows < N_FIRST else set()
                n_rows += 1
    if bundle.split == "train":
        write_howto(bundle, number, sorted(every - first))


def shards(bundle: Bundle) -> Iterator[list[tuple[Sample, Path | None]]]:
    """Yield the clips of each tar file with their sound, as many as its bounds allow."""
    shard: list[tuple[Sample, Path | None]] = []
    n_bytes = 0
    for sample, sound in in_order(bundle):
        size = bundle.clip_file(sample).stat().st_size + (sound.stat().st_size if sound else 0)
        is_full = len(shard) == bundle.options.rows_per_shard
        is_full |= n_bytes + size > bundle.options.bytes_per_shard
        if shard and (is_full or (shard[-1][1] is None) != (sound is None)):
            yield shard
            shard, n_bytes = [], 0
        shard.append((sample, sound))
        n_bytes += size
    if shard:
        yield shard


def in_order(bundle: Bundle) -> Iterator[tuple[Sample, Path | None]]:
    """Yield samples with their sound, those that have one before those that have none.

    Readers take the fields of the first samples for those of all.
    """
    for with_sound in (True, False):
        for sample in bundle.samples():
            sound = bundle.sound_file(sample)
            if (sound is not None) == with_sound:
                yield sample, sound


def add_sample(
    tar: tarfile.TarFile, bundle: Bundle, sample: Sample, sound: Path | None, columns: str
) -> None:
    """Add the members of one clip, one after the other."""
    add_file(tar, f"{sample.stem}.mp4", bundle.clip_file(sample))
    for suffix, text in (("txt", sample.caption), ("json", columns)):
        content = text.encode()
        add_member(tar, f"{sample.stem}.{suffix}", len(content), io.BytesIO(content))
    if sound:
        add_file(tar, f"{sample.stem}.wav", sound)


def add_file(tar: tarfile.TarFile, name: str, file: Path) -> None:
    """Add a file under a name."""
    with file.open("rb") as content:
        add_member(tar, name, file.stat().st_size, content)


def add_member(tar: tarfile.TarFile, name: str, size: int, content: BinaryIO) -> None:
    """Add a member that has neither an owner nor a time."""
    member = tarfile.TarInfo(name)
    member.size = size
    tar.addfile(member, content)


def write_howto(bundle: Bundle, last: int, missing: Sequence[str]) -> None:
    """Write how to read the tar files."""
    lacks = f"It leaves out {', '.join(missing)}: name them in `features`." if missing else ""
    text = HOWTO.format(last=f"{last:06d}", n_first=N_FIRST, missing=lacks)
    bundle.text("HOWTO.md", text.rstrip() + "\n")


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read a split's tar files with webdataset where it is installed, else as it does.

    Raises ValueError for gaps between numbers, for a key in two places, and for a clip of another
    length than its file.
    """
    tars = sorted(bundle.root.glob(f"{bundle.split}-*.tar"))
    names = [NAME.format(split=bundle.split, number=n) for n in range(len(tars))]
    if [tar.name for tar in tars] != names:
        raise ValueError(f"tar files are not numbered without gaps: {tars[-1].name} is the last")
    sizes = {s.stem: bundle.clip_file(s).stat().st_size for s in bundle.samples()}
    pairs = []
    for key, fields in with_webdataset(tars) if find_spec("webdataset") else with_tar(tars):
        if sizes.pop(key, None) != len(fields["mp4"]):
            raise ValueError(f"{key}.mp4 is there twice, or is not the clip of that name")
        pairs.append((key, fields["txt"].decode()))
    if sizes:
        raise ValueError(f"{min(sizes)} is in no tar file")
    return pairs


def with_webdataset(tars: Sequence[Path]) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield keys and fields as the library does, which stops where a field repeats."""
    from webdataset.tariterators import (  # noqa: PLC0415 - not every installation has it
        group_by_keys,
        tar_file_expander,
    )

    for tar in tars:
        with tar.open("rb") as stream:
            members = tar_file_expander([{"url": tar.name, "stream": stream}])
            for sample in group_by_keys(members):
                yield sample["__key__"], sample


def with_tar(files: Iterable[Path]) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield keys and fields of tar files: a key is a member's name up to its first dot.

    Raises ValueError where a field repeats.
    """
    for file in files:
        with tarfile.open(file) as tar:
            for key, members in groupby(tar, lambda member: member.name.partition(".")[0]):
                fields: dict[str, bytes] = {}
                for member in members:
                    field = member.name.partition(".")[2].lower()
                    content = tar.extractfile(member)
                    if field in fields or content is None:
                        raise ValueError(f"{file.name}: {member.name} is there twice or no file")
                    fields[field] = content.read()
                yield key, fields


TARGET = Target(
    name="webdataset",
    summary="Tar files to stream: mp4, txt, json and wav of each clip.",
    write=write,
    read=read,
    needs_captions=False,
    names_splits=True,
    data_files="{split}-*.tar",
)
