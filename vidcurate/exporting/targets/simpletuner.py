"""SimpleTuner: clips with text beside them, one data backend for each short side and length.

Read and run at bc8e6ab. It knows no frame rates, rounds lengths down to 8k+1 for Wan and LTX, and
leaves out what is then shorter than min_frames or longer than max_frames.
"""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vidcurate.exporting.layouts.clip_folder import (
    CACHE,
    HOWTO,
    RUNS,
    clips_in,
    folders_of,
    header_facts,
    inside,
    joined,
    place_with_text,
    quoted,
    resized_note,
    text_beside,
)
from vidcurate.exporting.layouts.trainer_files import facts_of, shell_words
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Size, Training

BACKENDS, CONFIG = "multidatabackend.json", "config.toml"
RATIO_DIGITS = 2


class Family(NamedTuple):
    """A family of models as the trainer knows it.

    Sides are multiples of `alignment`; lengths are `step` * k + 1 frames.
    """

    name: str
    flavour: str
    alignment: int
    step: int


# The trainer sets the alignment of Wan and LTX itself, and rounds Wan to 8k+1 as well.
FAMILIES = {
    "wan": Family("wan", "t2v-480p-1.3b-2.1", 32, 8),
    "wan2.2-5b": Family("wan", "ti2v-5b-2.2", 64, 8),
    "ltx": Family("ltxvideo", "0.9.5", 64, 8),
    "ltx2": Family("ltxvideo2", "dev", 64, 8),
    "hunyuan": Family("hunyuanvideo", "t2v-480p", 16, 1),
    "kandinsky5": Family("kandinsky5-video", "t2v-lite-sft-5s", 16, 1),
}


class Backend(NamedTuple):
    """A data backend: what sizes are found by, and the length that is trained.

    `resolution` is a short side in pixels, or an area in millions of pixels.
    """

    resolution: float
    kind: str
    n_frames: int

    @property
    def name(self) -> str:
        """What its folder is called by."""
        side = f"{self.resolution:g}".replace(".", "_")
        return f"{side}-{self.n_frames}"


def fate(facts: FileFacts, training: Training) -> Fate:
    """What the trainer does with a clip in the backend that it is put in."""
    return fate_in(backend_of(facts, training), facts, FAMILIES[training.model.name])


def fate_in(backend: Backend, facts: FileFacts, family: Family) -> Fate:
    """What the trainer does with a clip of one backend: it takes the first frames, or nothing.

    It knows no frame rates. It rounds the number of frames down before it compares it.
    """
    n_frames = adjusted_frames(facts.n_frames, family.step)
    held = "" if n_frames == facts.n_frames else f"the model holds {n_frames} of {facts.n_frames}"
    if n_frames < backend.n_frames:
        short = f"{n_frames} frames are fewer than min_frames {backend.n_frames}"
        return Fate("dropped", None, joined([held, short]))
    bucket = Bucket(*bucket_size(facts, backend, family.alignment), backend.n_frames)
    resized = resized_note(facts, bucket)
    if facts.n_frames == backend.n_frames:
        return Fate("whole", bucket, resized)
    if n_frames == backend.n_frames:
        return Fate("shortened", bucket, joined([held, resized]))
    cut = f"the first {backend.n_frames} of {facts.n_frames} frames"
    return Fate("cut", bucket, joined([cut, resized]))


def adjusted_frames(n_frames: int, step: int) -> int:
    """Round a number of frames down to a length that the trainer allows."""
    return max(1, (n_frames - 1) // step * step + 1)


def bucket_size(facts: FileFacts, backend: Backend, alignment: int) -> Size:
    """Return the size that pictures get, from an aspect ratio of two digits; squares stay so."""
    by = size_by_short_side if backend.kind == "pixel" else size_by_area
    size = by(facts, backend.resolution, alignment)
    if round(size.width / size.height, RATIO_DIGITS) != 1.0:
        return size
    if backend.kind == "pixel":
        return Size(int(backend.resolution), int(backend.resolution))
    side = aligned(math.sqrt(square_area(backend.resolution)), alignment)
    return Size(side, side)


def size_by_short_side(facts: FileFacts, short: float, alignment: int) -> Size:
    """Return the size that pictures get where the short side is given."""
    ratio = round(facts.width / facts.height, RATIO_DIGITS)
    if facts.width < facts.height:
        width, height = int(short), int(short / ratio)
    else:
        width, height = int(short * ratio), int(short)
    return Size(aligned(width, alignment), aligned(height, alignment))


def size_by_area(facts: FileFacts, megapixels: float, alignment: int) -> Size:
    """Return the size that pictures get where the area is given, by way of a square's side."""
    side = aligned(int(math.sqrt(megapixels * 1e6)), alignment)
    root = math.sqrt(round(facts.width / facts.height, RATIO_DIGITS))
    return Size(aligned(side * root, alignment), aligned(side / root, alignment))


def square_area(megapixels: float) -> float:
    """Return the area of square pictures, in pixels: near round numbers, the trainer's own."""
    own = {0.25: 512, 0.5: 768, 1.0: 1024, 2.0: 1536, 4.0: 2048}
    near = [side**2 for area, side in own.items() if abs(megapixels - area) < 0.05]  # noqa: PLR2004 - the trainer's tolerance
    return near[0] if near else megapixels * 1e6


def aligned(pixels: float, alignment: int) -> int:
    """Round a side to the nearest multiple, the smallest one at least."""
    return max(round(pixels / alignment) * alignment, alignment)


def backends(training: Training) -> list[Backend]:
    """List a backend for each short side and each length, the shortest first."""
    step = FAMILIES[training.model.name].step
    lengths = sorted({adjusted_frames(n, step) for n in training.lengths})
    if training.sizes:
        sides = [(float(side), "pixel") for side in sorted({min(s) for s in training.sizes})]
    else:
        sides = [(training.model.size.width * training.model.size.height / 1e6, "area")]
    return [Backend(side, kind, n) for side, kind in sides for n in lengths]


def backend_of(facts: FileFacts, training: Training) -> Backend:
    """Choose the backend for a clip: nearest short side, longest length that it fills."""
    every = backends(training)
    own = min(facts.width, facts.height)
    side = min((b.resolution for b in every), key=lambda side: abs(side - own))
    n_frames = adjusted_frames(facts.n_frames, FAMILIES[training.model.name].step)
    near = [b for b in every if b.resolution == side]
    return max((b for b in near if b.n_frames <= n_frames), default=near[0])


def caption_fault(caption: str) -> str:
    """Say what of a caption the trainer does not take as it is, "" where it does."""
    if not caption.strip():
        return "is empty: trained without text"
    return "holds line feeds: every line becomes a caption of its own" if "\n" in caption else ""


def write(bundle: Bundle) -> None:
    """Write clips, texts, the backends' config, the trainer's config and how to start it."""
    training = bundle.training
    of_clip = (backend_of(facts_of(s), training).name for s in bundle.samples())
    every = {backend.name: backend for backend in backends(training)}
    folders = folders_of(of_clip, [*every])
    longest = dict.fromkeys(folders, 0)
    for sample in bundle.samples():
        facts = facts_of(sample)
        part = backend_of(facts, training).name
        longest[part] = max(longest[part], facts.n_frames)
        place_with_text(bundle, sample, folders[part], sample.caption)
    entries = [backend_entry(bundle, every[part], folders[part], longest[part]) for part in folders]
    content = json.dumps([*entries, text_entry(bundle)], indent=2, ensure_ascii=False)
    bundle.text(BACKENDS, content + "\n")
    bundle.text(CONFIG, trainer_config(bundle))
    bundle.text(HOWTO, howto(bundle))


def backend_entry(bundle: Bundle, backend: Backend, folder: str, longest: int) -> dict[str, Any]:
    """Describe the clips of one backend; `longest` is the longest of them, in frames."""
    ident = f"{bundle.name}-{backend.name}"
    is_pixels = backend.kind == "pixel"
    return {
        "id": ident,
        "type": "local",
        "dataset_type": "video",
        "instance_data_dir": str(bundle.out / folder),
        "caption_strategy": "textfile",
        "metadata_backend": "discovery",
        "resolution": int(backend.resolution) if is_pixels else backend.resolution,
        "resolution_type": backend.kind,
        "minimum_image_size": 0,
        "crop": False,
        "crop_style": "center",
        "cache_dir_vae": str(bundle.beside(CACHE) / "vae" / ident),
        "repeats": 0,
        "video": {
            "num_frames": backend.n_frames,
            "min_frames": backend.n_frames,
            "max_frames": longest,
            "is_i2v": False,
            "bucket_strategy": "aspect_ratio",
        },
    }


def text_entry(bundle: Bundle) -> dict[str, Any]:
    """Describe where encoded captions are kept; the trainer does not start without it."""
    return {
        "id": f"{bundle.name}-text",
        "type": "local",
        "dataset_type": "text_embeds",
        "default": True,
        "cache_dir": str(bundle.beside(CACHE) / "text"),
    }


def trainer_config(bundle: Bundle) -> str:
    """Write the trainer's config of a LoRA, but for what only the user knows."""
    training = bundle.training
    family = FAMILIES[training.model.name]
    size = (training.sizes or (training.model.size,))[0]
    return f"""\
model_type = "lora"
model_family = "{family.name}"
# Fill in: the flavour of the model that you train.
model_flavour = "{family.flavour}"
# Fill in: a folder of weights, where they are not to be downloaded.
#pretrained_model_name_or_path = "/path/to/it"
data_backend_config = {quoted(bundle.out / BACKENDS)}
# Fill in: where runs are written.
output_dir = {quoted(bundle.beside(RUNS))}
aspect_bucket_alignment = {family.alignment}
aspect_bucket_rounding = {RATIO_DIGITS}
minimum_image_size = 0
framerate = {training.model.fps}
lora_type = "standard"
lora_rank = 16
train_batch_size = 1
gradient_accumulation_steps = 1
gradient_checkpointing = true
max_train_steps = 2000
num_train_epochs = 0
checkpoint_step_interval = 250
checkpoints_total_limit = 5
optimizer = "adamw_bf16"
learning_rate = 1e-4
lr_scheduler = "constant_with_warmup"
lr_warmup_steps = 50
mixed_precision = "bf16"
base_model_precision = "int8-torchao"
resolution = {min(size)}
resolution_type = "pixel"
validation_resolution = "{size}"
validation_num_video_frames = {backends(training)[-1].n_frames}
validation_step_interval = 500
# Fill in: what to show while it trains.
validation_prompt = ""
report_to = "none"
seed = 42
"""


def howto(bundle: Bundle) -> str:
    """Write how to start a training."""
    folder = f"config/{bundle.name}"
    return f"""# Train with SimpleTuner

1. Fill in the lines of `{CONFIG}` that say so.
2. In the folder from which SimpleTuner is started:

   ```
   mkdir -p {folder} && cp {shell_words(bundle.out / CONFIG)} {folder}/
   simpletuner train env={bundle.name} config_backend=toml
   ```

`{BACKENDS}` and `{CONFIG}` name this folder by its full path: change them where you move it. The
trainer knows no frame rates: clips have {bundle.training.model.fps} frames a second already. A
bucket with fewer clips than `train_batch_size` is left out. Captions are the `.txt` files beside
the clips, one line each: every line would be a caption of its own. Remove
`{bundle.beside(CACHE)}` and the
`aspect_ratio_bucket_*.json` beside the clips after a change of clips.
"""


def read(bundle: Bundle) -> list[tuple[str, str]]:
    """Read the folder back as the trainer does: backend by backend, clips by name.

    Raises ValueError for what the trainer refuses, leaves out or takes for several captions.
    """
    config = tomllib.loads((bundle.root / CONFIG).read_text("utf-8"))
    if inside(bundle, config["data_backend_config"]) != bundle.root / BACKENDS:
        raise ValueError(f"{CONFIG} names other data")
    entries = json.loads((bundle.root / BACKENDS).read_text("utf-8"))
    check_backends(entries)
    family = FAMILIES[bundle.training.model.name]
    found: list[tuple[str, str]] = []
    for entry in entries:
        if entry["dataset_type"] != "video":
            continue
        video, frames = entry["video"], entry["video"]["num_frames"]
        backend = Backend(entry["resolution"], entry["resolution_type"], frames)
        for file in clips_in(inside(bundle, entry["instance_data_dir"])):
            facts = header_facts(file)
            told = fate_in(backend, facts, family)
            if told.bucket is None:
                raise ValueError(f"{file.name} would be left out: {told.reason}")
            if adjusted_frames(facts.n_frames, family.step) > video["max_frames"]:
                raise ValueError(f"{file.name} would be left out: it is above max_frames")
            lines = [line for line in text_beside(file).split("\n") if line]
            if len(lines) > 1:
                raise ValueError(f"{file.stem}.txt would be {len(lines)} captions")
            found.append((file.stem, "".join(lines)))
    return found


def check_backends(entries: Sequence[Mapping[str, Any]]) -> None:
    """Check what the trainer checks of its backends; raises ValueError."""
    if not any(e["dataset_type"] == "text_embeds" and e.get("default") for e in entries):
        raise ValueError("no entry keeps encoded captions")
    names = [entry["id"] for entry in entries]
    if len({*names}) < len(names):
        raise ValueError("two entries have one id")
    for video in (entry["video"] for entry in entries if entry["dataset_type"] == "video"):
        if not video["num_frames"] <= video["min_frames"]:
            raise ValueError("min_frames is below num_frames")
        if "is_i2v" not in video:
            raise ValueError("is_i2v is missing: the trainer would set it for LTX")


TARGET = Target(
    name="simpletuner",
    summary="Clips and texts for SimpleTuner, with its data backends and config.",
    write=write,
    read=read,
    fate=fate,
    caption_fault=caption_fault,
    model="wan",
    models=("wan", "wan2.2-5b", "ltx", "ltx2", "hunyuan", "kandinsky5"),
    cuts_to_length=True,
)
