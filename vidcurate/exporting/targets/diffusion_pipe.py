"""diffusion-pipe: clips with text beside them, in aspect-ratio and frame buckets.

Read and run at 8f83dbf. It counts frames at the model's own rate, cut off, and skips a clip that
fills no bucket.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcurate.exporting.layouts.clip_folder import (
    CLIPS,
    HOWTO,
    RUNS,
    clips_in,
    counted_note,
    folders_of,
    header_facts,
    inside,
    joined,
    place_with_text,
    quoted,
    resized_note,
    text_beside,
)
from vidcurate.exporting.layouts.trainer_files import facts_of, shell_words, text_file_fault
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training, VideoModel

DATASET, CONFIG = "dataset.toml", "train.toml"
# The trainer's own example: seven ratios from 1:2 to 2:1, evenly spaced in logarithms.
MIN_RATIO, MAX_RATIO, N_RATIOS = 0.5, 2.0, 7
ROUNDED_DIGITS = 3
# It plans buckets in steps of 16 pixels but for these models, and then rounds to the model's own.
COARSE_MODELS = ("wan2.2-5b", "ltx")
MAX_RESOLUTIONS = 3
# What the [model] table names for each model, with what its weights are.
MODEL_TABLES = {
    "wan": ("wan", ["ckpt_path: the folder of Wan2.1-T2V-1.3B, Wan2.1-T2V-14B or Wan2.2-T2V-A14B"]),
    "wan2.2-5b": ("wan", ["ckpt_path: the folder of Wan2.2-TI2V-5B"]),
    "skyreels": ("wan", ["ckpt_path: the folder of SkyReels-V2-T2V-14B-540P"]),
    "hunyuan": ("hunyuan-video", ["ckpt_path: the folder of HunyuanVideo's ckpts"]),
    "ltx": (
        "ltx-video",
        ["diffusers_path: the folder of LTX-Video", "single_file_path: a checkpoint of LTX-Video"],
    ),
    "ltx2": (
        "ltx2",
        ["diffusion_model: a checkpoint of LTX-2.3", "text_encoder: the weights of Gemma 3"],
    ),
    "cosmos-predict2": (
        "cosmos_predict2",
        [
            "transformer_path: model.pt of Cosmos-Predict2",
            "vae_path: wan_2.1_vae.safetensors",
            "t5_path: oldt5_xxl_fp16.safetensors",
        ],
    ),
}


@dataclass(frozen=True)
class Directory:
    """A folder of clips in the trainer's config: its aspect ratios, area and lengths.

    `ratios` are (width, height), or one number. `area` is given as a size. `name` is its part of
    the folder of clips.
    """

    name: str
    ratios: Sequence[Size] | Sequence[float]
    area: Size
    lengths: Sequence[int]


def fate(facts: FileFacts, training: Training) -> Fate:
    """What the trainer does with a clip in the folder that it is put in."""
    return fate_in(directory_of(facts, training), facts, training.model)


def fate_in(directory: Directory, facts: FileFacts, model: VideoModel) -> Fate:
    """What the trainer does with a clip of one folder.

    It takes the longest bucket that the clip fills at the model's rate, and the first frames.
    """
    n_frames = frames_at(facts, model.fps)
    counted = counted_note(facts, n_frames, model.fps)
    # A file of one frame is taken for an image: the trainer always has a bucket for those.
    fitting = [n for n in (1, *directory.lengths) if n <= n_frames and (n > 1 or n_frames == 1)]
    if not fitting:
        shortest = min(directory.lengths)
        short = f"{n_frames} frames are fewer than the {shortest} of the shortest bucket"
        return Fate("dropped", None, joined([counted, short]))
    ratio = nearest_ratio(facts, rounded_ratios(directory.ratios))
    length = max(fitting)
    size = picture_size(ratio, directory.area, model)
    bucket = Bucket(*size, model.floor_frames(length))
    resized = resized_note(facts, bucket)
    if bucket.n_frames == n_frames:
        return Fate("whole", bucket, joined([counted, resized]))
    cut = f"the first {bucket.n_frames} of {n_frames} frames"
    return Fate("cut", bucket, joined([counted, cut, resized]))


def frames_at(facts: FileFacts, fps: int) -> int:
    """Count the frames of a clip at another rate, as the trainer does: cut off, in floats."""
    return int(facts.n_frames * fps / float(facts.fps))


def rounded_ratios(ratios: Sequence[Size] | Sequence[float]) -> list[float]:
    """Return aspect ratios as the trainer holds them: three digits, ascending, each once."""
    numbers = [r.width / r.height if isinstance(r, Size) else r for r in ratios]
    return sorted({round(number, ROUNDED_DIGITS) for number in numbers})


def default_ratios() -> list[float]:
    """Return the trainer's evenly spaced aspect ratios."""
    step = (MAX_RATIO / MIN_RATIO) ** (1 / (N_RATIOS - 1))
    return [MIN_RATIO * step**i for i in range(N_RATIOS)]


def nearest_ratio(facts: FileFacts, ratios: Sequence[float]) -> float:
    """Choose the aspect ratio nearest in logarithms; of equals, the first."""
    own = math.log(facts.width / facts.height)
    return min(ratios, key=lambda ratio: abs(own - math.log(ratio)))


def picture_size(ratio: float, area: Size, model: VideoModel) -> Size:
    """Return the size of pictures of an aspect ratio and an area, in the model's multiples."""
    side = round(math.sqrt(area.width * area.height), ROUNDED_DIGITS)
    width = math.sqrt(side**2 * ratio)
    height = side**2 / width
    for multiple in (32 if model.name in COARSE_MODELS else 16, model.side_multiple):
        width, height = (round(x / multiple) * multiple for x in (width, height))
    return Size(int(width), int(height))


def directories(training: Training) -> list[Directory]:
    """Divide the sizes that files have into folders in which the trainer keeps every size.

    The trainer trains all ratios of a folder at one area: sizes of unlike areas need folders of
    their own. Its size_buckets are of no use here: they are looked up by the order of their
    aspect ratios in a list that is sorted by their lengths, so that pictures of one shape land in
    buckets of another, and all but as many buckets as there are ratios are never used.
    """
    sizes, lengths = training.sizes, training.lengths
    if not sizes:
        return [Directory("all", default_ratios(), training.model.size, lengths)]
    for area in sizes:
        if all(picture_size(ratio_of(size), area, training.model) == size for size in sizes):
            return [Directory("all", sizes, area, lengths)]
    return [Directory(str(size), (size,), size, lengths) for size in sizes]


def ratio_of(size: Size) -> float:
    """Return the aspect ratio of a size as the trainer holds it."""
    return round(size.width / size.height, ROUNDED_DIGITS)


def directory_of(facts: FileFacts, training: Training) -> Directory:
    """Choose the folder for a clip: that of its size, or else of the nearest aspect ratio."""

    def distance(directory: Directory) -> tuple[bool, float]:
        nearest = nearest_ratio(facts, rounded_ratios(directory.ratios))
        other = (facts.width, facts.height) not in directory.ratios
        return other, abs(math.log(facts.width / facts.height) - math.log(nearest))

    return min(directories(training), key=distance)


def caption_fault(caption: str) -> str:
    """Say what of a caption the trainer does not take as it is, "" where it does."""
    return text_file_fault(caption) if caption.strip() else "is empty: trained without text"


def write(bundle: Bundle) -> None:
    """Write clips, texts, the data set's config, the trainer's config and how to start it."""
    training = bundle.training
    of_clip = (directory_of(facts_of(s), training).name for s in bundle.samples())
    every = {directory.name: directory for directory in directories(training)}
    folders = folders_of(of_clip, [*every])
    for sample in bundle.samples():
        part = directory_of(facts_of(sample), training).name
        place_with_text(bundle, sample, folders[part], sample.caption)
    used = [(folders[name], every[name]) for name in folders]
    bundle.text(DATASET, dataset_config(bundle, used))
    bundle.text(CONFIG, trainer_config(bundle))
    bundle.text(HOWTO, howto(bundle))


def dataset_config(bundle: Bundle, used: Sequence[tuple[str, Directory]]) -> str:
    """Write the trainer's description of the data set."""
    _, first = used[0] if used else (CLIPS, directories(bundle.training)[0])
    lines = [
        "# Clips have the sizes of ar_buckets and the lengths of frame_buckets already.",
        f"resolutions = [[{first.area.width}, {first.area.height}]]",
        "enable_ar_bucket = true",
        *ratio_lines(first.ratios),
        f"frame_buckets = [{', '.join(str(n) for n in bundle.training.lengths)}]",
    ]
    for folder, directory in used:
        lines += ["", "[[directory]]", f"path = {quoted(bundle.out / folder)}", "num_repeats = 1"]
        if len(used) > 1:
            lines += [f"resolutions = [[{directory.area.width}, {directory.area.height}]]"]
            lines += ratio_lines(directory.ratios)
    return "\n".join(lines) + "\n"


def ratio_lines(ratios: Sequence[Size] | Sequence[float]) -> list[str]:
    """Write the aspect ratios of a folder."""
    pairs = [f"[{r.width}, {r.height}]" for r in ratios if isinstance(r, Size)]
    if pairs:
        return [f"ar_buckets = [{', '.join(pairs)}]"]
    return [
        f"min_ar = {MIN_RATIO}",
        f"max_ar = {MAX_RATIO}",
        f"num_ar_buckets = {N_RATIOS}",
    ]


def trainer_config(bundle: Bundle) -> str:
    """Write the trainer's config of a LoRA, but for what only the user knows."""
    kind, weights = MODEL_TABLES[bundle.training.model.name]
    blanks = []
    for weight in weights:
        key, what = weight.split(": ")
        blanks += [f"# Fill in: {what}.", f"#{key} = '/path/to/it'"]
    return "\n".join(
        [
            "# Fill in: where runs are written.",
            f"output_dir = {quoted(bundle.beside(RUNS))}",
            f"dataset = {quoted(bundle.out / DATASET)}",
            "epochs = 100",
            "save_every_n_epochs = 10",
            "micro_batch_size_per_gpu = 1",
            "gradient_accumulation_steps = 1",
            "gradient_clipping = 1.0",
            "warmup_steps = 10",
            "pipeline_stages = 1",
            "partition_method = 'parameters'",
            "activation_checkpointing = true",
            "caching_batch_size = 1",
            "steps_per_print = 1",
            "save_dtype = 'bfloat16'",
            "video_clip_mode = 'single_beginning'",
            "",
            "[model]",
            f"type = '{kind}'",
            *blanks,
            "dtype = 'bfloat16'",
            "timestep_sample_method = 'logit_normal'",
            "",
            "# Leave this table out to train all weights.",
            "[adapter]",
            "type = 'lora'",
            "rank = 32",
            "dtype = 'bfloat16'",
            "",
            "[optimizer]",
            "type = 'adamw_optimi'",
            "lr = 2e-5",
            "betas = [0.9, 0.99]",
            "weight_decay = 0.01",
            "eps = 1e-8",
            "",
        ]
    )


def howto(bundle: Bundle) -> str:
    """Write how to start a training."""
    return f"""# Train with diffusion-pipe

1. Fill in the lines of `{CONFIG}` that say so, and remove their `#`.
2. In the folder of diffusion-pipe:

   ```
   deepspeed --num_gpus=1 train.py --deepspeed --config {shell_words(bundle.out / CONFIG)}
   ```

`{DATASET}` and `{CONFIG}` name this folder by its full path: change them where you move it. A
bucket with fewer clips than one batch over all GPUs is left out. Captions are the `.txt` files
beside the clips; put nothing else there. The trainer keeps its cache there too: after a change of
clips or captions add `--regenerate_cache`.
"""


def read(bundle: Bundle) -> list[tuple[str, str]]:
    """Read the folder back as the trainer does: each folder by name.

    Raises ValueError for what the trainer refuses, leaves out or reads as something else.
    """
    config = toml_file(bundle.root / DATASET)
    if inside(bundle, str(toml_file(bundle.root / CONFIG)["dataset"])) != bundle.root / DATASET:
        raise ValueError(f"{CONFIG} names another data set")
    found: list[tuple[str, str]] = []
    for table in config.get("directory", []):
        directory = directory_in(config | table)
        for file in clips_in(inside(bundle, table["path"])):
            told = fate_in(directory, header_facts(file), bundle.training.model)
            if told.bucket is None:
                raise ValueError(f"{file.name} would be skipped: {told.reason}")
            found.append((file.stem, text_beside(file).strip()))
    return found


def toml_file(file: Path) -> dict[str, Any]:
    """Read a config; raises ValueError where it is no TOML."""
    return tomllib.loads(file.read_text("utf-8"))


def directory_in(table: dict[str, Any]) -> Directory:
    """Read the buckets of a folder; raises ValueError for what the trainer refuses."""
    if not 0 < len(table["resolutions"]) <= MAX_RESOLUTIONS:
        raise ValueError(f"{len(table['resolutions'])} resolutions: the trainer takes 1 to 3")
    if not table.get("enable_ar_bucket") or "size_buckets" in table:
        raise ValueError("aspect-ratio buckets are off")
    ratios: Sequence[Size] | Sequence[float]
    ratios = [Size(*pair) for pair in table.get("ar_buckets", [])] or default_ratios()
    return Directory(table["path"], ratios, Size(*table["resolutions"][0]), table["frame_buckets"])


TARGET = Target(
    name="diffusion-pipe",
    summary="Clips and texts for diffusion-pipe, with its two TOML files.",
    write=write,
    read=read,
    fate=fate,
    caption_fault=caption_fault,
    model="wan",
    models=("wan", "wan2.2-5b", "hunyuan", "ltx", "ltx2", "cosmos-predict2", "skyreels"),
)
