"""LTX-2's own trainer: one list of clips, and the YAML that trains on them.

Read at 400fd31. Several buckets go in one call. Sound is trained where every clip has it: a clip
without it would be left out of training with sound.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from vidcurate.exporting.layouts.clip_folder import quoted
from vidcurate.exporting.layouts.listing import clip_name, read_json_lines, write_json_lines
from vidcurate.exporting.layouts.trainer_files import (
    Tally,
    bucket_of,
    check_taken,
    first_frames,
    place_clips,
    shell_words,
    sizes_for,
    text_of,
)
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Training

LIST, CONFIG, SCRIPT = "clips.jsonl", "ltx2.yaml", "preprocess.sh"
PREPROCESS = """# Computes latents and text embeddings of these clips, which training reads.
# Run it in packages/ltx-trainer of LTX-2:  bash {script}
# Fill in: the model and the Gemma text encoder that belongs to it, and another folder if you like.
set -e
MODEL=${{MODEL:-/path/to/ltx-2-model.safetensors}}
TEXT_ENCODER=${{TEXT_ENCODER:-/path/to/gemma-text-encoder}}
OUT=${{OUT:-{out}}}

uv run python scripts/process_dataset.py {list} \\
  --resolution-buckets "{buckets}" --batch-size 1{audio} \\
  --model-path "$MODEL" --text-encoder-path "$TEXT_ENCODER" --output-dir "$OUT"
"""
YAML = """# Read by scripts/train.py of packages/ltx-trainer in LTX-2.
model:
  model_path: "/path/to/ltx-2-model.safetensors"  # fill in
  text_encoder_path: "/path/to/gemma-text-encoder"  # fill in
  training_mode: "lora"
  load_checkpoint: null
lora:
  rank: 32
  alpha: 32
  dropout: 0.0
  target_modules: ["to_k", "to_q", "to_v", "to_out.0"]
training_strategy:
  name: "flexible"
  video:
    is_generated: true
    latents_dir: "latents"
{audio}optimization:
  learning_rate: 1e-4
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
data:
  preprocessed_data_root: {root}  # where preprocess.sh writes
  num_dataloader_workers: 2
validation:
  samples: []  # fill in: prompts to look at while training
  video_dims: [{width}, {height}, {frames}]
  frame_rate: {rate}
  interval: null  # fill in: every how many steps samples are shown
  generate_audio: {generates}
checkpoints:
  interval: 250
  keep_last_n: -1
flow_matching:
  timestep_sampling_mode: "shifted_logit_normal"
  timestep_sampling_params: {{}}
hub:
  push_to_hub: false
wandb:
  enabled: false
seed: 42
output_dir: "outputs/{name}"  # fill in: where the result shall lie
"""
YAML_AUDIO = """  audio:
    is_generated: true
    latents_dir: "audio_latents"
"""
HOWTO = """# Train LTX-2 with its own trainer

`clips/` holds the videos, `clips.jsonl` their captions.

{table}

Run this in `packages/ltx-trainer` of LTX-2. First fill in the lines of `preprocess.sh` and
`ltx2.yaml` that say so.

```
{preprocess}
{train}
```

- The first frames of a clip are trained, as many as its bucket has; the rest is not used.
- The rate of files ({rate} frames a second) is stored with them.
- {sound}
- After a change of model, trigger word or buckets add `--overwrite` in `preprocess.sh`, or old
  latents are kept.
- Gemma reads 1024 tokens of a caption. They cannot be counted here.
"""
WITH_SOUND = (
    "All clips have sound, and it is trained. To leave it out, add `--skip-audio` in\n"
    "  `preprocess.sh`, and take `audio` out of `ltx2.yaml`."
)
WITHOUT_SOUND = (
    "Some clips have no sound, so sound is not trained: clips without it would be left out."
)


def nearest_bucket(facts: FileFacts, buckets: Sequence[Bucket]) -> Bucket | None:
    """Return the bucket of the nearest aspect among those that a clip fills; None if none.

    Of equal aspects the longest, of those the largest.
    """
    aspect = math.log(facts.width / facts.height)
    return min(
        (bucket for bucket in buckets if bucket.n_frames <= facts.n_frames),
        key=lambda b: (
            abs(aspect - math.log(b.width / b.height)),
            -b.n_frames,
            -b.height * b.width,
        ),
        default=None,
    )


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell what becomes of a clip: its first frames are trained, as many as its bucket has."""
    sizes = sizes_for(facts, training)
    buckets = [Bucket(*size, n) for size in sizes for n in training.lengths]
    return first_frames(facts, nearest_bucket(facts, buckets), training.lengths)


def write(bundle: Bundle) -> None:
    """Write the clips, their list, the script and the config."""
    tally = Tally()
    silent = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal silent
        for sample in place_clips(bundle):
            tally.add(sample, bucket_of(sample, bundle.training, fate))
            silent += not sample.has_audio
            yield {"caption": sample.caption, "video": clip_name(sample)}

    write_json_lines(bundle.file(LIST), rows(), in_ascii=True)
    root = bundle.beside("precomputed")
    script = PREPROCESS.format(
        script=shell_words(bundle.out / SCRIPT),
        out=shell_words(root),
        list=shell_words(bundle.out / LIST),
        buckets=";".join(str(bucket) for bucket, _ in tally.sorted()),
        audio=" --skip-audio" if silent else "",
    )
    bundle.text(SCRIPT, script)
    width, height, frames = tally.buckets.most_common(1)[0][0]
    config = YAML.format(
        audio="" if silent else YAML_AUDIO,
        root=quoted(root),
        width=width,
        height=height,
        frames=frames,
        rate=float(max(tally.rates)),
        generates="false" if silent else "true",
        name=bundle.name,
    )
    bundle.text(CONFIG, config)
    howto = HOWTO.format(
        table=tally.table,
        preprocess=shell_words("bash", bundle.out / SCRIPT),
        train=shell_words("uv", "run", "python", "scripts/train.py", bundle.out / CONFIG),
        rate=tally.rate,
        sound=WITHOUT_SOUND if silent else WITH_SOUND,
    )
    bundle.text("HOWTO.md", howto)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the list as the script does; raises ValueError for a clip that it skips or misses."""
    pairs: dict[str, str] = {}
    for row in read_json_lines(bundle.root / LIST):
        clip = bundle.root / text_of(row, "video").strip()
        check_taken(clip, bundle.training, fate)
        if clip.stem in pairs:
            raise ValueError(f"{clip.name} is listed twice, and its caption is that of the last")
        pairs[clip.stem] = text_of(row, "caption")
    return list(pairs.items())


TARGET = Target(
    name="ltx2",
    summary="Clips with a list, and the script and YAML of LTX-2's own trainer.",
    write=write,
    read=read,
    fate=fate,
    model="ltx2",
    models=("ltx2",),
)
