"""Shards as NVIDIA's cosmos-curate writes them: tars of clips, by resolution, shape and length.

Read at 29f1358. In each bin the tars of `video` and `metas` have the same names and the same keys
in the same order. The third kind, `t5_xxl`, holds pickles of a text encoder's output, which it
makes itself.
"""

import csv
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcurate.exporting.layouts.clip_folder import inside
from vidcurate.exporting.layouts.listing import to_json
from vidcurate.exporting.layouts.trainer_files import facts_of
from vidcurate.exporting.target import Bundle, Sample, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Training

BYTES_PER_TAR = 500 << 20
TARS_PER_PART = 100
VERSION = "v0"
KINDS = {"video": "mp4", "metas": "json"}
CAPTION_KEY = "qwen_caption"
INFO, LIST = "wdinfo.json", "wdinfo_list.csv"
# Width over height up to which a shape goes, the first that is not exceeded.
SHAPES = ((0.65, "9_16"), (0.88, "3_4"), (1.16, "1_1"), (1.55, "4_3"), (10.0, "16_9"))
# Seconds up to which a length goes; 5 at least.
LENGTHS = ((10, "5_10"), (30, "10_30"), (None, "30_inf"))
MIN_SECONDS = 5
HOWTO = """# Shards of cosmos-curate

`{version}/` holds tars of clips as cosmos-curate's command `shard` writes them:

```
resolution_1080|720|lt_720/aspect_ratio_W_H/duration_5_10|10_30|30_inf/
    video/part_000000/000000.tar   KEY.mp4
    metas/part_000000/000000.tar   KEY.json: size, frames, rate, and captions of windows
    wdinfo.json                    the tars of this bin
wdinfo_list.csv                    the bins
```

| bin | clips | tars |
|---|---|---|
{bins}

Read them in pairs with webdataset, here of the first bin:

```python
import json

import webdataset as wds

root = {root!r}
tars = json.load(open(f"{{root}}/wdinfo.json"))["data_list"]
videos = wds.WebDataset([f"{{root}}/video/{{tar}}" for tar in tars], shardshuffle=False)
metas = wds.WebDataset([f"{{root}}/metas/{{tar}}" for tar in tars], shardshuffle=False)
for video, meta in zip(videos, metas):
    assert video["__key__"] == meta["__key__"]
```

- `t5_xxl/` is not here: cosmos-curate makes it, as pickles of T5's output, and the loader of
  Cosmos-Predict2 wants it. Make it in the same tars with the same keys, and add `t5_xxl` to
  `data_keys` of each `wdinfo.json`; or train with the target cosmos-predict2, whose own script
  makes it.
- `wdinfo.json` and `wdinfo_list.csv` hold absolute paths: write the export again when you move it.
- The caption of a clip is `{key}` of its one window, the name that cosmos-curate gives by default.
- Clips shorter than {seconds} s have no bin. Files have the rate that they have.
"""


@dataclass(frozen=True, slots=True, order=True)
class Bin:
    """A folder of shards: clips of one class of resolution, one of shape, and one of length."""

    resolution: str
    shape: str
    length: str

    def __str__(self) -> str:
        return f"resolution_{self.resolution}/aspect_ratio_{self.shape}/duration_{self.length}"


def bin_of(facts: FileFacts) -> Bin | None:
    """Return the bin of a clip; None if it has none."""
    seconds, aspect = facts.n_frames / facts.fps, facts.width / facts.height
    short = min(facts.width, facts.height)
    resolution = "1080" if short >= 1080 else "720" if short >= 720 else "lt_720"  # noqa: PLR2004
    shape = next((name for limit, name in SHAPES if aspect <= limit), None)
    if shape is None or seconds < MIN_SECONDS:
        return None
    length = next(name for limit, name in LENGTHS if limit is None or seconds <= limit)
    return Bin(resolution, shape, length)


def fate(facts: FileFacts, _training: Training) -> Fate:
    """Tell whether a clip has a bin; it is kept as it is."""
    if bin_of(facts) is not None:
        return Fate("whole", Bucket(facts.width, facts.height, facts.n_frames))
    seconds = float(facts.n_frames / facts.fps)
    if seconds < MIN_SECONDS:
        return Fate("dropped", None, f"{seconds:.2f} s, shorter than {MIN_SECONDS} s")
    return Fate("dropped", None, f"{facts.width}x{facts.height} is wider than 10 to 1")


def write(bundle: Bundle) -> None:
    """Write the tars of each bin, and what lists them."""
    clips: dict[Bin, int] = {}
    for sample in bundle.samples():
        found = required_bin(sample)
        clips[found] = clips.get(found, 0) + 1
    bins = sorted(clips)
    tars = {found: write_bin(bundle, found) for found in bins}
    infos = [[str(bundle.out / VERSION / str(found) / INFO)] for found in bins]
    with bundle.file(f"{VERSION}/{LIST}").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(infos)
    howto = HOWTO.format(
        version=VERSION,
        bins="\n".join(f"| {b} | {clips[b]} | {len(tars[b])} |" for b in bins),
        root=str(bundle.out / VERSION / str(bins[0])),
        key=CAPTION_KEY,
        seconds=MIN_SECONDS,
    )
    bundle.text("HOWTO.md", howto)


def required_bin(sample: Sample) -> Bin:
    """Return the bin of a clip; raises ValueError for a clip without one."""
    found = bin_of(facts_of(sample))
    if found is None:
        raise ValueError(f"{sample.stem} is shorter than {MIN_SECONDS} s, or too wide")
    return found


def write_bin(bundle: Bundle, found: Bin) -> list[str]:
    """Write the tars of a bin and what lists them; return their names."""
    folder = f"{VERSION}/{found}"
    names: list[str] = []
    n_clips = 0
    for samples in tar_groups(bundle, found):
        part, number = divmod(len(names), TARS_PER_PART)
        names.append(f"part_{part:06d}/{number:06d}.tar")
        n_clips += len(samples)
        clips = [bundle.clip_file(sample) for sample in samples]
        videos = ((f"{s.stem}.mp4", clip) for s, clip in zip(samples, clips, strict=True))
        write_tar(bundle.file(f"{folder}/video/{names[-1]}"), videos)
        metas = ((f"{s.stem}.json", meta_of(s, c)) for s, c in zip(samples, clips, strict=True))
        write_tar(bundle.file(f"{folder}/metas/{names[-1]}"), metas)
    info = {
        "data_keys": list(KINDS),
        "chunk_size": TARS_PER_PART,
        "data_list": names,
        "root": str(bundle.out / folder),
        "total_key_count": n_clips,
    }
    bundle.text(f"{folder}/{INFO}", f"{json.dumps(info, indent=2)}\n")
    return names


def tar_groups(bundle: Bundle, found: Bin) -> Iterator[list[Sample]]:
    """Yield the clips of each tar of a bin: as many as fit into its bytes, one at least."""
    group: list[Sample] = []
    n_bytes = 0
    for sample in bundle.samples():
        if bin_of(facts_of(sample)) != found:
            continue
        size = bundle.clip_file(sample).stat().st_size
        if group and (
            n_bytes + size > BYTES_PER_TAR or len(group) == bundle.options.rows_per_shard
        ):
            yield group
            group, n_bytes = [], 0
        group.append(sample)
        n_bytes += size
    yield group


def meta_of(sample: Sample, clip: Path) -> bytes:
    """Return what `metas` says of a clip: one window that is all of it."""
    facts = facts_of(sample)
    meta = {
        "span_uuid": sample.stem,
        "source_video": sample.row.get("source_name", sample.video_id),
        "width": facts.width,
        "height": facts.height,
        "num_frames": facts.n_frames,
        "framerate": float(facts.fps),
        "num_bytes": clip.stat().st_size,
        "windows": [{"start_frame": 0, "end_frame": facts.n_frames, CAPTION_KEY: sample.caption}],
        "valid": True,
        "has_caption": bool(sample.caption),
    }
    return to_json(meta, in_ascii=True).encode()


def write_tar(file: Path, members: Iterable[tuple[str, Path | bytes]]) -> None:
    """Write a tar of files and bytes, the same whenever it is written."""
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.size = content.stat().st_size
                with content.open("rb") as source:
                    tar.addfile(entry, source)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the tars that lists name, in pairs; raises ValueError where two do not belong together.

    Or where a bin does not hold as many clips as its list says.
    """
    with (bundle.root / VERSION / LIST).open(encoding="utf-8", newline="") as file:
        infos = [inside(bundle, row[0]) for row in csv.reader(file)]
    pairs = [pair for info in infos for pair in read_bin(info)]
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a clip lies in the shards twice")
    return pairs


def read_bin(info_file: Path) -> list[tuple[str, str]]:
    """Return the keys of a bin with their captions; raises ValueError as `read` does."""
    info = json.loads(info_file.read_text("utf-8"))
    pairs = []
    for name in info["data_list"]:
        videos, metas = (info_file.parent / kind / name for kind in KINDS)
        keys = [key for key, _ in tar_members(videos, KINDS["video"])]
        found = list(tar_members(metas, KINDS["metas"]))
        if keys != [key for key, _ in found]:
            raise ValueError(f"{name} has other keys in metas than in video")
        pairs += [(key, json.loads(text)["windows"][0][CAPTION_KEY]) for key, text in found]
    if len(pairs) != info["total_key_count"]:
        raise ValueError(f"{info_file.parent} has {len(pairs)} clips and not as many as it states")
    return pairs


def tar_members(file: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """Yield key and content of each file in a tar; raises ValueError for one of another kind."""
    try:
        with tarfile.open(file) as tar:
            for entry in tar:
                key, _, found = entry.name.partition(".")
                content = tar.extractfile(entry)
                if found != suffix or content is None:
                    raise ValueError(f"{file.name} holds {entry.name}")
                yield key, content.read() if suffix == KINDS["metas"] else b""
    except (tarfile.TarError, OSError) as error:
        raise ValueError(f"{file.name} cannot be read: {error}") from error


TARGET = Target(
    name="cosmos-curate",
    summary="Shards of clips by resolution, shape and length, as cosmos-curate writes them.",
    write=write,
    read=read,
    fate=fate,
)
