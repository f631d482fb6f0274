"""VideoX-Fun: a list of clips, and the command that trains on them.

Read at 804a425. A row that does not say `type: video` is taken for an image. One size is given to
it outright; several go through its table of 40 aspects, for a base side that is chosen so that the
sizes are found in it.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from vidcurate.exporting.layouts.listing import clip_name, write_json_list
from vidcurate.exporting.layouts.trainer_files import (
    Tally,
    bucket_of,
    check_taken,
    facts_of,
    place_clips,
    read_json_list,
    shell_words,
    text_of,
)
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

LIST, SCRIPT = "metadata.json", "train.sh"
BASE = 512
# Its table: height over width, and height and width for a base side of 512.
TABLE = (
    *((0.25, 256, 1024), (0.26, 256, 992), (0.27, 256, 960), (0.28, 256, 928), (0.32, 288, 896)),
    *((0.33, 288, 864), (0.35, 288, 832), (0.4, 320, 800), (0.42, 320, 768), (0.48, 352, 736)),
    *((0.5, 352, 704), (0.52, 352, 672), (0.57, 384, 672), (0.6, 384, 640), (0.68, 416, 608)),
    *((0.72, 416, 576), (0.78, 448, 576), (0.82, 448, 544), (0.88, 480, 544), (0.94, 480, 512)),
    *((1.0, 512, 512), (1.07, 512, 480), (1.13, 544, 480), (1.21, 544, 448), (1.29, 576, 448)),
    *((1.38, 576, 416), (1.46, 608, 416), (1.67, 640, 384), (1.75, 672, 384), (2.0, 704, 352)),
    *((2.09, 736, 352), (2.4, 768, 320), (2.5, 800, 320), (2.89, 832, 288), (3.0, 864, 288)),
    *((3.11, 896, 288), (3.62, 928, 256), (3.75, 960, 256), (3.88, 992, 256), (4.0, 1024, 256)),
)
BASES = range(256, 1537, 16)
RECIPES = {
    "wan": (
        "scripts/wan2.1/train_lora.py",
        "models/Diffusion_Transformer/Wan2.1-T2V-14B",
        "--config_path config/wan2.1/wan_civitai.yaml",
        "q,k,v,ffn.0,ffn.2",
    ),
    "wan2.2-5b": (
        "scripts/wan2.2/train_lora.py",
        "models/Diffusion_Transformer/Wan2.2-TI2V-5B",
        "--config_path config/wan2.2/wan_civitai_5b.yaml --boundary_type full --train_mode ti2v",
        "q,k,v,ffn.0,ffn.2",
    ),
    "hunyuan": (
        "scripts/hunyuanvideo/train_lora.py",
        "models/Diffusion_Transformer/HunyuanVideo",
        "--train_mode normal",
        "to_q,to_k,to_v,ff.0,ff.2,ff_context.0,ff_context.2",
    ),
}
TRAIN = """# Trains on these clips. Run it where VideoX-Fun is checked out:  bash {script}
# Fill in: the folder of the model, if it is not this one, and where the result shall lie.
# --random_hw_adapt and --training_with_video_token_length stand in its examples and not here: they
# shrink and shorten clips by chance.
set -e
MODEL=${{MODEL:-{weights}}}
OUTPUT=${{OUTPUT:-output_dir_{name}}}

accelerate launch --mixed_precision bf16 {code} \\
  --pretrained_model_name_or_path "$MODEL" {config} \\
  --train_data_dir {base} \\
  --train_data_meta {metadata} \\
  --enable_bucket {size} \\
  --video_sample_stride 1 --video_sample_n_frames {frames} \\
  --train_batch_size 1 --gradient_accumulation_steps 1 --dataloader_num_workers 8 \\
  --num_train_epochs 100 --checkpointing_steps 50 --learning_rate 1e-04 --seed 42 \\
  --output_dir "$OUTPUT" --gradient_checkpointing --mixed_precision bf16 \\
  --adam_weight_decay 3e-2 --adam_epsilon 1e-10 --vae_mini_batch 1 --max_grad_norm 0.05 \\
  --uniform_sampling --rank 64 --network_alpha 32 --target_name {modules} \\
  --use_peft_lora --low_vram
"""
HOWTO = """# Train with VideoX-Fun

`clips/` holds the videos, `metadata.json` their captions.

{table}

Run this where VideoX-Fun is checked out. First fill in the lines of `train.sh` that say so.

```
{train}
```

- Of a clip {frames} frames in a row are trained, from a start that is drawn anew each time. A clip
  that is shorter shortens its whole batch: leave `--train_batch_size` at 1 if lengths differ.
- A clip that fails is replaced by another with no more than a printed line, and if all fail it
  never ends.
- Files are taken at the rate that they have ({rate} frames a second), with stride 1.
- A tenth of the captions are left out by chance. T5 reads 512 tokens of a caption.
- It scales clips by their sides and not by `width` and `height` of the list, which only say what
  goes into one batch.{several}
"""
SEVERAL = "\n- Sizes differ: clips are scaled to the nearest of its 40 aspects (base side {base})."


def floored(height: float, width: float, side: int) -> Size:
    """Return a size with both sides floored to a multiple."""
    return Size(int(width / side) * side, int(height / side) * side)


def table_size(width: int, height: int, base: int, side: int) -> Size:
    """Return the size of the nearest aspect in its table, for a base side."""
    _, tall, wide = min(TABLE, key=lambda row: abs(row[0] - height / width))
    return floored(tall / BASE * base, wide / BASE * base, side)


@cache
def base_side(sizes: tuple[Size, ...], side: int) -> int:
    """Return the base side for which the table's sizes are nearest to some sizes."""

    def distance(base: int) -> int:
        found = [(size, table_size(*size, base, side)) for size in sizes]
        return sum(abs(a.width - b.width) + abs(a.height - b.height) for a, b in found)

    return min(BASES, key=distance)


def shrunk(width: int, height: int, short_side: int) -> Size:
    """Return a size brought down to a short side; smaller ones stay."""
    if min(width, height) < short_side:
        return Size(width, height)
    if height < width:
        return Size(int(short_side * width / height), short_side)
    return Size(short_side, int(short_side * height / width))


def bucket_size(facts: FileFacts, training: Training) -> Size:
    """Return the size that a clip has in training."""
    side = training.model.side_multiple
    if len(training.sizes) == 1:
        width, height = training.sizes[0]
        return floored(height, width, side)
    base = base_side(training.sizes or (training.model.size,), side)
    return table_size(*shrunk(facts.width, facts.height, base), base, side)


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell what becomes of a clip: a part of it, or less where it is shorter."""
    asked, n = max(training.lengths), facts.n_frames
    if n < 1:
        return Fate("dropped", None, "no frames: another clip is taken in its place")
    trained = training.model.floor_frames(min(n, asked))
    bucket = Bucket(*bucket_size(facts, training), trained)
    if n > asked:
        return Fate("cut", bucket, f"{trained} of {n} frames, from a start that is drawn")
    if trained < n:
        return Fate("shortened", bucket, f"{n} frames, {asked} asked for: {trained} are trained")
    return Fate("whole", bucket)


def write(bundle: Bundle) -> None:
    """Write the clips, their list and the command."""
    tally = Tally()

    def rows() -> Iterator[dict[str, Any]]:
        for sample in place_clips(bundle):
            tally.add(sample, bucket_of(sample, bundle.training, fate))
            facts = facts_of(sample)
            row = {"file_path": clip_name(sample), "text": sample.caption, "type": "video"}
            yield {**row, "width": facts.width, "height": facts.height}

    write_json_list(bundle.file(LIST), rows(), in_ascii=True)
    training = bundle.training
    code, weights, config, modules = RECIPES.get(training.model.name, RECIPES["wan"])
    frames = max(training.lengths)
    script = TRAIN.format(
        script=shell_words(bundle.out / SCRIPT),
        weights=weights,
        name=bundle.name,
        code=code,
        config=config,
        base=shell_words(bundle.out),
        metadata=shell_words(bundle.out / LIST),
        size=size_arguments(training),
        frames=frames,
        modules=modules,
    )
    bundle.text(SCRIPT, script)
    base = base_side(training.sizes or (training.model.size,), training.model.side_multiple)
    howto = HOWTO.format(
        table=tally.table,
        train=shell_words("bash", bundle.out / SCRIPT),
        frames=frames,
        rate=tally.rate,
        several="" if len(training.sizes) == 1 else SEVERAL.format(base=base),
    )
    bundle.text("HOWTO.md", howto)


def size_arguments(training: Training) -> str:
    """Return the arguments that give the size of clips, or the base side of the table."""
    if len(training.sizes) == 1:
        width, height = training.sizes[0]
        side = max(width, height)
        fixed = f"--fix_sample_size {height} {width} "
    else:
        side = base_side(training.sizes or (training.model.size,), training.model.side_multiple)
        fixed = ""
    return (
        f"{fixed}--video_sample_size {side} --image_sample_size {side} --token_sample_size {side}"
    )


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the list as VideoX-Fun does; raises ValueError for a row that it takes for no video."""
    pairs = []
    for row in read_json_list(bundle.root / LIST):
        clip = bundle.root / text_of(row, "file_path")
        if row.get("type", "image") != "video":
            raise ValueError(f"{clip.name} is taken for an image: its row has no type video")
        check_taken(clip, bundle.training, fate)
        pairs.append((clip.stem, text_of(row, "text")))
    if not pairs:
        raise ValueError(f"{LIST} is empty")
    return pairs


TARGET = Target(
    name="videox-fun",
    summary="Clips with a list, and the command of VideoX-Fun.",
    write=write,
    read=read,
    fate=fate,
    model="wan",
    models=("wan", "wan2.2-5b", "hunyuan"),
)
