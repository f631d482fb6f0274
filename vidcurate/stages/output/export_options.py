"""The options of export: which targets, what their files are to be like, and where they lie."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from vidcurate.exporting.settings import AUTO, MODEL, SOURCE, Asked, check_shape, exact_rate
from vidcurate.exporting.targets import TargetName
from vidcurate.exporting.video_models import ModelName
from vidcurate.media.subtitles.writing import WRITERS
from vidcurate.options import Choice, StageConfig, choice, option
from vidcurate.store.storage import Remote, location

Preset = Literal["ultrafast", "veryfast", "fast", "medium", "slow", "veryslow"]
Encoder = Literal["x264", "x265", "svt-av1", "h264-nvenc", "hevc-nvenc"]
# The quality of each encoder where none is asked for, and the worst that it takes.
QUALITIES: dict[Encoder, tuple[int, int]] = {
    "x264": (18, 51),
    "x265": (20, 51),
    "svt-av1": (26, 63),
    "h264-nvenc": (19, 51),
    "hevc-nvenc": (21, 51),
}


def as_list(value: Any) -> Any:
    """Take words as YAML and command lines write them: one, a list, parted by commas, or none."""
    values = (value,) if isinstance(value, (str, int)) else value
    if not isinstance(values, (list, tuple)):
        return value
    if [*values] == ["none"]:
        return ()
    return tuple(part.strip() for word in values for part in str(word).split(",") if part.strip())


def rate_word(value: Any) -> Any:
    """Take a number of frames a second as it is written."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def check_rate(fps: str) -> str:
    """Check a rate; raises ValueError for what is none."""
    if fps not in (MODEL, SOURCE):
        exact_rate(fps)
    return fps


def check_column(column: str) -> str:
    """Check that a column to write names the one that it holds; raises ValueError."""
    name, _, source = column.partition("=")
    if not (name and source):
        raise ValueError(f"must be as path=file_name, column to write and its source, not {column}")
    return column


class NoFiles(Choice):
    """Clips stay spans of their sources."""

    name: Literal["none"] = "none"


class Files(Choice):
    """A file for each clip."""

    crf: int | None = option(
        None,
        "Quality; lower is better; none is that of the encoder: x264 18, x265 20, svt-av1 26, "
        "h264-nvenc 19, hevc-nvenc 21",
        ge=0,
        le=63,
    )
    preset: Preset = option("medium", "Speed of the encoder; slower gives smaller files")
    audio: bool = option(True, "Keep the sound")
    audio_kbit: int = option(192, "Bit rate of AAC", unit="kbit/s", ge=16, le=512)
    wav: bool = option(False, "Also write the sound of each clip as a WAV file beside it")
    verify: bool = option(
        True, "Decode every clip file, and leave out clips that fail a check", neutral=True
    )
    embed_bytes: bool = option(False, "Also put the clip files into the Parquet", neutral=True)
    subtitles: Literal["none", "vtt", "srt", "both"] = option(
        "none",
        "Also write the words of each clip beside its file, in its time: vtt is WebVTT, srt is "
        "SubRip",
        neutral=True,
    )

    @model_validator(mode="after")
    def crf_fits(self) -> "Files":
        """Refuse a quality that the encoder does not take; raises ValueError."""
        encoder: Encoder = getattr(self, "encoder", "x264")
        worst = QUALITIES[encoder][1]
        if self.crf is not None and self.crf > worst:
            raise ValueError(f"crf of {encoder} is at most {worst}, not {self.crf}")
        return self


class Encode(Files):
    """Encoded files, exact to the frame."""

    name: Literal["encode"] = "encode"
    encoder: Encoder = option(
        "x264", "Encoder: x264 is read by every trainer; nvenc needs an NVIDIA GPU"
    )
    fps: Annotated[str, BeforeValidator(rate_word), AfterValidator(check_rate)] = option(
        MODEL,
        "Constant rate: a number of frames a second, that of the model that is trained, or source, "
        "the video's own frames and times; model is source where none is trained",
        neutral=True,
    )
    shape: Annotated[tuple[str, ...], BeforeValidator(as_list), AfterValidator(check_shape)] = (
        option(
            (MODEL,),
            "Size of pictures: exact sizes as 832x480, of which each clip gets that of the "
            "nearest aspect; a short side as 480p; model, its size, that turned and a square; "
            "auto, sizes that lose least; source, as the video; model is source where none is "
            "trained",
            neutral=True,
        )
    )
    pixels: int | None = option(
        None,
        "Most pixels of a picture that shape auto may choose; none is those of the model",
        unit="pixels",
        neutral=True,
        ge=4096,
    )
    fit: Literal["crop", "pad"] = option(
        "crop",
        "How pictures of another aspect are made to fit: their edges are cropped, or black is "
        "padded",
        neutral=True,
    )
    enlarge: bool = option(
        False,
        "Also enlarge pictures that are smaller than their size; such clips are left out otherwise",
        neutral=True,
    )
    crop_bars: bool | None = option(
        None,
        "Crop away black bars that quality has measured; none: where a model is trained",
        neutral=True,
    )


class Copy(Files):
    """Files copied without loss where that is possible."""

    name: Literal["copy"] = "copy"
    inexact: Literal["encode", "refuse", "keep"] = option(
        "encode",
        "What happens to a clip that does not begin and end at keyframes of the video: it is "
        "encoded, refused, or copied with the frames before and after it, also of other shots; "
        "lead_s and tail_s say how much",
    )


class Smart(Files):
    """Files exact to the frame, of which as much as possible is copied without loss."""

    name: Literal["smart"] = "smart"


class ExportConfig(StageConfig):
    """What the finished data set contains, and where it lies."""

    target: Annotated[tuple[TargetName, ...], BeforeValidator(as_list), Field(min_length=1)] = (
        option(
            ("parquet",),
            "Layout of the finished data set, as a trainer or library reads it; several are "
            "written from the same files",
            neutral=True,
        )
    )
    training_model: ModelName | None = option(
        None,
        "Model that is trained, which decides rate, sizes and lengths of files; none is the one "
        "that the targets train by themselves",
        neutral=True,
    )
    lengths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=10_000)], ...], BeforeValidator(as_list)
    ] = option(
        (),
        "Numbers of frames that are trained, as 33,49,81; clips that fill none are left out; none "
        "is the model's own",
        unit="frames",
        neutral=True,
    )
    media: NoFiles | Copy | Smart | Encode = choice(
        Encode,
        "Clip files: none; encode: exact to the frame; smart: exact too, but only what keyframes "
        "leave over at a clip's ends is encoded, where the video's codec and pictures allow it; "
        "copy: without loss, where a clip begins and ends at keyframes of the video",
    )
    columns: Annotated[
        tuple[Annotated[str, AfterValidator(check_column)], ...], BeforeValidator(as_list)
    ] = option(
        (),
        "Columns of csv, jsonl, hf-videofolder and fiftyone, as text=caption: the column to write, "
        "and the column of the table of parquet that it holds",
        neutral=True,
    )
    questions: tuple[str, ...] = option(
        (),
        "Questions that chat targets ask, or files of them: text with one a line, or YAML; none "
        "is a list of our own",
        neutral=True,
    )
    paths: Literal["relative", "absolute"] = option(
        "relative", "How csv and jsonl name files: from their own folder, or whole", neutral=True
    )
    all_texts: bool = option(
        False,
        "Chat targets ask for each text of a clip, and not only for its caption",
        neutral=True,
    )
    arrays: bool = option(
        False, "fixed writes pictures as NumPy arrays (npz), not as videos", neutral=True
    )
    components: int = option(
        0,
        "Principal components of vectors that features keeps; 0 keeps vectors as they are",
        unit="count",
        neutral=True,
        ge=0,
    )
    quantise: bool = option(False, "features stores each number in 8 bits", neutral=True)
    films: bool = option(
        False,
        "parquet also writes the tables of whole videos that are there, outlines and stories, into "
        "films/",
        neutral=True,
    )
    rows_per_shard: int = option(10_000, "Clips in one shard", neutral=True, ge=1)
    mb_per_shard: int = option(
        1024, "Most megabytes of one tar of webdataset", unit="MB", neutral=True, ge=1
    )
    out: Path | None = option(
        None,
        "Folder of the finished data set, with several targets one in it for each; none is "
        "`export` in the data set, and `export-<target>` for another target than parquet",
        neutral=True,
    )

    @property
    def subtitle_formats(self) -> tuple[str, ...]:
        """The formats in which the words of each clip are written."""
        asked = self.media.subtitles if isinstance(self.media, Files) else "none"
        return tuple(name for name in WRITERS if asked in (name, "both"))

    @property
    def embeds_bytes(self) -> bool:
        """Whether the clip files are put into the Parquet too."""
        return isinstance(self.media, Files) and self.media.embed_bytes

    @field_validator("target")
    @classmethod
    def targets_differ(cls, target: tuple[TargetName, ...]) -> tuple[TargetName, ...]:
        """Count a target that is named twice once."""
        return tuple(dict.fromkeys(target))

    @field_validator("out")
    @classmethod
    def out_is_absolute(cls, out: Path | None) -> Path | None:
        """A later run from another folder writes to the same place.

        Raises ValueError for what is no path: an export in a bucket lies in its data set.
        """
        is_remote = out is not None and isinstance(location(out), Remote)
        if is_remote:
            raise ValueError("out is a folder on a disk: leave it out, and give -d s3://...")
        return None if out is None else out.absolute()

    @property
    def asked(self) -> Asked:
        """What is asked of files; those that are not encoded keep their rate and size.

        Until the clips have decided what shape auto stands for, it is that of the model.
        """
        if not isinstance(self.media, Encode):
            return Asked(self.training_model, SOURCE, (SOURCE,), self.lengths)
        media = self.media
        return Asked(
            training_model=self.training_model,
            fps=media.fps,
            shape=(MODEL,) if media.shape == (AUTO,) else media.shape,
            lengths=self.lengths,
            fit=media.fit,
            enlarge=media.enlarge,
        )
