"""What a video or a model is: its content, wherever it lies and whenever it was written."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pipeline import process, rows
from tests.support.videos import render
from vidcurate.cli.output import Quiet
from vidcurate.errors import MediaError
from vidcurate.media.io.content import SAMPLED_WHOLE, content_id, video_path
from vidcurate.options import StageConfig
from vidcurate.pipeline.scope import live_scope
from vidcurate.records import SCANS, SOURCES, Source
from vidcurate.stage import Stage, fingerprint
from vidcurate.stages.registry import STAGES
from vidcurate.store.cache import cache_folder
from vidcurate.store.dataset import Dataset
from vidcurate.store.digests import content_hash

LARGE = SAMPLED_WHOLE * 2


class NoteListener(Quiet):
    """A listener that remembers notes."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Remember."""
        self.notes.append(text)

    @property
    def n_read(self) -> int:
        """How often files were read whole."""
        return sum("whole" in note for note in self.notes)


def large(file: Path, middle: bytes) -> Path:
    """A file whose sample is always the same, and that holds some bytes outside it."""
    file.parent.mkdir(exist_ok=True)
    content = bytearray(LARGE)
    content[:1] = b"x"
    at = SAMPLED_WHOLE // 2
    content[at : at + len(middle)] = middle
    file.write_bytes(content)
    return file


def ids(root: Path, *sources: Path) -> tuple[dict[str, str], int]:
    """The id of each live video by its path, after taking sources in; how often files were read."""
    reported = NoteListener()
    process(root, {"ingest": {}}, *sources, listener=reported)
    dataset = Dataset(root)
    stored = dataset.stored(SOURCES, dataset.manifest()[SOURCES.name]["fingerprint"])
    kept = live_scope(dataset, stored, None).keep(stored.read(None, SOURCES.schema)).to_pylist()
    return {Path(row["path"]).name: row["video_id"] for row in kept}, reported.n_read


def test_a_sample_leaves_the_middle_out(tmp_path: Path) -> None:
    """The files of these tests have one sample; no smaller file leaves anything out."""
    a, b = large(tmp_path / "a", b"one"), large(tmp_path / "b", b"two")
    assert content_id(a) == content_id(b)
    for size in (1, SAMPLED_WHOLE // 2, SAMPLED_WHOLE):
        for at in {0, size // 3, size // 2, size - 1}:
            content = bytearray(size)
            a.write_bytes(content)
            content[at] = 1
            b.write_bytes(content)
            assert content_id(a) != content_id(b)


def test_a_file_that_changed_in_place_is_another_video(tmp_path: Path) -> None:
    """A completed download of equal size and ends is read whole once, and gets an id of its own."""
    video, out = large(tmp_path / "in" / "f.ts", b"hole"), tmp_path / "out"
    first, n_first = ids(out, video.parent)
    assert n_first == 0
    large(video, b"complete")
    second, n_second = ids(out, video.parent)
    assert (second != first, n_second) == (True, 1)
    assert ids(out, video.parent) == (second, 0)
    os.utime(video)  # only the time is new
    assert ids(out, video.parent) == (second, 1)
    assert ids(out, video.parent) == (second, 0)
    other = large(tmp_path / "new", b"third")
    shutil.copystat(video, other)
    other.replace(video)  # only the inode is new, beside the content
    assert ids(out, video.parent)[0] not in (first, second)


def test_files_of_one_sample_are_compared_whole(tmp_path: Path) -> None:
    """Different ones are two videos, equal ones are one; a link to one is not read."""
    videos, out = tmp_path / "in", tmp_path / "out"
    large(videos / "a.ts", b"one")
    alone, n_read = ids(out, videos)
    large(videos / "b.ts", b"two")
    large(videos / "c.ts", b"one")
    os.link(videos / "a.ts", videos / "d.ts")
    found, _ = ids(out, videos)
    assert found["a.ts"] == found["c.ts"] == found["d.ts"] == alone["a.ts"]
    assert found["b.ts"] != found["a.ts"]
    assert n_read == 0
    assert ids(out, videos) == (found, 0)


def test_a_scanned_video_keeps_its_id(tmp_path: Path) -> None:
    """What was scanned is known whole: a touched, copied or moved video costs no second scan."""
    noise = ("-c:v", "rawvideo", "-pix_fmt", "yuv420p")
    video = render(tmp_path / "in" / "f.avi", (("testsrc2", 2.0),), audio=False, encode=noise)
    assert video.stat().st_size > SAMPLED_WHOLE
    out = tmp_path / "out"
    process(out, {"scan": {}}, video)
    [before] = rows(out, SCANS)
    os.utime(video)
    counts = process(out, {"scan": {}}, video)
    assert (counts["scan"].rows, counts["scan"].inputs) == (1, 1)
    shutil.copyfile(video, video.with_name("g.avi"))
    video.unlink()
    process(out, {"scan": {}}, video.parent)
    assert rows(out, SCANS) == [before]


def test_a_video_written_again_is_not_opened_as_the_old_one(tmp_path: Path) -> None:
    """Between runs, too: its time tells, and the message says what to do."""
    video = large(tmp_path / "f.ts", b"one")
    name, size = content_id(video)
    where, now = str(video), video.stat().st_mtime_ns
    source = Source(name, "f", where, (where,), size, {}, (now,), name)
    assert video_path(source) == video
    os.utime(video, ns=(now, now + 1_000_000))
    with pytest.raises(MediaError, match=r"written again .* with --retry-failed"):
        video_path(source)


def weights(folder: Path) -> Path:
    """A model's folder."""
    (folder / "deep").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w" * 2_000_000)
    (folder / "deep" / "config.json").write_text("{}", "utf-8")
    return folder


def prompt(file: Path) -> Path:
    """A prompt of the user's."""
    file.write_text("Describe it.", "utf-8")
    return file


def form(file: Path) -> Path:
    """A form of the user's."""
    file.write_text("type: object\nproperties: {caption: {type: string}}\n# .", "utf-8")
    return file


LOCAL = {"backend": "transformers"}
OPTIONS: dict[str, tuple[str, Callable[[Path], Path], Callable[[Path], dict[str, object]]]] = {
    "caption model": ("caption", weights, lambda p: {**LOCAL, "model": str(p)}),
    "caption prompt": ("caption", prompt, lambda p: {**LOCAL, "model": "m", "prompt": str(p)}),
    "caption teacher": (
        "caption",
        prompt,
        lambda p: {
            **LOCAL,
            "model": "m",
            "strategy": "teachers",
            "teachers": ("model=x", f"prompt={p}"),
        },
    ),
    "caption teacher's model": (
        "caption",
        weights,
        lambda p: {
            **LOCAL,
            "model": "m",
            "strategy": "teachers",
            "teachers": ("prompt=motion", {"model": str(p)}),
        },
    ),
    "caption model of vllm": ("caption", weights, lambda p: {"backend": "vllm", "model": str(p)}),
    "caption form": (
        "caption",
        form,
        lambda p: {**LOCAL, "model": "m", "strategy": "structured", "form": str(p)},
    ),
    "judge model": ("judge", weights, lambda p: {**LOCAL, "model": str(p)}),
    "judge prompt": ("judge", prompt, lambda p: {**LOCAL, "model": "m", "prompt": str(p)}),
    "refine model": ("refine", weights, lambda p: {**LOCAL, "model": str(p)}),
    "refine prompt": ("refine", prompt, lambda p: {**LOCAL, "model": "m", "prompt": str(p)}),
    "story model": ("story", weights, lambda p: {**LOCAL, "model": str(p)}),
    "story scene prompt": (
        "story",
        prompt,
        lambda p: {**LOCAL, "model": "m", "scene_prompt": str(p)},
    ),
    "story prompt": ("story", prompt, lambda p: {**LOCAL, "model": "m", "video_prompt": str(p)}),
    "embed folder": (
        "embed",
        weights,
        lambda p: {"backend": "open_clip", "model": f"local-dir:{p}"},
    ),
    "embed file": (
        "embed",
        prompt,
        lambda p: {"backend": "open_clip", "model": "ViT-B-32", "pretrained": str(p)},
    ),
    "safety": ("safety", weights, lambda p: {**LOCAL, "model": str(p)}),
    "watermark": ("watermark", weights, lambda p: {**LOCAL, "model": str(p)}),
    "aesthetic": ("aesthetic", prompt, lambda p: {"head": str(p)}),
    "tags": ("tags", prompt, lambda p: {"backend": "open_clip", "labels": (str(p),)}),
}


def print_of(stage: Stage, options: dict[str, object]) -> str:
    """The fingerprint of a stage with these options."""
    config: StageConfig = stage.config(**options)
    return fingerprint(stage, config, {})


@pytest.mark.parametrize("case", OPTIONS)
def test_files_count_by_content(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moving or touching a file that an option names changes no fingerprint; one byte does."""
    monkeypatch.setenv("VIDCURATE_CACHE", str(tmp_path / "cache"))
    name, make, options = OPTIONS[case]
    stage = next(s for s in STAGES if s.name == name)
    here, there = tmp_path / "here.txt", tmp_path / "there.txt"
    make(here)
    first = print_of(stage, options(here))
    here.rename(there)
    os.utime(there)
    assert print_of(stage, options(there)) == first
    file = there / "model.safetensors" if there.is_dir() else there
    kept = file.stat()
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert print_of(stage, options(there)) != first


def test_large_weights_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of a large file that lies still is kept, and used while size and times are equal."""
    monkeypatch.setenv("VIDCURATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("vidcurate.store.digests.SETTLED_S", -1)
    model = weights(tmp_path / "model")
    first = content_hash(model)
    [kept] = (cache_folder() / "hashes").iterdir()
    kept.write_text("0" * 64, "ascii")
    assert content_hash(model) != first
    (model / "README.md").write_text("about", "utf-8")
    (model / ".cache").mkdir()
    kept.unlink()
    assert content_hash(model) == first
