"""musubi-tuner: clips listed in JSON lines, one list for each size, length and rate.

Read and run at 30c658c. Told the rate of clips, it drops frames to come to the model's, and makes
no item of a clip that is then too short.
"""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from vidcurate.exporting.layouts.clip_folder import (
    CACHE,
    CLIPS,
    HOWTO,
    RUNS,
    counted_note,
    header_facts,
    inside,
    joined,
    quoted,
    rate_text,
    resized_note,
)
from vidcurate.exporting.layouts.trainer_files import facts_of, shell_words
from vidcurate.exporting.target import Bundle, Sample, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

DATASET = "dataset.toml"
# Steps of sides and of frames, alike for all its video models; but FramePack is trained in
# sections of nine latent frames, leaves out what fills no section, and ends at a clip without one.
STEP, FRAME_STEP, SECTION = 16, 4, 36
GENERAL_KEYS: dict[str, type | tuple[type, ...]] = {
    "resolution": (int, list),
    "enable_bucket": bool,
    "bucket_no_upscale": bool,
    "caption_extension": str,
    "batch_size": int,
    "num_repeats": int,
}
DATASET_KEYS: dict[str, type | tuple[type, ...]] = {
    **GENERAL_KEYS,
    "video_directory": str,
    "video_jsonl_file": str,
    "control_directory": str,
    "target_frames": list,
    "frame_extraction": str,
    "frame_stride": int,
    "frame_sample": int,
    "max_frames": int,
    "cache_directory": str,
    "source_fps": float,
    "fp_latent_window_size": int,
}
VAE = "--vae /path/to/vae.safetensors"
LLAMA = (
    "--text_encoder1 /path/to/llava_llama3_fp16.safetensors "
    "--text_encoder2 /path/to/clip_l.safetensors"
)
QWEN = (
    "--text_encoder_qwen Qwen/Qwen2.5-VL-7B-Instruct "
    "--text_encoder_clip openai/clip-vit-large-patch14"
)
SIGLIP = "--image_encoder /path/to/image_encoder.safetensors"


class Scripts(NamedTuple):
    """How a model is trained: the head of its scripts' names, and what each of them is given."""

    prefix: str
    train: str
    for_latents: str
    for_texts: str
    for_training: str
    network: str


SCRIPTS = {
    "wan": Scripts(
        "wan_",
        "wan_train_network",
        VAE,
        "--t5 /path/to/models_t5_umt5-xxl-enc-bf16.pth",
        "--task t2v-1.3B --dit /path/to/wan2.1_t2v_1.3B_bf16.safetensors",
        "lora_wan",
    ),
    "hunyuan": Scripts(
        "",
        "hv_train_network",
        VAE,
        LLAMA,
        "--dit /path/to/mp_rank_00_model_states.pt",
        "lora",
    ),
    "framepack": Scripts(
        "fpack_",
        "fpack_train_network",
        f"{VAE} {SIGLIP}",
        LLAMA,
        f"--dit /path/to/FramePackI2V_HY_bf16.safetensors {VAE} {LLAMA} {SIGLIP}",
        "lora_framepack",
    ),
    "kandinsky5": Scripts(
        "kandinsky5_",
        "kandinsky5_train_network",
        VAE,
        QWEN,
        "--task k5-pro-t2v-5s-sd --dit /path/to/kandinsky5pro_t2v_pretrain_5s.safetensors "
        f"{VAE} {QWEN}",
        "lora_kandinsky",
    ),
}


class ClipList(NamedTuple):
    """The clips of one entry of the config: the size of its buckets, its length and its rate."""

    area: Size
    length: int
    fps: Fraction

    @property
    def name(self) -> str:
        """What files of this list are called by."""
        return f"{self.area}-{self.length}-{rate_text(self.fps)}fps".replace(".", "_")


def fate(facts: FileFacts, training: Training) -> Fate:
    """What the trainer does with a clip in the list that it is put in."""
    return fate_in(list_of(facts, training), facts, training.model.fps)


def list_of(facts: FileFacts, training: Training) -> ClipList:
    """Choose the list for a clip: nearest shape, longest length that it fills, its own rate."""
    areas = training.sizes or (training.model.size,)
    ratio = facts.width / facts.height
    area = min(
        areas,
        key=lambda size: (
            (facts.width, facts.height) != size,
            abs(size.width / size.height - ratio),
        ),
    )
    lengths = [trained_length(length, training.model.name) for length in training.lengths]
    filled = [n for n in lengths if kept_frames(facts, training.model.fps, n) >= n]
    return ClipList(area, max(filled, default=min(lengths)), facts.fps)


def fate_in(clips: ClipList, facts: FileFacts, fps: int) -> Fate:
    """What the trainer does with a clip of one list: it takes the first frames, or nothing."""
    every = kept_frames(facts, fps, None)
    kept = kept_frames(facts, fps, clips.length)
    counted = counted_note(facts, every, fps)
    if kept < clips.length:
        short = f"{kept} frames are fewer than target_frames {clips.length}"
        return Fate("dropped", None, joined([counted, short]))
    bucket = Bucket(*bucket_size(Size(facts.width, facts.height), clips.area), clips.length)
    resized = resized_note(facts, bucket)
    if every == clips.length:
        return Fate("whole", bucket, joined([counted, resized]))
    cut = f"the first {clips.length} of {every} frames"
    return Fate("cut", bucket, joined([counted, cut, resized]))


def kept_frames(facts: FileFacts, fps: int, end: int | None) -> int:
    """Count the frames that the trainer keeps at another rate, before the frame `end` of those.

    It adds up the step in floats and keeps a frame where the whole part of the sum is new, so it
    leaves frames out but repeats none: of a slower clip it keeps all, numbered with gaps.
    """
    step, at, previous, kept = fps / float(facts.fps), 0.0, -1, 0
    for _ in range(facts.n_frames):
        index, at = int(at), at + step
        if index == previous:
            continue
        if end is not None and index >= end:
            break
        previous, kept = index, kept + 1
    return kept


def trained_length(n_frames: int, model: str) -> int:
    """Round a length down to one that is trained as it is: 4k+1 frames, or whole sections."""
    if model == "framepack":
        return max(1, (n_frames - 1) // SECTION) * SECTION + 1
    return floor_frames(n_frames)


def floor_frames(n_frames: int) -> int:
    """Round a length down to 4k+1 frames, as the trainer does."""
    return (n_frames - 1) // FRAME_STEP * FRAME_STEP + 1


def bucket_size(size: Size, area: Size) -> Size:
    """Choose the size that pictures get: first for the cache, then of the cached size again."""
    table = bucket_sizes(area)
    for _ in range(2):
        ratio = size.width / size.height
        size = min(table, key=lambda bucket: abs(bucket.width / bucket.height - ratio))
    return size


def bucket_sizes(area: Size) -> list[Size]:
    """List the trainer's sizes of about one area, ascending."""
    pixels = area.width * area.height
    side = int(math.sqrt(pixels))
    start = floor_to_step(side // 2)
    found = set()
    for width in range(start, side + STEP, STEP):
        height = floor_to_step(pixels // width)
        found |= {Size(width, height), Size(height, width)}
    return sorted(found)


def floor_to_step(pixels: int) -> int:
    """Round a side down to a multiple of 16."""
    return pixels - pixels % STEP


def caption_fault(caption: str) -> str:
    """Say what of a caption the trainer does not take as it is, "" where it does."""
    return "" if caption.strip() else "is empty: trained without text"


def write(bundle: Bundle) -> None:
    """Write clips, their lists with captions, the data set's config and how to start."""
    rows: dict[ClipList, list[str]] = {}
    for sample in bundle.samples():
        name = f"{CLIPS}/{sample.stem}.mp4"
        bundle.place(sample, name)
        rows.setdefault(list_of(facts_of(sample), bundle.training), []).append(row(bundle, sample))
    for clips, lines in rows.items():
        bundle.text(f"{CLIPS}-{clips.name}.jsonl", "".join(lines))
    bundle.text(DATASET, dataset_config(bundle, sorted(rows)))
    bundle.text(HOWTO, howto(bundle))


def row(bundle: Bundle, sample: Sample) -> str:
    """Write the line of one clip."""
    path = str(bundle.out / CLIPS / f"{sample.stem}.mp4")
    content = {"video_path": path, "caption": sample.caption}
    return json.dumps(content, ensure_ascii=False) + "\n"


def dataset_config(bundle: Bundle, lists: Sequence[ClipList]) -> str:
    """Write the trainer's description of the data set.

    Caching always puts clips into buckets, training only where it is told to: both must. Each
    list has one length, since a clip in a list of several is trained once at each.
    """
    lines = [
        "[general]",
        "# As many clips of one size and length as the memory holds.",
        "batch_size = 1",
        "enable_bucket = true",
        "bucket_no_upscale = false",
    ]
    for clips in lists:
        lines += [
            "",
            "[[datasets]]",
            f"video_jsonl_file = {quoted(bundle.out / f'{CLIPS}-{clips.name}.jsonl')}",
            f"cache_directory = {quoted(bundle.beside(CACHE) / clips.name)}",
            f"resolution = [{clips.area.width}, {clips.area.height}]",
            f"target_frames = [{clips.length}]",
            'frame_extraction = "head"',
            "# A decimal number, which the trainer insists on.",
            f"source_fps = {float(clips.fps)!r}",
        ]
    return "\n".join(lines) + "\n"


def howto(bundle: Bundle) -> str:
    """Write how to start a training."""
    scripts = SCRIPTS[bundle.training.model.name]
    prefix = f"python src/musubi_tuner/{scripts.prefix}cache"
    config = shell_words(bundle.out / DATASET)
    return f"""# Train with musubi-tuner

In the folder of musubi-tuner; fill in the paths of the weights:

```
{prefix}_latents.py --dataset_config {config} {scripts.for_latents}
{prefix}_text_encoder_outputs.py --dataset_config {config} {scripts.for_texts}
accelerate launch --num_cpu_threads_per_process 1 --mixed_precision bf16 \\
  src/musubi_tuner/{scripts.train}.py {scripts.for_training} \\
  --dataset_config {config} --sdpa --mixed_precision bf16 \\
  --optimizer_type adamw8bit --learning_rate 2e-4 --gradient_checkpointing \\
  --network_module networks.{scripts.network} --network_dim 32 \\
  --max_train_epochs 16 --save_every_n_epochs 1 \\
  --output_dir {shell_words(bundle.beside(RUNS))} --output_name {bundle.name}
```

`{DATASET}` and the lists name this folder by its full path: change them where you move it. Other
models of a family need another `--task`; the trainer's own pages list them. Remove
`{bundle.beside(CACHE)}` after a change of clips or captions.
"""


def read(bundle: Bundle) -> list[tuple[str, str]]:
    """Read the folder back as the trainer does: list by list.

    Raises ValueError for what the trainer refuses, leaves out or trains at another size.
    """
    config = tomllib.loads((bundle.root / DATASET).read_text("utf-8"))
    check_keys(config, {"general": dict, "datasets": list})
    check_keys(config.get("general", {}), GENERAL_KEYS)
    found: list[tuple[str, str]] = []
    caches: list[str] = []
    for table in config.get("datasets", []):
        check_keys(table, DATASET_KEYS)
        settings = config.get("general", {}) | table
        if not settings.get("enable_bucket") or settings.get("bucket_no_upscale"):
            raise ValueError("caching and training would use other sizes: set enable_bucket")
        caches.append(table["cache_directory"])
        found += read_list(bundle, settings)
    if len({*caches}) < len(caches):
        raise ValueError("two entries have one cache_directory")
    names = sorted(stem for stem, _ in found)
    twice = next((a for a, b in pairwise(names) if a == b), None)
    if twice is not None:
        raise ValueError(f"two clips are called {twice}")
    return found


def read_list(bundle: Bundle, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Read the clips of one list, in its order; raises ValueError."""
    clips = ClipList(
        Size(*settings["resolution"]),
        floor_frames(settings["target_frames"][0]),
        Fraction(settings["source_fps"]),
    )
    found = []
    for line in inside(bundle, settings["video_jsonl_file"]).read_text("utf-8").split("\n")[:-1]:
        entry = json.loads(line)
        file = inside(bundle, entry["video_path"])
        found.append((file.stem, str(entry["caption"])))
        check_clip(file, clips, bundle.training.model.fps)
    return found


def check_clip(file: Path, clips: ClipList, fps: int) -> None:
    """Check that a clip is trained, and at the rate that its list says; raises ValueError."""
    facts = header_facts(file)
    if abs(facts.fps - clips.fps) > Fraction(1, 1000):
        raise ValueError(f"{file.name} has {rate_text(facts.fps)} fps, not source_fps")
    told = fate_in(clips, facts, fps)
    if told.bucket is None:
        raise ValueError(f"{file.name} would give no item: {told.reason}")


def check_keys(table: Mapping[str, Any], keys: Mapping[str, type | tuple[type, ...]]) -> None:
    """Check names and types as the trainer does; raises ValueError."""
    for key, value in table.items():
        if key not in keys:
            raise ValueError(f"{key} is no key of the trainer's")
        if not isinstance(value, keys[key]) or (isinstance(value, bool) and keys[key] is not bool):
            raise ValueError(f"{key} = {value!r} has the wrong type")


TARGET = Target(
    name="musubi-tuner",
    summary="Clips and lists of JSON lines for musubi-tuner, with its dataset.toml.",
    write=write,
    read=read,
    fate=fate,
    caption_fault=caption_fault,
    model="wan",
    models=("wan", "hunyuan", "framepack", "kandinsky5"),
)
