"""llava: dialogues about clips for LLaVA-NeXT (commit df17966)."""

import json
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Any

from vidcurate.errors import UsageError
from vidcurate.exporting.layouts.chat import check_dialogue, sampled_fate, turns
from vidcurate.exporting.layouts.listing import clip_name, require_file, write_json_list
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Fate, FileFacts, Training

IMAGE = "<image>"  # also for a video
PER_SECOND, MAX_FRAMES = 1, 32  # its options video_fps and frames_upbound
FRAME_FOLDERS = "shareVideoGPTV"
ROLES = ("human", "gpt")
CONFIG = """# --data_path of llava/train/train_mem.py
datasets:
  - json_path: {file}
    sampling_strategy: all  # or first:1000, end:1000, random:10%
  # fill in: the other data that you mix in
"""
HOWTO = """# Dialogues for LLaVA-NeXT

`{name}.json` has the dialogues, `mix.yaml` names it among the data that you mix.

```
deepspeed llava/train/train_mem.py --data_path {mix} --video_folder {folder} \\
  --video_fps {per_second} --frames_upbound {max_frames} --add_time_instruction True \\
  --model_name_or_path MODEL --version PROMPT_VERSION --output_dir OUTPUT
```

`MODEL`, `PROMPT_VERSION`, `OUTPUT` and all else of `scripts/video/train` are yours. {per_second}
frame a second is sampled; of longer clips {max_frames}, evenly spread.
"""


def fate(facts: FileFacts, _training: Training) -> Fate:
    """Count the frames that are sampled: one a second, or 32 evenly spread where those are more.

    Source: process_video_with_decord.
    """
    step = round(float(facts.fps) / PER_SECOND)
    if step < 1:
        rate = float(facts.fps)
        return Fate("dropped", None, f"{rate:g} frames a second are no step of one a second")
    return sampled_fate(facts, min(len(range(0, facts.n_frames, step)), MAX_FRAMES), PER_SECOND)


def write(bundle: Bundle) -> None:
    """Write the clips, the dialogues and the list of data to mix.

    Raises UsageError for a folder whose name makes the trainer take clips for folders of frames.
    """
    if FRAME_FOLDERS in str(bundle.out):
        raise UsageError(
            f"LLaVA-NeXT takes what lies below a folder named {FRAME_FOLDERS} for frames and not "
            "for clips: name another folder as out"
        )

    def rows() -> Iterator[dict[str, Any]]:
        for sample in bundle.samples():
            bundle.place(sample, clip_name(sample))
            dialogue = []
            for number, turn in enumerate(turns(bundle, sample)):
                mark = "" if number else f"{IMAGE}\n"
                dialogue.append({"from": "human", "value": f"{mark}{turn.question}"})
                dialogue.append({"from": "gpt", "value": turn.answer})
            yield {"id": sample.stem, "video": clip_name(sample), "conversations": dialogue}

    write_json_list(bundle.file(f"{bundle.name}.json"), rows())
    file = json.dumps(str(bundle.out / f"{bundle.name}.json"), ensure_ascii=False)
    bundle.text("mix.yaml", CONFIG.format(file=file))
    howto = HOWTO.format(
        name=bundle.name,
        mix=quote(str(bundle.out / "mix.yaml")),
        folder=quote(str(bundle.out)),
        per_second=PER_SECOND,
        max_frames=MAX_FRAMES,
    )
    bundle.text("HOWTO.md", howto)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read the dialogues; raises ValueError for what the trainer refuses."""
    pairs = []
    for row in json.loads((bundle.root / f"{bundle.name}.json").read_text("utf-8")):
        dialogue = row["conversations"]
        roles, texts = [turn["from"] for turn in dialogue], [turn["value"] for turn in dialogue]
        check_dialogue(roles, texts, ROLES, IMAGE, row["id"])
        pairs.append((require_file(bundle, row["video"]).stem, texts[1]))
    return pairs


TARGET = Target(
    name="llava", summary="Dialogues for LLaVA-NeXT.", write=write, read=read, fate=fate
)
