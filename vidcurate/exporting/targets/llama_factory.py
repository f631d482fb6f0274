"""llama-factory: dialogues about clips for LLaMA-Factory (commit ff6d4d12), in ShareGPT's form."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from vidcurate.exporting.layouts.chat import check_messages, messages, sampled_fate
from vidcurate.exporting.layouts.listing import clip_name, require_file, write_json_list
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Fate, FileFacts, Training

PER_SECOND = 2  # its option video_fps
MAX_FRAMES = 128  # its option video_maxlen
INFO = "dataset_info.json"
CONFIG = """# llamafactory-cli train train.yaml
model_name_or_path: Qwen/Qwen3-VL-4B-Instruct  # fill in: the model to train
template: qwen3_vl_nothink  # fill in: the template of that model
output_dir: saves/{name}  # fill in: where the trained weights go
dataset_dir: {folder}
dataset: {name}
stage: sft
do_train: true
finetuning_type: lora
lora_target: all
cutoff_len: 16384
video_fps: {per_second}.0
video_maxlen: {max_frames}
video_max_pixels: 65536
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 1.0
bf16: true
"""
HOWTO = """# Dialogues for LLaMA-Factory

`{name}.json` has the dialogues, `dataset_info.json` says how to read them. Paths are relative to
this folder, which is `dataset_dir`; give `media_dir` too where that is another one.

```
llamafactory-cli train train.yaml
```

Lines of `train.yaml` with "fill in" are yours. {per_second} frames a second are sampled, at most
{max_frames} of a clip.
"""


def fate(facts: FileFacts, _training: Training) -> Fate:
    """Count the frames that are sampled: 2 a second, at least 1, at most 128.

    Source: BasePlugin._get_video_sample_indices.
    """
    wanted = max(1, math.floor(float(facts.n_frames / facts.fps) * PER_SECOND))
    return sampled_fate(facts, min(facts.n_frames, MAX_FRAMES, wanted), PER_SECOND)


def write(bundle: Bundle) -> None:
    """Write the clips, the dialogues and their description."""

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            bundle.place(sample, clip_name(sample))
            yield {"messages": messages(bundle, sample), "videos": [clip_name(sample)]}

    write_json_list(bundle.file(f"{bundle.name}.json"), rows())
    info = {
        "file_name": f"{bundle.name}.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "videos": "videos"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
        },
    }
    bundle.text(INFO, json.dumps({bundle.name: info}, indent=2) + "\n")
    facts = {"name": bundle.name, "per_second": PER_SECOND, "max_frames": MAX_FRAMES}
    bundle.text("train.yaml", CONFIG.format(folder=json.dumps(str(bundle.out)), **facts))
    bundle.text("HOWTO.md", HOWTO.format(**facts))


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the dialogues by their description; raises ValueError for what the trainer refuses."""
    info = json.loads((bundle.root / INFO).read_text("utf-8"))[bundle.name]
    rows = json.loads((bundle.root / info["file_name"]).read_text("utf-8"))
    columns = info["columns"]
    pairs = []
    for row in rows:
        [video] = row[columns["videos"]]
        caption = check_messages(row[columns["messages"]], video)
        pairs.append((require_file(bundle, video).stem, caption))
    return pairs


TARGET = Target(
    name="llama-factory",
    summary="Dialogues for LLaMA-Factory.",
    write=write,
    read=read,
    fate=fate,
)
