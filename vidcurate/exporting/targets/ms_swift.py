"""ms-swift: dialogues about clips for ms-swift (commit 3602360a), as JSON lines."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from vidcurate.exporting.layouts.chat import check_messages, messages, sampled_fate
from vidcurate.exporting.layouts.listing import (
    clip_name,
    read_json_lines,
    require_file,
    write_json_lines,
)
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Fate, FileFacts, Training

PER_SECOND, MIN_FRAMES, MAX_FRAMES, FACTOR = 2, 4, 768, 2  # FPS, FPS_MIN_FRAMES, FPS_MAX_FRAMES
CONFIG = """# swift sft train.yaml
model: Qwen/Qwen3-VL-4B-Instruct  # fill in: the model to train
output_dir: output  # fill in: where the trained weights go
dataset:
  - {file}
tuner_type: lora
torch_dtype: bfloat16
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 1
max_length: 16384
"""
HOWTO = """# Dialogues for ms-swift

`{name}.jsonl` has a dialogue a line. Paths are absolute: write the export again when you move it.

```
VIDEO_MAX_TOKEN_NUM=128 swift sft train.yaml
```

Lines of `train.yaml` with "fill in" are yours. Models of the Qwen family are given {per_second}
frames a second, {least} to {most} of a clip, an even number. `FPS`, `FPS_MIN_FRAMES`,
`FPS_MAX_FRAMES` and `VIDEO_MAX_TOKEN_NUM` in the environment change that.
"""


def fate(facts: FileFacts, _training: Training) -> Fate:
    """Count the frames that are sampled: 2 a second, 4 to 768, an even number.

    Source: smart_nframes of qwen_vl_utils, which ms-swift calls for models of the Qwen family.
    """
    most = math.floor(min(MAX_FRAMES, facts.n_frames) / FACTOR) * FACTOR
    wanted = facts.n_frames / float(facts.fps) * PER_SECOND
    n_sampled = min(max(wanted, MIN_FRAMES), most, facts.n_frames)
    n_sampled = math.floor(n_sampled / FACTOR) * FACTOR
    if n_sampled < FACTOR:
        return Fate("dropped", None, f"{facts.n_frames} frame, and {FACTOR} are needed")
    return sampled_fate(facts, n_sampled, PER_SECOND)


def write(bundle: Bundle) -> None:
    """Write the clips and the dialogues."""

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            bundle.place(sample, clip_name(sample))
            yield {
                "messages": messages(bundle, sample),
                "videos": [str(bundle.out / clip_name(sample))],
            }

    write_json_lines(bundle.file(list_name(bundle)), rows())
    path = json.dumps(str(bundle.out / list_name(bundle)), ensure_ascii=False)
    bundle.text("train.yaml", CONFIG.format(file=path))
    howto = HOWTO.format(name=bundle.name, per_second=PER_SECOND, least=MIN_FRAMES, most=MAX_FRAMES)
    bundle.text("HOWTO.md", howto)


def list_name(bundle: Bundle) -> str:
    """Return the name of the list of dialogues."""
    return f"{bundle.name}.jsonl"


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the dialogues; raises ValueError for what the trainer refuses."""
    pairs = []
    for row in read_json_lines(bundle.root / list_name(bundle)):
        [video] = row["videos"]
        pairs.append((require_file(bundle, video).stem, check_messages(row["messages"], video)))
    return pairs


TARGET = Target(
    name="ms-swift", summary="Dialogues for ms-swift.", write=write, read=read, fate=fate
)
