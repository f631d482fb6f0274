"""A trainer's folder of clips with texts beside them, and the words that its configs share."""

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

from vidcurate.errors import MediaError
from vidcurate.exporting.target import Bundle, Sample
from vidcurate.exporting.training import Bucket, FileFacts
from vidcurate.media.io.container import open_container

CLIPS = "clips"
HOWTO = "HOWTO.md"
CACHE, RUNS = "cache", "runs"


def place_with_text(bundle: Bundle, sample: Sample, folder: str, text: str) -> None:
    """Put a clip's file and its text below root as X.mp4 and X.txt; no line feed ends the text."""
    bundle.place(sample, f"{folder}/{sample.stem}.mp4")
    bundle.text(f"{folder}/{sample.stem}.txt", text)


def folders_of(parts: Iterable[str], order: Sequence[str]) -> dict[str, str]:
    """Name a folder for each part that some clip belongs to, or one folder where there is one."""
    found = set(parts)
    used = [part for part in order if part in found]
    return {part: CLIPS if len(used) == 1 else f"{CLIPS}/{part}" for part in used}


def text_beside(file: Path) -> str:
    """Read the text beside a clip file; raises ValueError where there is none."""
    text = file.with_suffix(".txt")
    if not text.is_file():
        raise ValueError(f"{file.name} has no {text.name} beside it")
    return text.read_bytes().decode()


def clips_in(folder: Path) -> list[Path]:
    """List the clip files of a folder by name; raises ValueError for anything else that is in it.

    Trainers try to read what they find, or take captions from it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    files = sorted(folder.iterdir())
    clips = [file for file in files if file.suffix == ".mp4"]
    stems = {file.stem for file in clips}
    ours = {f"{stem}{suffix}" for stem in stems for suffix in (".mp4", ".txt")}
    foreign = [file.name for file in files if file.name not in ours]
    if foreign:
        raise ValueError(f"{foreign[0]} in {folder.name} belongs to no clip")
    if not clips:
        raise ValueError(f"{folder.name} has no clips")
    return clips


def inside(bundle: Bundle, path: str) -> Path:
    """Return where a path of a config, below `out`, lies now; raises ValueError for another."""
    if not Path(path).is_relative_to(bundle.out):
        raise ValueError(f"{path} is not below {bundle.out}")
    return bundle.root / Path(path).relative_to(bundle.out)


def quoted(value: str | Path) -> str:
    """Write a string so that JSON, TOML and YAML all read it."""
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def resized_note(facts: FileFacts, bucket: Bucket) -> str:
    """Say that pictures get another size, "" where they keep theirs."""
    if (facts.width, facts.height) == (bucket.width, bucket.height):
        return ""
    return f"{facts.width}x{facts.height} becomes {bucket.width}x{bucket.height}"


def header_facts(file: Path) -> FileFacts:
    """Read what trainers read of a clip file's header; raises ValueError where they cannot."""
    try:
        with open_container(file) as container:
            stream = container.streams.video[0]
            rate = Fraction(stream.average_rate or 0)
            facts = FileFacts(stream.width, stream.height, stream.frames, rate)
    except (MediaError, IndexError) as error:
        raise ValueError(f"{file.name} cannot be read: {error}") from error
    if not facts.n_frames or not facts.fps:
        raise ValueError(f"{file.name} has no frame count or no rate in its header")
    return facts


def rate_text(rate: Fraction) -> str:
    """Write a frame rate with as many digits as it needs, three at most."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def counted_note(facts: FileFacts, n_frames: int, fps: int) -> str:
    """Say how many frames a clip has at the model's rate, "" where that is its own."""
    if facts.fps == fps:
        return ""
    return f"{facts.n_frames} frames at {rate_text(facts.fps)} fps are {n_frames} at {fps}"


def joined(notes: Iterable[str]) -> str:
    """Join what there is to say."""
    return "; ".join(note for note in notes if note)
