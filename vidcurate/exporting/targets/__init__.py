"""The layouts that an export can have, one small file each, loaded when they are asked for."""

from importlib import import_module
from typing import Literal, cast, get_args

from vidcurate.exporting.target import Target

TargetName = Literal[
    "parquet",
    "webdataset",
    "hf-videofolder",
    "sidecar",
    "csv",
    "jsonl",
    "fiftyone",
    "diffusion-pipe",
    "musubi-tuner",
    "ai-toolkit",
    "simpletuner",
    "finetrainers",
    "ltx-video-trainer",
    "ltx2",
    "diffsynth",
    "videox-fun",
    "open-sora",
    "cosmos-predict2",
    "cosmos-curate",
    "llama-factory",
    "ms-swift",
    "llava",
    "fixed",
    "features",
]
TARGET_NAMES: tuple[TargetName, ...] = get_args(TargetName)


def target_of(name: TargetName) -> Target:
    """Load a target by its name."""
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast("Target", module.TARGET)


def folder_name(name: str) -> str:
    """Return what the folder of a target's export is called in its data set."""
    return "export" if name == "parquet" else f"export-{name}"
