"""DiffSynth-Studio: a list of clips, and the command that trains Wan or LTX-2 on them.

Read at fed7b18f. For Wan it takes the first frames at whatever rate files have. For LTX-2 it picks
frames at 24 a second, counted by a duration that it reads off ffmpeg's log, in hundredths.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vidcurate.exporting.layouts.listing import clip_name, read_json_lines, write_json_lines
from vidcurate.exporting.layouts.trainer_files import (
    Tally,
    bucket_of,
    check_taken,
    place_clips,
    shell_words,
    sizes_in,
    text_of,
)
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

LIST, SCRIPT = "metadata.jsonl", "train.sh"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained: by which script, from which weights, and what that does to clips.

    Lengths are `step` * k + 1 frames, sides are floored to multiples of `side`. `rate` is that at
    which frames are picked; None takes all frames.
    """

    script: str
    weights: str
    step: int
    side: int
    rate: int | None
    modules: str
    more: str = ""


WAN = "examples/wanvideo/model_training/train.py"
RECIPES = {
    "wan": Recipe(
        WAN,
        "Wan-AI/Wan2.1-T2V-1.3B:diffusion_pytorch_model*.safetensors,"
        "Wan-AI/Wan2.1-T2V-1.3B:models_t5_umt5-xxl-enc-bf16.pth,"
        "Wan-AI/Wan2.1-T2V-1.3B:Wan2.1_VAE.pth",
        step=4,
        side=16,
        rate=None,
        modules="q,k,v,o,ffn.0,ffn.2",
    ),
    "wan2.2-5b": Recipe(
        WAN,
        "Wan-AI/Wan2.2-TI2V-5B:diffusion_pytorch_model*.safetensors,"
        "Wan-AI/Wan2.2-TI2V-5B:models_t5_umt5-xxl-enc-bf16.pth,"
        "Wan-AI/Wan2.2-TI2V-5B:Wan2.2_VAE.pth",
        step=4,
        side=16,
        rate=None,
        modules="q,k,v,o,ffn.0,ffn.2",
        more=" \\\n  --extra_inputs input_image",
    ),
    "ltx2": Recipe(
        "examples/ltx2/model_training/train.py",
        "DiffSynth-Studio/LTX-2-Repackage:transformer.safetensors,"
        "DiffSynth-Studio/LTX-2-Repackage:text_encoder_post_modules.safetensors,"
        "DiffSynth-Studio/LTX-2-Repackage:video_vae_encoder.safetensors,"
        "DiffSynth-Studio/LTX-2-Repackage:audio_vae_encoder.safetensors,"
        "google/gemma-3-12b-it-qat-q4_0-unquantized:model-*.safetensors",
        step=8,
        side=32,
        rate=24,
        modules="to_k,to_q,to_v,to_out.0",
        more=" \\\n  --frame_rate 24 --find_unused_parameters --use_gradient_checkpointing",
    ),
}
TRAIN = """# Trains on these clips. Run it where DiffSynth-Studio is checked out:  bash {script}
# Fill in: the weights, if it is not this model, and where the result shall lie.
set -e
WEIGHTS=${{WEIGHTS:-{weights}}}
OUTPUT=${{OUTPUT:-./models/train/{name}}}

accelerate launch {code} \\
  --dataset_base_path {base} \\
  --dataset_metadata_path {metadata} \\
  --data_file_keys video \\
  {size} --num_frames {frames} \\
  --dataset_repeat 1 --model_id_with_origin_paths "$WEIGHTS" \\
  --learning_rate 1e-4 --num_epochs 5 \\
  --remove_prefix_in_ckpt "pipe.dit." --output_path "$OUTPUT" \\
  --lora_base_model dit --lora_target_modules {modules} --lora_rank 32{more}
"""
HOWTO = """# Train with DiffSynth-Studio

`clips/` holds the videos, `metadata.jsonl` their prompts.

{table}

Run this where DiffSynth-Studio is checked out. First fill in the lines of `train.sh` that say so.

```
{train}
```

- Keep `--dataset_metadata_path`: without it cached `.pth` files are looked for, and no clip is
  found.
- Of a clip the first {frames} frames are trained. One that is shorter is cut to the longest length
  that the model holds, without a word; so lengths may mix, and batches are of one clip.
- {rate}
"""
OWN_RATE = "Files are taken at the rate that they have ({rate} frames a second)."
PICKED = (
    "Frames are picked at {picked} a second (files have {rate}). The duration is read in\n"
    "  hundredths of a second: a clip of just 8 k + 1 frames can count one less, and lose 8. One\n"
    "  frame more helps."
)


def recipe_for(training: Training) -> Recipe:
    """Return how a model is trained; as Wan, where it is none of those that can be."""
    return RECIPES.get(training.model.name, RECIPES["wan"])


def shown_duration(seconds: Fraction) -> Fraction:
    """Return a duration as ffmpeg's log has it, in hundredths of a second."""
    return Fraction(math.floor(seconds * 100 + Fraction(1, 2)), 100)


def available_frames(facts: FileFacts, rate: int | None) -> int:
    """Return how many frames of a clip can be picked at a rate; all of them where it has none."""
    if rate is None:
        return facts.n_frames
    return math.floor(shown_duration(facts.n_frames / facts.fps) * rate)


def trained_frames(available: int, asked: int, step: int) -> int:
    """Return how many frames are trained: what is asked for, or the longest length below."""
    return (
        asked if available >= asked else max(min(available, 1), (available - 1) // step * step + 1)
    )


def trained_size(facts: FileFacts, max_pixels: int, side: int) -> Size:
    """Return the size of a clip in training where none is given: shrunk to pixels, and floored."""
    width, height = facts.width, facts.height
    if width * height > max_pixels:
        scale = (width * height / max_pixels) ** 0.5
        width, height = int(width / scale), int(height / scale)
    return Size(width // side * side, height // side * side)


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell what becomes of a clip: its first frames, or fewer where it is too short."""
    recipe, asked = recipe_for(training), max(training.lengths)
    available = available_frames(facts, recipe.rate)
    n = trained_frames(available, asked, recipe.step)
    if n < 1:
        return Fate("dropped", None, f"{facts.n_frames} frames are too few: training stops")
    if len(training.sizes) == 1:
        size = training.sizes[0]
    else:
        own = facts.width * facts.height
        pixels = max((s.width * s.height for s in training.sizes), default=own)
        size = trained_size(facts, pixels, recipe.side)
    rate = recipe.rate or facts.fps
    whole = math.floor(facts.n_frames * rate / facts.fps)
    found = f"{available} frames" + (f" at {recipe.rate} a second" if recipe.rate else "")
    if n < asked and n < whole:
        return Fate("shortened", Bucket(*size, n), f"{found}, {asked} asked for: {n} are trained")
    if n < whole:
        return Fate("cut", Bucket(*size, n), f"the first {n} of {found}")
    return Fate("whole", Bucket(*size, n))


def write(bundle: Bundle) -> None:
    """Write the clips, their list and the command."""
    tally = Tally()

    def rows() -> Iterator[dict[str, Any]]:
        for sample in place_clips(bundle):
            tally.add(sample, bucket_of(sample, bundle.training, fate))
            yield {"video": clip_name(sample), "prompt": sample.caption}

    write_json_lines(bundle.file(LIST), rows(), in_ascii=True)
    recipe, frames = recipe_for(bundle.training), max(bundle.training.lengths)
    script = TRAIN.format(
        script=shell_words(bundle.out / SCRIPT),
        weights=recipe.weights,
        name=bundle.name,
        code=recipe.script,
        base=shell_words(bundle.out),
        metadata=shell_words(bundle.out / LIST),
        size=size_arguments(bundle),
        frames=frames,
        modules=recipe.modules,
        more=recipe.more,
    )
    bundle.text(SCRIPT, script)
    rate = (PICKED if recipe.rate else OWN_RATE).format(picked=recipe.rate, rate=tally.rate)
    train = shell_words("bash", bundle.out / SCRIPT)
    bundle.text("HOWTO.md", HOWTO.format(table=tally.table, train=train, frames=frames, rate=rate))


def size_arguments(bundle: Bundle) -> str:
    """Return the arguments that keep the sizes of files: the one size, or so many pixels."""
    sizes = bundle.training.sizes
    if len(sizes) == 1:
        return f"--height {sizes[0].height} --width {sizes[0].width}"
    return f"--max_pixels {max(s.width * s.height for s in sizes_in(bundle))}"


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the list as DiffSynth does; raises ValueError for clips that stop training."""
    pairs = []
    for row in read_json_lines(bundle.root / LIST):
        clip = bundle.root / text_of(row, "video")
        check_taken(clip, bundle.training, fate)
        pairs.append((clip.stem, text_of(row, "prompt")))
    if not pairs:
        raise ValueError(f"{LIST} is empty")
    return pairs


TARGET = Target(
    name="diffsynth",
    summary="Clips with a list, and the command of DiffSynth-Studio.",
    write=write,
    read=read,
    fate=fate,
    model="wan",
    models=("wan", "wan2.2-5b", "ltx2"),
)
