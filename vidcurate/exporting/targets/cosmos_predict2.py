"""Cosmos-Predict2: folders of videos and captions, and the commands that train on them.

Read at 661da47. It draws a window from a clip by a rule that fails where the clip is just as long:
so one frame more is needed. Its size is one, and what has another is distorted; so each bucket is a
data set of its own.
"""

from collections.abc import Sequence
from pathlib import Path

from vidcurate.exporting.layouts.trainer_files import (
    Tally,
    bucket_of,
    check_taken,
    shell_words,
    sizes_for,
    text_file_fault,
)
from vidcurate.exporting.target import Bundle, Sample, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Training

VIDEOS, CAPTIONS, EMBEDDINGS = "videos", "metas", "t5_xxl"
SCRIPT = "train.sh"
EXPERIMENT = "predict2_video2world_training_2b_video2world_data"
TRAIN = """# Trains on these clips. Run it where cosmos-predict2 is checked out:  bash {script}
# Fill in: how many GPUs there are, and another experiment if you like (14b in place of 2b).
set -e
GPUS=${{GPUS:-8}}
EXPERIMENT=${{EXPERIMENT:-{experiment}}}
"""
CALL = """
# {bucket}
DATA={folder}
PYTHONUTF8=1 python -m scripts.get_t5_embeddings --dataset_path "$DATA" --max_length 512
torchrun --nproc_per_node="$GPUS" --master_port=12341 -m scripts.train \\
  --config=cosmos_predict2/configs/base/config.py -- experiment="$EXPERIMENT" \\
  job.name={name} model.config.pipe_config.state_t={latents} \\
  "dataloader_train.dataset.dataset_dir='$DATA'" \\
  dataloader_train.dataset.num_frames={frames} \\
  "dataloader_train.dataset.video_size=[{height},{width}]" \\
  "dataloader_train.sampler.dataset.dataset_dir='$DATA'" \\
  dataloader_train.sampler.dataset.num_frames={frames} \\
  "dataloader_train.sampler.dataset.video_size=[{height},{width}]"
"""
HOWTO = """# Train with Cosmos-Predict2

`videos/` holds the videos, `metas/` a caption for each.{several}

{table}

Run this where cosmos-predict2 is checked out. First fill in the lines of `train.sh` that say so.

```
{train}
```

- Its own script `get_t5_embeddings` makes `t5_xxl/`, which `train.sh` calls first. A video without
  a file there is left out, and nothing says so. If captions change, remove `t5_xxl/` first.
- A window of frames is drawn from each clip. A clip of just as many frames makes training crash:
  add none that has not one frame more.
- Pictures are brought to the one size without regard to their shape: add no clip of another.
- T5 reads 512 tokens of a caption. Files have {rate} frames a second; of the model's variants take
  that of this rate.
"""
SEVERAL = (
    " It trains one size and length at\na time, so there is a folder for each, and `train.sh` "
    "trains on one after another: take from it what\nyou want."
)


def trained_length(n_frames: int, lengths: Sequence[int]) -> int:
    """Return the longest length that a clip fills with one frame to spare; 0 if none."""
    return max((n for n in lengths if n < n_frames), default=0)


def fate(facts: FileFacts, training: Training) -> Fate:
    """Tell what becomes of a clip: a window of it, brought to the size."""
    n, length = facts.n_frames, trained_length(facts.n_frames, training.lengths)
    if not length:
        least = min(training.lengths)
        return Fate("dropped", None, f"{n} frames, and {least + 1} are needed: training crashes")
    aspect = facts.width / facts.height
    size = min(sizes_for(facts, training), key=lambda s: abs(s.width / s.height - aspect))
    return Fate("cut", Bucket(*size, length), f"{length} of {n} frames, from a start that is drawn")


def caption_fault(caption: str) -> str:
    """Say what its script changes of a caption."""
    return text_file_fault(caption)


def write(bundle: Bundle) -> None:
    """Write the videos and captions of each bucket, and the commands."""
    tally = Tally.of(bundle, fate)
    for sample in bundle.samples():
        bucket = bucket_of(sample, bundle.training, fate)
        place(bundle, sample, "" if len(tally.buckets) == 1 else f"{bucket}/")
    calls = []
    for bucket, _ in tally.sorted():
        single = len(tally.buckets) == 1
        folder = bundle.out if single else bundle.out / str(bucket)
        calls.append(
            CALL.format(
                bucket=bucket,
                folder=shell_words(folder),
                name=bundle.name if single else f"{bundle.name}-{bucket}",
                latents=(bucket.n_frames - 1) // bundle.training.model.frame_step + 1,
                frames=bucket.n_frames,
                height=bucket.height,
                width=bucket.width,
            )
        )
    head = TRAIN.format(script=shell_words(bundle.out / SCRIPT), experiment=EXPERIMENT)
    bundle.text(SCRIPT, head + "".join(calls))
    howto = HOWTO.format(
        several=SEVERAL if len(calls) > 1 else "",
        table=tally.table,
        train=shell_words("bash", bundle.out / SCRIPT),
        rate=tally.rate,
    )
    bundle.text("HOWTO.md", howto)


def place(bundle: Bundle, sample: Sample, folder: str) -> None:
    """Put a clip and its caption into a data set's folder."""
    bundle.place(sample, f"{folder}{VIDEOS}/{sample.stem}.mp4")
    bundle.text(f"{folder}{CAPTIONS}/{sample.stem}.txt", sample.caption)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read each data set as its script and loader do; raises ValueError for what they fail on.

    A video needs a caption, since the script makes embeddings of captions, and a video without them
    is left out.
    """
    roots = sorted(folder.parent for folder in bundle.root.rglob(VIDEOS) if folder.is_dir())
    if not roots:
        raise ValueError(f"no folder {VIDEOS}")
    return [pair for root in roots for pair in read_folder(root, bundle.training)]


def read_folder(root: Path, training: Training) -> list[tuple[str, str]]:
    """Return the clips of one data set with their captions; raises ValueError as `read` does."""
    pairs = []
    buckets: set[Bucket] = set()
    for video in sorted((root / VIDEOS).glob("*.mp4")):
        caption = root / CAPTIONS / f"{video.stem}.txt"
        if not caption.is_file():
            raise ValueError(f"{video.name} has no caption, and is left out of training")
        buckets.add(check_taken(video, training, fate))
        pairs.append((video.stem, caption.read_text("utf-8").strip()))
    if len(buckets) > 1:
        raise ValueError(f"{root.name} holds clips of {len(buckets)} sizes or lengths")
    return pairs


TARGET = Target(
    name="cosmos-predict2",
    summary="Videos and captions in folders, and the commands of Cosmos-Predict2.",
    write=write,
    read=read,
    fate=fate,
    caption_fault=caption_fault,
    model="cosmos-predict2",
    models=("cosmos-predict2",),
    spare_frames=1,
)
