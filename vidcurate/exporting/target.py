"""What a target is: the trainer's arithmetic, its rules for captions, a writer and a reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from vidcurate.exporting.folder.links import link
from vidcurate.exporting.folder.manifest import KnownHashes, Previous
from vidcurate.exporting.folder.row_files import RowFiles
from vidcurate.exporting.layouts.questions import Questions
from vidcurate.exporting.training import Fate, FileFacts, Training
from vidcurate.exporting.video_models import ModelName
from vidcurate.stage import DatasetView


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

    `columns` names the columns of lists: column to write → column of the table. `absolute_paths`
    has lists name files by absolute paths. `questions` are what chat targets ask, `all_texts` has
    them ask for each text of a clip and not only for its caption. `rows_per_shard` and
    `bytes_per_shard` bound shards, `embed_bytes` puts clip files into those of rows. `arrays` has
    `fixed` write arrays in place of videos.
    `components` is the number of principal components that `features` keeps, 0 for the vectors as
    they are; `quantise` stores them in 8 bits. `films` has rows of whole videos written too.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    absolute_paths: bool = False
    questions: Questions = field(default_factory=Questions)
    all_texts: bool = False
    rows_per_shard: int = 10_000
    embed_bytes: bool = False
    bytes_per_shard: int = 1 << 30
    arrays: bool = False
    components: int = 0
    quantise: bool = False
    films: bool = False
    seed: int = 0


def no_sound(_sample: "Sample") -> Path | None:
    """The `sound_file` of an export that writes no sound of its own."""
    return None


def no_subtitles(_row: Mapping[str, Any]) -> Mapping[str, str]:
    """The `subtitles` of an export that writes none."""
    return {}


@dataclass(frozen=True)
class Bundle:
    """One folder that a target fills: an export, or one split of it.

    `root` is the folder that is written, which is later moved to `out`: absolute paths in configs
    are below that one. `name` names the data set in configs (ASCII letters, digits, `_` and `-`).
    `training` says what files were made for. `list_samples` yields the clips that the target takes,
    by video and time, anew at each call; `clip_file` is where a clip's file lies, `sound_file`
    where its sound does as WAV, if it has any; `subtitles` gives, for a row, the text of each
    subtitle file by its ending. `split` is the part of the data set that is written,
    to the export itself or to a folder of its own in it (`has_own_folder`). `schema` states the
    types of the columns in `Sample.row`, where they are known; `view` is the data set, for targets
    that read more than clips. A layout of rows is given the table in pieces by `list_tables`, that
    of the clips' videos by `list_videos`, those of whole videos that are wanted by `list_films`, by
    their names, and puts the files that rows name by `row_files`.
    `previous` is the export that is replaced, `known` remembers hashes of files that need not be
    read again.
    """

    root: Path
    out: Path
    name: str
    training: Training
    options: TargetOptions
    list_samples: Callable[[], Iterator[Sample]]
    clip_file: Callable[[Sample], Path]
    sound_file: Callable[[Sample], Path | None] = no_sound
    subtitles: Callable[[Mapping[str, Any]], Mapping[str, str]] = no_subtitles
    schema: pa.Schema | None = None
    view: DatasetView | None = None
    split: str = "train"
    has_own_folder: bool = False
    list_tables: Callable[[], Iterator[pa.Table]] | None = None
    list_videos: Callable[[], Iterator[pa.Table]] | None = None
    list_films: Mapping[str, Callable[[], Iterator[pa.Table]]] = field(default_factory=dict)
    row_files: RowFiles | None = None
    previous: Previous | None = None
    known: KnownHashes = field(default_factory=KnownHashes)

    def samples(self) -> Iterator[Sample]:
        """Yield the clips that the target takes; may be called again."""
        return self.list_samples()

    def tables(self) -> Iterator[pa.Table]:
        """Yield the table of the clips that the target takes, in pieces."""
        if self.list_tables is not None:
            return self.list_tables()
        return iter([pa.Table.from_pylist([dict(sample.row) for sample in self.samples()])])

    def place(self, sample: Sample, name: str) -> None:
        """Put a clip's file under a name below root, as a hard link where that is possible.

        Its subtitles lie beside it, for targets that take them.
        """
        file = self.file(name)
        link(self.clip_file(sample), file)
        self.place_subtitles(sample.row, name)
        if sample.row.get("sha256"):
            self.known.add(file, sample.row["sha256"])

    def place_subtitles(self, row: Mapping[str, Any], name: str) -> None:
        """Write the subtitles of a row's clip, whose file has this name, beside it."""
        for ending, text in self.subtitles(row).items():
            self.text(str(PurePosixPath(name).with_suffix(f".{ending}")), text)

    def keep(self, name: str, as_name: str) -> bool:
        """Take a file of the previous export under a name; False where it is not as written."""
        file = self.file(as_name)
        entry = self.previous.keep(name, file) if self.previous else None
        if entry is not None:
            self.known.add(file, entry.sha256, entry.end)
        return entry is not None

    def beside(self, name: str) -> Path:
        """Return a folder next to the export, for what a trainer writes by itself.

        In the export it would be foreign, and nothing may replace a folder with foreign files.
        """
        root, within = (self.out, "") if not self.has_own_folder else (self.out.parent, self.split)
        return root.with_name(f"{root.name}-{name}") / within

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
    arithmetic. `check` raises UsageError for options and training that it cannot follow.
    `caption_fault` says what of a caption breaks its rules, "" where nothing does.
    `write` fills a folder, with the trainer's config and HOWTO.md. `read` reads that folder back as
    the trainer does, and returns the stem and caption of each clip in the trainer's order: raises
    ValueError with what the trainer would refuse. `cuts_to_length` says that files must have
    exactly a trained length, since longer ones are stretched, dropped or make their batch
    fail; `spare_frames` is how many frames more than trained it needs. With `one_size` pictures of
    another aspect than the model's are stretched, so that files have its size only. A layout
    `of_rows` is written from the table, with captions as they are. With `names_splits` file names
    say the split, so that all splits go into one folder, `train` first; else each has its own.
    With `takes_subtitles` files of subtitles may lie beside its clips.
    `data_files` is what readers on hubs load of a split, as a glob with {split}.
    """

    name: str
    summary: str
    write: Callable[[Bundle], None]
    read: Callable[[Bundle], Sequence[tuple[str, str]]]
    fate: Callable[[FileFacts, Training], Fate] | None = None
    check: Callable[[Training, TargetOptions], object] | None = None
    caption_fault: Callable[[str], str] | None = None
    model: ModelName | None = None
    models: tuple[ModelName, ...] = ()
    needs_files: bool = True
    needs_captions: bool = True
    cuts_to_length: bool = False
    spare_frames: int = 0
    one_size: bool = False
    of_rows: bool = False
    names_splits: bool = False
    takes_subtitles: bool = False
    data_files: str = ""
