"""LTX-Video-Trainer: a list of clips for each bucket, and the YAML that trains on them.

Read at 31b1273. Its script takes one bucket a call, and saves latents under names that it counts
off a list: after a clip that it skips, as too short or unreadable, every later name is shifted, and
trains with another clip's caption. So a list holds only clips that it takes, and `read` proves it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vidcurate.exporting.layouts.clip_folder import header_facts, quoted
from vidcurate.exporting.layouts.listing import clip_name, read_json_lines, write_json_lines
from vidcurate.exporting.layouts.trainer_files import (
    Tally,
    bucket_of,
    first_frames,
    place_clips,
    shell_words,
    sizes_for,
    text_of,
)
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Training

CONFIG = "ltxv.yaml"
SCRIPT = "preprocess.sh"
HEAD = """# Computes latents and text embeddings of these clips, which training reads.
# Run it where LTX-Video-Trainer is checked out:  bash {script}
# Fill in: the model (LTXV_13B_097_DEV, LTXV_2B_0.9.6_DEV, …), and another folder if you like.
set -e
MODEL=${{MODEL:-LTXV_13B_097_DEV}}
OUT=${{OUT:-{out}}}
"""
CALL = """
python scripts/preprocess_dataset.py {list} \\
  --resolution-buckets {bucket} --caption-column caption --video-column media_path \\
  --batch-size 1 --model-source "$MODEL" --output-dir "$OUT"
"""
YAML = """# Read by scripts/train.py of LTX-Video-Trainer.
model:
  model_source: "LTXV_13B_097_DEV"  # fill in: the model that latents were computed for
  training_mode: "lora"
  load_checkpoint: null
lora:
  rank: 64
  alpha: 64
  dropout: 0.0
  target_modules: ["to_k", "to_q", "to_v", "to_out.0"]
conditioning:
  mode: "none"
  first_frame_conditioning_p: 0.1
optimization:
  learning_rate: 2e-4
  steps: 2000  # fill in: how long to train
  batch_size: 1  # clips of several buckets do not go into one batch
  gradient_accumulation_steps: 1
  max_grad_norm: 1.0
  optimizer_type: "adamw"
  scheduler_type: "linear"
  scheduler_params: {{}}
  enable_gradient_checkpointing: true
acceleration:
  mixed_precision_mode: "bf16"
  quantization: null
  load_text_encoder_in_8bit: false
  compile_with_inductor: false
  compilation_mode: "reduce-overhead"
data:
  preprocessed_data_root: {root}  # where preprocess.sh writes
  num_dataloader_workers: 2
validation:
  prompts: []  # fill in: captions to look at while training
  negative_prompt: "worst quality, inconsistent motion, blurry, jittery, distorted"
  video_dims: [{width}, {height}, {frames}]
  seed: 42
  inference_steps: 50
  interval: null  # fill in: every how many steps prompts are shown
  videos_per_prompt: 1
  guidance_scale: 3.5
checkpoints:
  interval: 250
  keep_last_n: -1
flow_matching:
  timestep_sampling_mode: "shifted_logit_normal"
  timestep_sampling_params: {{}}
hub:
  push_to_hub: false
  hub_model_id: null
wandb:
  enabled: false
seed: 42
output_dir: "outputs/{name}"  # fill in: where the result shall lie
"""
HOWTO = """# Train LTX-Video with LTX-Video-Trainer

`clips/` holds the videos. For each size and length there is a list, `clips-WxHxF.jsonl`, of the
clips that are trained so:

{table}

Run this where LTX-Video-Trainer is checked out. First fill in the lines of `preprocess.sh` and
`ltxv.yaml` that say so.

```
{preprocess}
{train}
```

- Its script takes one bucket a call, so `preprocess.sh` calls it once a list.{several}
- Add no clip to a list that is shorter than its bucket or unreadable: the script skips it and then
  saves all later clips under the name before theirs, with wrong captions.
- The first frames of a clip are trained, as many as the bucket has; the rest is not used.
- The rate of files ({rate} frames a second) is stored with them.
- T5 reads 256 tokens of a caption. They cannot be counted here.
"""
SEVERAL = (
    " Its documentation promises training on one bucket only; with `batch_size: 1` its code takes "
    "several."
)


def trained_length(n_frames: int, lengths: Sequence[int]) -> int:
    """Return the longest length that a clip fills; 0 if none."""
    return max((n for n in lengths if n <= n_frames), default=0)


def nearest_bucket(facts: FileFacts, buckets: Sequence[Bucket]) -> Bucket | None:
    """Return the length that fits, and apart from it the size with the nearest sides; None if none.

    So given several buckets at once the two may be of no bucket that was named.
    """
    length = trained_length(facts.n_frames, [bucket.n_frames for bucket in buckets])
    nearest = min(buckets, key=lambda b: abs(b.height - facts.height) + abs(b.width - facts.width))
    return nearest._replace(n_frames=length) if length else None


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell what becomes of a clip: its first frames are trained, as many as a length has."""
    sizes = sizes_for(facts, training)
    buckets = [Bucket(*size, n) for size in sizes for n in training.lengths]
    return first_frames(facts, nearest_bucket(facts, buckets), training.lengths)


def list_name(bucket: Bucket) -> str:
    """Return the name of a bucket's list."""
    return f"clips-{bucket}.jsonl"


def write(bundle: Bundle) -> None:
    """Write the clips, a list for each bucket, the script and the config."""
    tally = Tally()
    for sample in place_clips(bundle):
        tally.add(sample, bucket_of(sample, bundle.training, fate))
    buckets = [bucket for bucket, _ in tally.sorted()]
    for bucket in buckets:
        write_json_lines(bundle.file(list_name(bucket)), rows_of(bundle, bucket), in_ascii=True)
    root = bundle.beside("precomputed")
    lists = [(shell_words(bundle.out / list_name(bucket)), bucket) for bucket in buckets]
    calls = [CALL.format(list=file, bucket=bucket) for file, bucket in lists]
    head = HEAD.format(script=shell_words(bundle.out / SCRIPT), out=shell_words(root))
    bundle.text(SCRIPT, head + "".join(calls))
    width, height, frames = tally.buckets.most_common(1)[0][0]
    shown = {"width": width, "height": height, "frames": frames}
    bundle.text(CONFIG, YAML.format(root=quoted(root), name=bundle.name, **shown))
    howto = HOWTO.format(
        table=tally.table,
        preprocess=shell_words("bash", bundle.out / SCRIPT),
        train=shell_words("python", "scripts/train.py", bundle.out / CONFIG),
        several=SEVERAL if len(buckets) > 1 else "",
        rate=tally.rate,
    )
    bundle.text("HOWTO.md", howto)


def rows_of(bundle: Bundle, bucket: Bucket) -> Iterator[dict[str, Any]]:
    """Yield the rows of a bucket's list."""
    for sample in bundle.samples():
        if bucket_of(sample, bundle.training, fate) == bucket:
            yield {"caption": sample.caption, "media_path": clip_name(sample)}


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read each list as the script does, and prove that each clip is saved under its own name.

    Raises ValueError for a clip that is missing, skipped, listed twice or saved as another.
    """
    lists = sorted(bundle.root.glob("clips-*x*x*.jsonl"))
    if not lists:
        raise ValueError("no list of clips")
    pairs = [pair for file in lists for pair in read_list(file)]
    if len({stem for stem, _ in pairs}) < len(pairs):
        raise ValueError("a clip is listed twice, and its caption is that of the last")
    return pairs


def read_list(file: Path) -> list[tuple[str, str]]:
    """Return the clips of a list with their captions; raises ValueError as `read` does."""
    _, _, needed = map(int, file.stem.removeprefix("clips-").split("x"))
    rows = list(read_json_lines(file))
    names = [file.parent / text_of(row, "media_path").strip() for row in rows]
    missing = [name.name for name in names if not name.is_file()]
    if missing:
        raise ValueError(f"{file.name} names clips that are not there: {missing[0]}")
    decoded = [name for name in names if is_long_enough(name, needed)]
    for saved_as, clip in zip(names, decoded, strict=False):
        if saved_as != clip:
            raise ValueError(f"{clip.name} would be saved as {saved_as.name}, which is skipped")
    if len(decoded) < len(names):
        raise ValueError(f"{names[-1].name} has fewer than {needed} frames, and is skipped")
    captions = [text_of(row, "caption") for row in rows]
    return [(name.stem, caption) for name, caption in zip(names, captions, strict=True)]


def is_long_enough(file: Path, needed: int) -> bool:
    """Check whether the script takes a file; it skips those that it cannot open."""
    try:
        return header_facts(file).n_frames >= needed
    except ValueError:
        return False


TARGET = Target(
    name="ltx-video-trainer",
    summary="Clips with a list for each bucket, and the script and YAML of LTX-Video-Trainer.",
    write=write,
    read=read,
    fate=fate,
    model="ltx",
    models=("ltx",),
)
