"""finetrainers: clips with a text file each, and the JSON that names its buckets.

Read at f476c37. It picks the number of frames before the size, spreads frames over clips that are
longer, and pads none that are shorter. Of its five layouts, pairs of files are the one that is read
by its own code alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from vidcurate.exporting.layouts.clip_folder import CLIPS, inside
from vidcurate.exporting.layouts.trainer_files import (
    Tally,
    bucket_of,
    buckets_in,
    check_taken,
    place_clips,
    shell_words,
    sizes_for,
    text_file_fault,
)
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

CONFIG = "dataset.json"
VIDEO_SUFFIXES = (".mp4", ".mov")
METADATA = ("metadata.json", "metadata.jsonl", "metadata.csv")
ATTENTION = "to_q|to_k|to_v|to_out.0"
TEXT_ATTENTION = "add_q_proj|add_k_proj|add_v_proj|to_add_out"
MODELS = {
    "wan": ("wan", "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", f"blocks.*({ATTENTION})"),
    "ltx": (
        "ltx_video",
        "a-r-r-o-w/LTX-Video-diffusers",
        f"transformer_blocks.*({ATTENTION})",
    ),
    "hunyuan": (
        "hunyuan_video",
        "hunyuanvideo-community/HunyuanVideo",
        f"(transformer_blocks|single_transformer_blocks).*({ATTENTION}|{TEXT_ATTENTION})",
    ),
}
TO_FILL_IN = (
    "id_token: set it to your trigger word, or leave it null. data_root is absolute: change it "
    "when you move the folder."
)
HOWTO = """# Train with finetrainers

`clips/` holds a video and a text for each clip, and nothing else may be put there: with a `.tar`, a
`.parquet` or a `metadata.*` in it, finetrainers reads the folder as something else.
`dataset.json` names the folder and its buckets, `[frames, height, width]`.

{table}

Run this where finetrainers is checked out. Fill in the base model if it is not this one, and where
the result shall lie.

```
{command}
```

- Captions are read in the encoding of the system: set `PYTHONUTF8=1` where that is not UTF-8.
- finetrainers takes the rate of files as it is. These have {rate} frames a second.
- `reshape_mode` is `center_crop`, which leaves these clips as they are, and stops at a smaller one.
  `bicubic` distorts, and `resize_crop` fails for some sizes.
- It reads videos by libraries that are gone from new releases: `datasets<3.4` with `decord`, or
  `datasets>=3.4,<4` with a torchvision that has `VideoReader`.
"""


def nearest_bucket(facts: FileFacts, buckets: Sequence[Bucket]) -> Bucket:
    """Return the bucket of the longest length that fits, and of those that of the nearest aspect.

    Where none fits, the length that is nearest; of equal aspects the higher bucket.
    """
    lengths = {bucket.n_frames for bucket in buckets}
    fitting = [n for n in lengths if n <= facts.n_frames]
    length = max(fitting) if fitting else nearest_length(facts.n_frames, buckets)
    aspect = facts.width / facts.height
    return min(
        (bucket for bucket in buckets if bucket.n_frames == length),
        key=lambda b: (abs(b.width / b.height - aspect), -b.height, -b.width),
    )


def nearest_length(n_frames: int, buckets: Sequence[Bucket]) -> int:
    """Return the length that is nearest to a number of frames, the first of two."""
    return min((b.n_frames for b in buckets), key=lambda n: abs(n - n_frames))


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell what becomes of a clip: its frames are spread over the length, or passed as they are."""
    sizes = sizes_for(facts, training)
    buckets = [Bucket(*size, n) for size in sizes for n in training.lengths]
    return fate_in(facts, buckets, training)


def fate_in(facts: FileFacts, buckets: Sequence[Bucket], training: Training) -> Fate:
    """Tell what becomes of a clip among buckets in the order in which the config names them."""
    bucket, n = nearest_bucket(facts, buckets), facts.n_frames
    if facts.width < bucket.width or facts.height < bucket.height:
        size = Size(bucket.width, bucket.height)
        reason = f"{facts.width}x{facts.height} is smaller than {size}: training stops"
        return Fate("dropped", None, reason)
    if n < bucket.n_frames:
        held = training.model.floor_frames(n)
        reason = f"{n} frames, {bucket.n_frames} needed: passed on as they are"
        return Fate("shortened", bucket._replace(n_frames=held), reason)
    if n > bucket.n_frames:
        reason = f"{bucket.n_frames} of {n} frames, spread over all of the clip"
        return Fate("stretched", bucket, reason)
    return Fate("whole", bucket)


def caption_fault(caption: str) -> str:
    """Say what finetrainers changes of a caption: it strips blanks, and `b'…'`."""
    if caption.startswith("b'") and caption.endswith("'"):
        return "is taken for bytes as Python writes them (b'…'), and loses the marks"
    return text_file_fault(caption)


def write(bundle: Bundle) -> None:
    """Write pairs of clip and text, the buckets, and how to train."""
    tally = Tally()
    for sample in place_clips(bundle):
        tally.add(sample, bucket_of(sample, bundle.training, fate))
        bundle.text(f"{CLIPS}/{sample.stem}.txt", sample.caption)
    config = {
        "comment": TO_FILL_IN,
        "datasets": [
            {
                "data_root": str(bundle.out / CLIPS),
                "dataset_type": "video",
                "id_token": None,
                "video_resolution_buckets": [
                    [b.n_frames, b.height, b.width] for b in buckets_in(bundle)
                ],
                "reshape_mode": "center_crop",
                "remove_common_llm_caption_prefixes": False,
            }
        ],
    }
    bundle.text(CONFIG, f"{json.dumps(config, indent=2)}\n")
    howto = HOWTO.format(table=tally.table, command=command(bundle), rate=tally.rate)
    bundle.text("HOWTO.md", howto)


def command(bundle: Bundle) -> str:
    """Return the command that starts training."""
    name, weights, modules = MODELS.get(bundle.training.model.name, MODELS["wan"])
    lines = [
        "torchrun --standalone --nproc_per_node=1 train.py",
        "--parallel_backend ptd --pp_degree 1 --dp_degree 1 --dp_shards 1",
        "--cp_degree 1 --tp_degree 1",
        shell_words("--model_name", name, "--pretrained_model_name_or_path", weights),
        shell_words("--dataset_config", bundle.out / CONFIG),
        "--enable_precomputation --precomputation_items 512 --dataset_shuffle_buffer_size 10",
        '--flow_weighting_scheme "logit_normal" --dataloader_num_workers 0',
        "--training_type lora --rank 32 --lora_alpha 32",
        shell_words("--target_modules", modules),
        "--seed 42 --batch_size 1 --train_steps 3000 --gradient_checkpointing",
        "--checkpointing_steps 500 --enable_slicing --enable_tiling",
        "--optimizer adamw --lr 5e-5 --output_dir OUTPUT",
    ]
    return " \\\n  ".join(lines)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the pairs as finetrainers does; raises ValueError for what it would take otherwise."""
    config = json.loads((bundle.root / CONFIG).read_text("utf-8"))["datasets"][0]
    buckets = [Bucket(w, h, n) for n, h, w in config["video_resolution_buckets"]]
    folder = inside(bundle, config["data_root"])
    check_layout(folder)
    pairs = []
    for text in sorted(folder.glob("*.txt")):
        videos = [v for v in map(text.with_suffix, VIDEO_SUFFIXES) if v.exists()]
        if len(videos) > 1:
            raise ValueError(f"{text.stem} has {len(videos)} videos")
        if videos:
            check_taken(videos[0], bundle.training, lambda f, t: fate_in(f, buckets, t))
            pairs.append((videos[0].stem, read_caption(text)))
    if not pairs:
        raise ValueError(f"no text in {folder.name} has a video beside it")
    return pairs


def check_layout(folder: Path) -> None:
    """Raise ValueError for a file that makes finetrainers read a folder as another layout."""
    for name in METADATA:
        if (folder / name).exists():
            raise ValueError(f"{name} in {folder.name} is read in place of the pairs")
    stray = next((p for p in folder.rglob("*") if p.suffix in (".tar", ".parquet")), None)
    if stray:
        raise ValueError(f"{stray.name} in {folder.name} is read in place of the pairs")


def read_caption(text: Path) -> str:
    """Return a caption as it is trained."""
    caption = text.read_text("utf-8").strip()
    is_bytes = caption.startswith("b'") and caption.endswith("'")
    return caption[2:-1] if is_bytes else caption


TARGET = Target(
    name="finetrainers",
    summary="Clips with a text each, and the dataset.json of finetrainers.",
    write=write,
    read=read,
    fate=fate,
    caption_fault=caption_fault,
    model="wan",
    models=("wan", "ltx", "hunyuan"),
    cuts_to_length=True,
)
