"""What a target is: the trainer's arithmetic, its rules for captions, a writer and a reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcurate.exporting.links import link
from vidcurate.exporting.training import Fate, FileFacts, Training
from vidcurate.exporting.video_models import ModelName


@dataclass(frozen=True, slots=True)
class Sample:
    """One clip as a target writes it.

    `stem` is unique over the export: ASCII letters, digits, `_` and `-`. `facts` are those of its
    file, None for a clip without one. `caption` is one line, "" where there is none; `captions` are
    all its texts, that one first. `row` holds the columns of the table of `parquet`.
    """

    clip_id: str
    video_id: str
    stem: str
    facts: FileFacts | None
    has_audio: bool
    caption: str
    captions: Sequence[str]
    fate: Fate
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """Options of targets: each target reads those that concern it.

    `columns` names the columns of csv and jsonl: column to write → column of the table. `questions`
    are the templates that chat targets ask with. `rows_per_shard` bounds shards.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    questions: Sequence[str] = ()
    rows_per_shard: int = 10_000
    seed: int = 0


@dataclass(frozen=True)
class Bundle:
    """One folder that a target fills: an export, or one split of it.

    `root` is the folder that is written, which is later moved to `out`: absolute paths in configs
    are below that one. `name` names the data set in configs (ASCII letters, digits, `_` and `-`).
    `training` says what files were made for. `list_samples` yields the clips that the target takes,
    by video and time, anew at each call; `clip_file` is where a clip's file lies.
    """

    root: Path
    out: Path
    name: str
    training: Training
    options: TargetOptions
    list_samples: Callable[[], Iterator[Sample]]
    clip_file: Callable[[Sample], Path]

    def samples(self) -> Iterator[Sample]:
        """Yield the clips that the target takes; may be called again."""
        return self.list_samples()

    def place(self, sample: Sample, name: str) -> None:
        """Put a clip's file under a name below root, as a hard link where that is possible."""
        link(self.clip_file(sample), self.file(name))

    def text(self, name: str, content: str) -> None:
        """Write a text file in UTF-8 with line feeds."""
        self.file(name).write_text(content, "utf-8", newline="\n")

    def file(self, name: str) -> Path:
        """Return a path below root that the target writes itself; its folder exists."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True)
class Target:
    """A layout that some trainer or library reads.

    `model` is what it trains where nothing else is asked for; None for layouts that train nothing,
    which keep the video's own rate and size. `models` are those that it can train. `fate` is its
    arithmetic. `caption_fault` says what of a caption breaks its rules, "" where nothing does.
    `write` fills a folder, with the trainer's config and HOWTO.md. `read` reads that folder back as
    the trainer does, and returns the stem and caption of each clip in the trainer's order: raises
    ValueError with what the trainer would refuse. `cuts_to_length` says that files must have
    exactly a trained length, since longer ones are stretched, dropped or make their batch
    fail; `spare_frames` is how many frames more than trained it needs. With `one_size` pictures of
    another aspect than the model's are stretched, so that files have its size only.
    """

    name: str
    summary: str
    write: Callable[[Bundle], None]
    read: Callable[[Bundle], Sequence[tuple[str, str]]]
    fate: Callable[[FileFacts, Training], Fate] | None = None
    caption_fault: Callable[[str], str] | None = None
    model: ModelName | None = None
    models: tuple[ModelName, ...] = ()
    needs_files: bool = True
    needs_captions: bool = True
    cuts_to_length: bool = False
    spare_frames: int = 0
    one_size: bool = False
