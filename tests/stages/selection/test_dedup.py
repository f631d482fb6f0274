from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.pipeline import process, rows, states
from tests.support.signatures import signature
from tests.support.videos import SHOTS, ffmpeg, render
from vidcurate.errors import UsageError
from vidcurate.records import (
    CLIPS,
    DEDUP,
    FILES,
    KEPT,
    QUALITY,
    SIGNATURES,
    SOURCES,
    VIDEOS,
    Duplicate,
    Signature,
)
from vidcurate.stages.selection.dedup import DEDUP_STAGE, DedupConfig, dedup, with_large_binary
from vidcurate.store.table import Table

SPLIT = {"split": {"min_clip_s": 0.5}}
MOVING = (
    "gradients=c0=0xe0e020:c1=0x301060:speed=0.008:seed=9",
    SHOTS[1],
    SHOTS[3],
    "gradients=c0=0x802020:c1=0x20a060:speed=0.01:seed=5",
)


def tables(clips: list[Signature], **videos: Any) -> dict[str, pa.Table]:
    """What dedup reads, for clips that are videos of their own; columns of these by name."""
    ids = [f"c{n}" for n in range(len(clips))]
    plain: dict[str, list[Any]] = {
        "clip_id": ids,
        "video_id": ids,
        "duration_s": [clip.duration_s for clip in clips],
        "display_width": [320] * len(ids),
        "display_height": [180] * len(ids),
        "bit_rate": [1000] * len(ids),
        "file_id": ids,
        "sharpness": [10.0] * len(ids),
        **videos,
    }
    columns: dict[Table[Any], tuple[str, ...]] = {
        CLIPS: ("clip_id", "video_id", "duration_s"),
        VIDEOS: ("video_id", "display_width", "display_height", "bit_rate"),
        SOURCES: ("video_id", "file_id"),
        QUALITY: ("clip_id", "sharpness"),
    }
    signed = SIGNATURES.to_arrow(clips)
    signed = signed.set_column(0, "clip_id", pa.array(ids)).set_column(1, "video_id", pa.array(ids))
    found = {table.name: pa.table({c: plain[c] for c in names}) for table, names in columns.items()}
    return {**found, SIGNATURES.name: signed, FILES.name: pa.table({"file_id": ids[::-1]})}


COPIES = [signature(1), signature(1, noise=0.005), signature(2), signature(1)]


def judged(read: dict[str, pa.Table], **options: Any) -> list[Duplicate]:
    """What dedup says of each clip."""
    return DEDUP.from_arrow(dedup(read, DedupConfig(**options)).rows)


def test_exact_and_near_copies_go() -> None:
    """Of equal and of like clips one is kept; the others say which, why and how alike."""
    first, second, other, third = judged(tables(COPIES))
    # All else being equal, the video found first stays.
    assert [row.keep for row in (first, second, other, third)] == [False, False, True, True]
    assert (third.relation, third.copy_of, third.similarity) == ("none", None, None)
    assert (first.relation, first.copy_of, first.similarity) == ("exact", "c3", 1.0)
    assert (second.relation, second.copy_of, second.is_mirrored) == ("near", "c3", False)
    assert {row.cluster_id for row in (first, second, third)} == {"c3"}
    assert other.cluster_id == "c2"


@pytest.mark.parametrize(
    ("policy", "videos"),
    [
        ("resolution", {"display_width": [320, 640, 320, 320]}),
        ("bitrate", {"bit_rate": [1000, 2000, 1000, 3000], "display_width": [300, 320, 9, 9]}),
        ("quality", {"sharpness": [9.0, 3.0, 50.0, 9.0], "display_width": [320, 640, 320, 320]}),
        ("length", {"duration_s": [5.0, 5.1, 5.0, 5.0], "display_width": [640, 320, 320, 320]}),
        ("earliest", {"file_id": ["c1", "c3", "c0", "c2"], "bit_rate": [3, 2, 2, 2]}),
    ],
)
def test_the_policy_chooses(policy: str, videos: dict[str, list[Any]]) -> None:
    """By each policy another copy is kept than by the order of the files."""
    kept = {row.clip_id for row in judged(tables(COPIES, **videos), policy=policy) if row.keep}
    wanted = "c3" if policy == "bitrate" else "c1"
    assert kept == {wanted, "c2"}


def test_a_part_and_its_whole() -> None:
    """The part goes if the longer one is kept; then it says where it lies, and else it stays."""
    whole, part = signature(1, n_samples=30), signature(1, n_samples=30, part=slice(8, 20))
    long, short = judged(tables([whole, part]), policy="length")
    assert (long.keep, short.keep, short.relation) == (True, False, "partial")
    assert short.offset_s == pytest.approx(8, abs=0.2)
    long, short = judged(tables([whole, part]), policy="earliest")
    assert (long.keep, short.keep, long.relation) == (False, True, "partial")
    assert long.offset_s == pytest.approx(-8, abs=0.2)


def test_signatures_may_be_over_two_gigabytes() -> None:
    """Rows are taken from columns of 64-bit offsets, which hold the same bytes."""
    signatures = SIGNATURES.to_arrow([signature(1), signature(2, n_samples=3)])
    large = with_large_binary(signatures)
    binary = [f.name for f in SIGNATURES.schema if pa.types.is_binary(f.type)]
    assert [large.schema.field(name).type for name in binary] == [pa.large_binary()] * 3
    assert large.to_pylist() == signatures.to_pylist()


def test_a_clip_without_a_signature_fails() -> None:
    """It is neither kept nor called a copy."""
    read = tables(COPIES)
    read[SIGNATURES.name] = read[SIGNATURES.name].slice(1)
    outcome = dedup(read, DedupConfig())
    assert outcome.done["status"].to_pylist() == ["failed", "ok", "ok", "ok"]
    assert outcome.done["reason"][0].as_py() == "the clip has no signature"
    assert outcome.rows["clip_id"].to_pylist() == ["c1", "c2", "c3"]
    read[CLIPS.name] = read[CLIPS.name].slice(0, 1)
    assert dedup(read, DedupConfig()).rows.num_rows == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of four shots, and a smaller, coarser, mirrored copy that begins a little later."""
    folder = tmp_path_factory.mktemp("videos")
    video = render(folder / "a.mp4", tuple((shot, 3.0) for shot in MOVING), audio=False)
    change = ["-vf", "hflip,scale=240:-2", "-c:v", "libx264", "-crf", "30"]
    ffmpeg("-ss", "0.3", "-i", str(video), *change, str(folder / "b.mp4"))
    return folder


@pytest.fixture(scope="module")
def out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of both."""
    out = tmp_path_factory.mktemp("dedup") / "out"
    process(out, {**SPLIT, "dedup": {}, "filter": {"rules": ["dedup.keep"]}}, folder)
    return out


def test_copies_of_videos_are_found(out: Path) -> None:
    """Each shot of the smaller copy goes in favour of the same shot of the video."""
    clips = {clip.clip_id: clip for clip in rows(out, CLIPS)}
    large = max(rows(out, VIDEOS), key=lambda video: video.width).video_id
    found = rows(out, DEDUP)
    assert len(found) == 8
    for row in found:
        assert row.keep == (row.video_id == large)
        if not row.keep:
            assert (row.relation, row.is_mirrored) == ("near", True)
            own, kept = clips[row.clip_id], clips[str(row.copy_of)]
            assert own.start_s + 0.3 == pytest.approx(kept.start_s, abs=0.35)
    assert {clip.video_id for clip in rows(out, KEPT)} == {large}


def test_a_copy_stays_where_the_better_one_breaks_a_rule(folder: Path, tmp_path: Path) -> None:
    """Copies are chosen among the clips that the other rules leave."""
    rules = {"filter": {"rules": ["videos.display_width < 300", "dedup.keep"]}}
    counts = process(tmp_path / "out", {**SPLIT, "dedup": {}, **rules}, folder)
    small = min(rows(tmp_path / "out", VIDEOS), key=lambda video: video.width).video_id
    assert {clip.video_id for clip in rows(tmp_path / "out", KEPT)} == {small}
    assert (counts["dedup"].inputs, counts["dedup"].pruned, counts["filter"].ok) == (4, 4, 4)


def test_nothing_is_searched_again(out: Path, folder: Path) -> None:
    """Another rule does not make dedup do its work again; another limit does."""
    before = states(out / "dedup")
    process(out, {"filter": {"rules": ["dedup.similarity is null"]}}, folder)
    assert states(out / "dedup") == before
    process(out, {"dedup": {"min_similarity": 0.99}}, folder)
    assert all(row.keep for row in rows(out, DEDUP))


def test_clips_of_another_data_set_are_not_kept(folder: Path, tmp_path: Path) -> None:
    """What an evaluation set shows goes, with its name; its table decides the fingerprint."""
    small, ours = tmp_path / "small", tmp_path / "ours"
    process(small, {**SPLIT, "signatures": {}}, folder / "b.mp4")
    options = {"dedup": {"against": [str(small)]}}
    counts = process(ours, {**SPLIT, **options}, folder / "a.mp4")
    assert counts["dedup"].ok == 4
    found = rows(ours, DEDUP)
    theirs = {clip.clip_id for clip in rows(small, CLIPS)}
    for row in found:
        assert (row.keep, row.leaks_from, row.relation) == (False, str(small), "near")
        assert row.copy_of in theirs
    config = DedupConfig(against=(str(small),))
    before = DEDUP_STAGE.version.depends(config)
    process(small, {"signatures": {}}, folder / "a.mp4")
    assert DEDUP_STAGE.version.depends(config) != before
    process(ours, options, folder / "a.mp4")
    assert {row.relation for row in rows(ours, DEDUP)} == {"exact"}


def test_a_folder_without_signatures_is_refused(out: Path, folder: Path, tmp_path: Path) -> None:
    """A data set that has none is named, with the command that makes them."""
    missing = str(tmp_path / "none")
    with pytest.raises(UsageError, match=f"dedup.against: {missing} holds no data set"):
        process(out, {"dedup": {"against": [missing]}}, folder)
