"""What holds for the folder of every trainer here: what is written is read back, or refused."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.bundles import bundle_of, clip, sample_of, training
from vidcurate.exporting.target import Bundle, Sample, Target
from vidcurate.exporting.targets import TargetName, target_of
from vidcurate.exporting.training import Size

NAMES: tuple[TargetName, ...] = (
    *("finetrainers", "ltx-video-trainer", "ltx2", "diffsynth", "videox-fun"),
    *("open-sora", "cosmos-predict2", "cosmos-curate"),
)
SIZES = (Size(96, 64), Size(64, 96))
LENGTHS = (9, 17)
ODD = (
    "A cat, then a dog.",
    'He said "no"; it\'s `that` | this & <b>these</b>.',
    "A tab\there.",
    "A line\nand another.",
    "A return\rhere.",
    " A blank before.",
    "A film 🎬 of 東京 at é, and a mark \u2028 of lines.",
    "<video> of [trigger] and [name].",
    "b'bytes'",
    "123",
    "1e5",
    "NA",
    "null",
    '{"caption": [1]}',
    "At 25 fps it runs.",
    "A" * 10_000 + ".",
    "word " * 2_000 + "end.",
    "",
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of two sizes and lengths, one of them long enough for shards."""
    folder = tmp_path_factory.mktemp("clips")
    clip(folder, "aa-1", SIZES[0], 18, 16)
    clip(folder, "bb-1", SIZES[1], 18, 16)
    clip(folder, "bb-2", SIZES[0], 10, 16)
    clip(folder, "cc-1", SIZES[0], 90, 16)
    return folder


def samples_for(target: Target, clips: Path) -> list[Sample]:
    """The clips that a target takes, each with a caption of its own."""
    stems = ("cc-1",) if target.name == "cosmos-curate" else ("aa-1", "bb-1", "bb-2", "cc-1")
    return [sample_of(clips / f"{stem}.mp4", f"A test picture of {stem}.") for stem in stems]


def bundle_for(root: Path, target: Target, samples: Sequence[Sample], clips: Path) -> Bundle:
    """A folder for a target, of two sizes and lengths."""
    return bundle_of(root, samples, clips, training(target.model or "wan", SIZES, LENGTHS))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back(name: TargetName, tmp_path: Path, clips: Path) -> None:
    """Every clip is read with its own caption, and HOWTO.md names a command for this folder."""
    target = target_of(name)
    samples = samples_for(target, clips)
    bundle = bundle_for(tmp_path, target, samples, clips)
    target.write(bundle)
    assert sorted(target.read(bundle)) == sorted((s.stem, s.caption) for s in samples)
    howto = (tmp_path / "HOWTO.md").read_text("utf-8")
    assert str(tmp_path) in howto
    prose = re.sub(r"```python.*?```", "", howto, flags=re.DOTALL)
    assert not re.search(r"\{\w*\}", prose), "a place was left unfilled"


@pytest.mark.parametrize("name", NAMES)
def test_names_itself_and_what_it_trains(name: TargetName) -> None:
    """A target carries the name by which it is found, and its own model is one that it trains."""
    target = target_of(name)
    assert target.name == name
    assert target.model is None or target.model in target.models


@pytest.mark.parametrize("name", NAMES)
def test_odd_captions_survive_or_are_named(name: TargetName, tmp_path: Path, clips: Path) -> None:
    """A caption is read back as it is, or `caption_fault` says what breaks it."""
    target = target_of(name)
    one = sample_of(clips / "cc-1.mp4")
    samples = [
        replace(one, stem=f"odd-{i:02d}", clip_id=f"odd-{i:02d}", caption=text)
        for i, text in enumerate(ODD)
    ]
    bundle = replace(
        bundle_for(tmp_path, target, samples, clips), clip_file=lambda _: clips / "cc-1.mp4"
    )
    target.write(bundle)
    found = dict(target.read(bundle))
    for sample in samples:
        fault = target.caption_fault(sample.caption) if target.caption_fault else ""
        assert found[sample.stem] == sample.caption or fault, repr(sample.caption[:40])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cosmos-curate"])
def test_a_clip_that_is_gone_is_refused(name: TargetName, tmp_path: Path, clips: Path) -> None:
    """Without its file a clip is refused, or no longer among those read."""
    target = target_of(name)
    bundle = bundle_for(tmp_path, target, samples_for(target, clips), clips)
    target.write(bundle)
    next(path for path in tmp_path.rglob("aa-1.mp4")).unlink()
    try:
        found = target.read(bundle)
    except ValueError:
        return
    assert "aa-1" not in dict(found)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cosmos-curate"])
def test_a_file_that_is_no_video_is_refused(name: TargetName, tmp_path: Path, clips: Path) -> None:
    """A clip that no reader opens is refused, and not passed on."""
    target = target_of(name)
    bundle = bundle_for(tmp_path, target, samples_for(target, clips), clips)
    target.write(bundle)
    broken = next(path for path in tmp_path.rglob("aa-1.mp4"))
    broken.unlink()
    broken.write_bytes(b"no video at all" * 100)
    with pytest.raises(ValueError, match="aa-1"):
        target.read(bundle)


@pytest.mark.parametrize(
    "name", ["ltx-video-trainer", "ltx2", "open-sora", "cosmos-predict2", "cosmos-curate"]
)
def test_a_clip_that_the_trainer_leaves_out_is_not_written(
    name: TargetName, tmp_path: Path, clips: Path
) -> None:
    """A clip that is too short is refused before it gets into the folder."""
    target = target_of(name)
    sample = sample_of(clips / "bb-2.mp4")
    bundle = bundle_of(
        tmp_path, [sample], clips, training(target.model or "wan", SIZES, lengths=(17,))
    )
    with pytest.raises(ValueError, match="bb-2"):
        target.write(bundle)


@pytest.mark.parametrize("name", NAMES)
def test_absolute_paths_are_those_of_the_final_place(
    name: TargetName, tmp_path: Path, clips: Path
) -> None:
    """A folder is built elsewhere: no file in it names that place."""
    target = target_of(name)
    bundle = bundle_for(tmp_path / "building", target, samples_for(target, clips), clips)
    bundle = replace(bundle, out=tmp_path / "a place" / "final")
    target.write(bundle)
    assert target.read(bundle)
    texts = [p for p in bundle.root.rglob("*") if p.suffix in {".json", ".yaml", ".sh", ".md"}]
    for file in texts:
        assert "building" not in file.read_text("utf-8"), file.name


@pytest.mark.parametrize("name", ["ltx-video-trainer", "ltx2"])
def test_configs_are_yaml(name: TargetName, tmp_path: Path, clips: Path) -> None:
    """The YAML parses, and says what is to be filled in."""
    target = target_of(name)
    bundle = bundle_for(tmp_path, target, samples_for(target, clips), clips)
    target.write(replace(bundle, out=tmp_path / "東京 🎬"))
    file = next(tmp_path.glob("*.yaml"))
    config: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    assert config["data"]["preprocessed_data_root"] == f"{tmp_path}/東京 🎬-precomputed"
    assert "# fill in" in file.read_text("utf-8")
