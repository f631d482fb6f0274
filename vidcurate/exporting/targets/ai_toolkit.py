"""ai-toolkit: clips with text beside them, each trained at as many frames as it holds.

Read and run at 27a03a9. It never enlarges pictures, and leaves out no clip.
"""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import yaml

from vidcurate.exporting.layouts.clip_folder import (
    CLIPS,
    HOWTO,
    RUNS,
    clips_in,
    counted_note,
    header_facts,
    inside,
    joined,
    place_with_text,
    quoted,
    resized_note,
    text_beside,
)
from vidcurate.exporting.layouts.trainer_files import shell_words
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

CONFIG = "train.yaml"
# The trainer removes these from captions, or puts the trigger word in their place.
MARKS = ("[name]", "[trigger]")
# The trainer's names of models, and the weights that they start from.
MODELS = {
    "wan": ("wan21", "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"),
    "wan2.2-5b": ("wan22_5b", "Wan-AI/Wan2.2-TI2V-5B-Diffusers"),
    "ltx2": ("ltx2", "Lightricks/LTX-2"),
}


def fate(facts: FileFacts, training: Training) -> Fate:
    """What the trainer does with a clip: it takes all frames that the model can hold."""
    model = training.model
    available = available_frames(facts, model.fps)
    size = bucket_size(facts, resolution(training), model.side_multiple)
    bucket = Bucket(*size, trained_frames(available, model.frame_step))
    counted = counted_note(facts, available, model.fps)
    resized = resized_note(facts, bucket)
    if bucket.n_frames == available:
        return Fate("whole", bucket, joined([counted, resized]))
    held = f"the model holds {bucket.n_frames} of {available} frames"
    return Fate("shortened", bucket, joined([counted, held, resized]))


def available_frames(facts: FileFacts, fps: int) -> int:
    """Count the frames of a clip at another rate, as the trainer does: cut off, in floats."""
    return int(facts.n_frames / float(facts.fps) * fps)


def trained_frames(available: int, step: int) -> int:
    """Return the longest length that the model can hold, as the trainer finds it: at least 1."""
    return max(0, available - 1) // step * step + 1


def bucket_size(facts: FileFacts, side: int, multiple: int) -> Size:
    """Return the size that pictures get: never larger, of about a square's area, in multiples.

    Of the four roundings of both sides, that which is nearest in area and not above it.
    """
    pixels, most = facts.width * facts.height, side * side
    wanted = min(pixels, most)
    scale = (wanted / pixels) ** 0.5
    width, height = facts.width * scale / multiple, facts.height * scale / multiple
    sizes = [
        Size(w * multiple, h * multiple)
        for w in (math.floor(width), math.ceil(width))
        for h in (math.floor(height), math.ceil(height))
    ]
    allowed = [s for s in sizes if 0 < s.width * s.height <= most]
    smallest = Size(*(max(multiple, side) for side in sizes[0]))
    return min(allowed or [smallest], key=lambda s: abs(s.width * s.height - wanted))


def resolution(training: Training) -> int:
    """Return the side of the smallest square that no size of the files is larger than."""
    sizes = training.sizes or (training.model.size,)
    return math.isqrt(max(size.width * size.height for size in sizes) - 1) + 1


def caption_fault(caption: str) -> str:
    """Say what of a caption the trainer does not take as it is, "" where it does."""
    if not caption.strip():
        return "is empty: trained without text"
    found = [mark for mark in MARKS if mark in caption]
    if found:
        return f"holds {found[0]}, which is removed, or becomes the trigger word"
    if "\r" in caption:
        return "holds a carriage return, which is read as a line feed"
    return (
        ""
        if heard(written(caption)) == caption
        else "holds a comma without a space after it, and gets one"
    )


def written(caption: str) -> str:
    """Return the text to write for a caption: the trainer puts a space after each comma."""
    return caption.replace(", ", ",")


def heard(text: str) -> str:
    """Return the caption that the trainer makes of a text where there is no trigger word."""
    caption = ", ".join(text.split(","))
    for mark in MARKS:
        caption = caption.replace(mark, "")
    return caption


def write(bundle: Bundle) -> None:
    """Write clips, texts, the trainer's config and how to start it."""
    for sample in bundle.samples():
        place_with_text(bundle, sample, CLIPS, written(sample.caption))
    bundle.text(CONFIG, config(bundle))
    bundle.text(HOWTO, howto(bundle))


def config(bundle: Bundle) -> str:
    """Write the trainer's config of a LoRA, but for what only the user knows.

    Frames are counted for each clip (auto_frame_count), from its start and at its own speed: with
    num_frames instead, longer clips are sped up or begin anywhere, and shorter ones slowed down.
    """
    model = bundle.training.model
    arch, weights = MODELS[model.name]
    return f"""\
job: extension
config:
  name: {quoted(bundle.name)}
  process:
    - type: sd_trainer
      # Fill in: where runs are written.
      training_folder: {quoted(bundle.beside(RUNS))}
      device: cuda:0
      # A trigger word is put before each caption that lacks it.
      # trigger_word: ""
      network:
        type: lora
        linear: 32
        linear_alpha: 32
      save:
        dtype: bf16
        save_every: 250
        max_step_saves_to_keep: 4
      datasets:
        - folder_path: {quoted(bundle.out / CLIPS)}
          caption_ext: txt
          resolution: {resolution(bundle.training)}
          fps: {model.fps}
          auto_frame_count: true
          trim_auto_frame_count_tail: true
          shrink_video_to_frames: false
          buckets: true
          cache_latents_to_disk: true
      train:
        batch_size: 1
        steps: 2000
        gradient_accumulation: 1
        train_unet: true
        train_text_encoder: false
        gradient_checkpointing: true
        noise_scheduler: flowmatch
        optimizer: adamw8bit
        lr: 1.0e-4
        dtype: bf16
        # Fill in a sample section to see pictures while it trains.
        disable_sampling: true
      model:
        # Fill in: another folder or name of the weights, where these are not meant.
        name_or_path: {quoted(weights)}
        arch: {arch}
        quantize: true
        low_vram: true
"""


def howto(bundle: Bundle) -> str:
    """Write how to start a training."""
    return f"""# Train with ai-toolkit

1. Fill in the lines of `{CONFIG}` that say so.
2. In the folder of ai-toolkit:

   ```
   python run.py {shell_words(bundle.out / CONFIG)}
   ```

`{CONFIG}` names this folder by its full path: change it where you move it. Captions are the `.txt`
files in `{CLIPS}`. They lack the space after a comma, since the trainer puts one there itself. The
trainer adds a file `.aitk_size.json` and its caches to `{CLIPS}`.
"""


def read(bundle: Bundle) -> list[tuple[str, str]]:
    """Read the folder back as the trainer does: clips by name.

    Raises ValueError for what the trainer refuses, trains as still pictures or without text.
    """
    ours = {sample.stem: sample.caption for sample in bundle.samples()}
    found: list[tuple[str, str]] = []
    for table in data_sets(yaml.safe_load((bundle.root / CONFIG).read_text("utf-8"))):
        for file in clips_in(inside(bundle, table["folder_path"])):
            facts, step = header_facts(file), bundle.training.model.frame_step
            if trained_frames(available_frames(facts, table["fps"]), step) == 1:
                raise ValueError(f"{file.name} would be trained as one picture")
            text, caption = text_beside(file), ours.get(file.stem, "")
            # A comma without a space after it comes back with one: that is no wrong pairing.
            found.append((file.stem, caption if text == written(caption) else heard(text)))
    return found


def data_sets(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the trainer's data sets; raises ValueError for what it would train otherwise."""
    for process in content["config"]["process"]:
        for table in process["datasets"]:
            if not (table["auto_frame_count"] and table["trim_auto_frame_count_tail"]):
                raise ValueError("clips would be stretched: set auto_frame_count")
            if not table["buckets"]:
                raise ValueError("the trainer takes no videos without buckets")
            if Fraction(table["fps"]) <= 0:
                raise ValueError(f"fps is {table['fps']}")
            yield table


TARGET = Target(
    name="ai-toolkit",
    summary="Clips and texts for ai-toolkit, with its YAML file.",
    write=write,
    read=read,
    fate=fate,
    caption_fault=caption_fault,
    model="wan",
    models=("wan", "wan2.2-5b", "ltx2"),
    cuts_to_length=True,
)
