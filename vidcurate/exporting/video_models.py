"""The video models that trainers train, with the numbers that decide how clips are cut."""

from collections.abc import Mapping
from typing import Literal

from vidcurate.exporting.training import Size, VideoModel

ModelName = Literal[
    "wan",
    "wan2.2-5b",
    "hunyuan",
    "ltx",
    "ltx2",
    "cosmos-predict2",
    "skyreels",
    "framepack",
    "kandinsky5",
    "open-sora2",
]
VIDEO_MODELS: Mapping[ModelName, VideoModel] = {
    "wan": VideoModel("wan", 16, 16, 4, 512, Size(832, 480), 81),
    "wan2.2-5b": VideoModel("wan2.2-5b", 24, 32, 4, 512, Size(1280, 704), 121),
    "hunyuan": VideoModel("hunyuan", 24, 16, 4, 256, Size(960, 544), 129),
    "ltx": VideoModel("ltx", 25, 32, 8, 256, Size(768, 512), 97),
    "ltx2": VideoModel("ltx2", 24, 32, 8, 1024, Size(960, 544), 121),
    "cosmos-predict2": VideoModel("cosmos-predict2", 16, 16, 4, 512, Size(1280, 704), 93),
    "skyreels": VideoModel("skyreels", 24, 16, 4, 512, Size(960, 544), 97),
    "framepack": VideoModel("framepack", 30, 16, 4, 256, Size(832, 480), 129),
    "kandinsky5": VideoModel("kandinsky5", 24, 16, 4, 256, Size(768, 512), 121),
    "open-sora2": VideoModel("open-sora2", 24, 16, 4, 512, Size(336, 192), 129),
}
