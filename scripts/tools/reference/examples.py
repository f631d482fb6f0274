"""The examples of the Python API's page. The tests run them, one after another."""

RUN = """import vidcurate as vc


def show(event: vc.Event) -> None:
    if isinstance(event, vc.StageAdvanced):
        print(f"{event.stage}: {event.done} of {event.todo}, {event.failed} failed")


if __name__ == "__main__":
    result = vc.run("videos/", config="quickstart", dataset="out", on_progress=show, workers=2)
    print(result.counts["split"].rows, "clips;", result.failures)"""
STAGES = """import vidcurate as vc

config = {"split": {"min_clip_s": 1}, "quality": {}}
vc.run("videos/", config, "out", engine="inline")
vc.filter("out", rules=["quality.sharpness >= 20"], engine="inline")"""
READ = """import vidcurate as vc

ds = vc.open("out")
sharp = ds.table("clips", where="sharpness >= p10", columns=["clip_id", "start_s", "sharpness"])
print(len(ds), "clips,", sharp.num_rows, "of them sharp")
for clip in ds.clips(table="kept"):
    frames = clip.frames(count=8, size=224)  # (8, height, width, 3), RGB, 8 bits a channel
    first = clip.frames(times=[0.0, 0.5])  # as shown at these seconds of the clip
    print(clip.id, clip.caption, frames.shape, first.shape, len(clip.keyframes()))"""
EXPORT = """import vidcurate as vc

ds = vc.open("out")
ds.export(out="finished", media="none", engine="inline")
print(ds.status()[-1].rows, "clips exported,", ds.failures("export").num_rows, "failed")"""
TORCH = '''import torch
from torch.utils.data import DataLoader, Dataset

import vidcurate as vc


class Clips(Dataset[tuple[torch.Tensor, str]]):
    """The kept clips: frames of shape (count, 3, height, width), 0 to 1, and the caption."""

    def __init__(self, folder: str, count: int, size: tuple[int, int]) -> None:
        self.dataset = vc.open(folder)
        self.ids = self.dataset.table("kept")["clip_id"].to_pylist()
        self.count, self.size = count, size

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, str]:
        clip = self.dataset.clip(self.ids[index])
        frames = torch.from_numpy(clip.frames(self.count, size=self.size))
        return frames.permute(0, 3, 1, 2) / 255, clip.caption or ""


for frames, captions in DataLoader(Clips("out", count=4, size=(64, 36)), batch_size=2):
    print(frames.shape, captions)'''
EXAMPLES = (
    ("A run with a recipe. Without `config` a new data set gets the recipe `quickstart`.", RUN),
    ("A config can be a mapping, and each stage is a function.", STAGES),
    ("A data set's tables are Arrow, and its clips give frames.", READ),
    ("The finished data set.", EXPORT),
    (
        "A torch data set that decodes clips from their sources, so that no clip file is needed.",
        TORCH,
    ),
)
