from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tests.support.pipeline import done, process, rows, states, stored
from tests.support.videos import SHOTS, ffmpeg, render
from vidcurate.analysis.compare import side_of
from vidcurate.errors import UsageError
from vidcurate.records import (
    CLIPS,
    DEDUP,
    EXPORTS,
    FILES,
    KEPT,
    PARTITIONS,
    SOURCES,
    VIDEOS,
    Clip,
    PartitionedClip,
)
from vidcurate.stage import Outcome
from vidcurate.stages.selection.partition import PARTITION, partition, reported
from vidcurate.stages.selection.partition_options import PartitionConfig

FIFTH = {"validation": 0.2, "test": 0.2}


def clip(name: str, video_id: str, seconds: float = 2.0) -> Clip:
    """A clip of a video."""
    return Clip(name, video_id, 0, 100, Fraction(1, 100), 0.0, seconds, seconds, 100)


def tables(
    videos: dict[str, int],
    copies: list[set[str]] | None = None,
    setups: list[set[str]] | None = None,
    listed: dict[str, str] | None = None,
) -> dict[str, pa.Table]:
    """What partition reads of videos with so many clips each, "v-0", "v-1" and so on.

    Clips of each set of `copies` are of one cluster, those of `setups` of one set-up. `listed` is
    the split that a list names for a video.
    """
    names = [(f"{video}-{n}", video) for video, count in videos.items() for n in range(count)]
    clips = KEPT.to_arrow([clip(name, video) for name, video in names])
    cluster = {name: min(group) for group in copies or [] for name in group}
    setup = cluster | {name: min(group) for group in setups or [] for name in group}
    named = listed or {}
    said = [[("part", named[v])] if v in named else [] for v in videos]
    extra = pa.array(said, pa.map_(pa.string(), pa.string()))
    return {
        KEPT.name: clips,
        CLIPS.name: clips,
        VIDEOS.name: pa.table({"video_id": list(videos)}),
        DEDUP.name: pa.table(
            {
                "clip_id": [name for name, _ in names],
                "video_id": [video for _, video in names],
                "cluster_id": [cluster.get(name, name) for name, _ in names],
                "setup_id": [setup.get(name, name) for name, _ in names],
            }
        ),
        SOURCES.name: pa.table(
            {
                "video_id": list(videos),
                "path": [f"/{v}.mp4" for v in videos],
                "extra": extra,
            }
        ),
        FILES.name: pa.table({"extra": extra}),
        "tags": pa.table(
            {
                "clip_id": [name for name, _ in names],
                "top_name": [name[0] if name[0] != "n" else None for name, _ in names],
                "top_probability": np.linspace(0, 1, len(names)),
            }
        ),
    }


def splits(outcome: Outcome) -> dict[str, set[str]]:
    """The splits that each video's clips are in."""
    found: dict[str, set[str]] = {}
    for row in PARTITIONS.from_arrow(outcome.rows):
        found.setdefault(row.video_id, set()).add(row.split)
    return found


MANY = {f"v{n}": 1 + n % 3 for n in range(300)}


def test_all_train_unless_told_otherwise() -> None:
    """By default no table is read, every clip stays, and there is one split and nothing to say."""
    assert PARTITION.lookups(PartitionConfig()) == ()
    outcome = partition({KEPT.name: tables(MANY)[KEPT.name]}, PartitionConfig())
    assert outcome.rows.num_rows == sum(MANY.values())
    assert splits(outcome) == {video: {"train"} for video in MANY}
    assert outcome.rows["group"] == outcome.rows["video_id"]
    assert outcome.message == ""


def test_a_video_is_in_one_split() -> None:
    """Of many videos each split has about its share, and no video is in two."""
    found = splits(partition(tables(MANY), PartitionConfig(**FIFTH)))
    assert all(len(of_video) == 1 for of_video in found.values())
    for split, wanted in (("train", 180), ("validation", 60), ("test", 60)):
        assert list(found.values()).count({split}) == pytest.approx(wanted, abs=25)


def test_copies_are_in_one_split_also_through_others() -> None:
    """Videos that hold copies of each other's clips, in chains too, are one group."""
    copies = [{"v0-0", "v1-0"}, {"v1-1", "v2-0"}, {"v4-0", "v7-1", "v8-0"}]
    outcome = partition(tables(MANY, copies), PartitionConfig(**FIFTH))
    found = splits(outcome)
    assert found["v0"] == found["v1"] == found["v2"]
    assert found["v4"] == found["v7"] == found["v8"]
    groups = dict(zip(*(outcome.rows[c].to_pylist() for c in ("video_id", "group")), strict=True))
    assert [groups[f"v{n}"] for n in (0, 1, 2, 3, 8)] == ["v0", "v0", "v0", "v3", "v4"]
    alone = partition(tables(MANY, copies), PartitionConfig(**FIFTH, keep_together="videos"))
    assert set(alone.rows["group"].to_pylist()) == set(MANY)


def test_a_copy_that_is_not_kept_still_holds_videos_together() -> None:
    """What a clip shows was in both videos; kept-copies goes by the clips that are kept."""
    read = tables(MANY, [{"v0-0", "v1-0"}])
    read[KEPT.name] = read[KEPT.name].filter(pc.not_equal(read[KEPT.name]["clip_id"], "v0-0"))
    read[KEPT.name] = pa.concat_tables([read[KEPT.name], KEPT.to_arrow([clip("v0-9", "v0")])])
    for together, n_groups in (("copies", len(MANY) - 1), ("kept-copies", len(MANY))):
        outcome = partition(read, PartitionConfig(**FIFTH, keep_together=together))
        assert len(pc.unique(outcome.rows["group"])) == n_groups


def test_set_ups_may_be_kept_together() -> None:
    """Scenes of one film that are files of their own stay together where that is asked for."""
    scenes = {f"v{n}-0" for n in range(20)}
    read = tables(MANY, setups=[scenes])
    apart = partition(read, PartitionConfig(**FIFTH))
    assert len(set.union(*(splits(apart)[f"v{n}"] for n in range(20)))) > 1
    assert "20 clips look as if taken from a set-up that is in another split too" in apart.message
    together = partition(read, PartitionConfig(**FIFTH, keep_together="set-ups"))
    assert len(set.union(*(splits(together)[f"v{n}"] for n in range(20)))) == 1
    assert "set-up" not in together.message


def test_a_column_may_keep_videos_together() -> None:
    """Videos of which a list says the same are one group; those that it leaves out are not."""
    channel = {f"v{n}": "test" for n in range(12)}
    config = PartitionConfig(**FIFTH, keep_together="videos", group_by=("sources.extra.part",))
    outcome = partition(tables(MANY, listed=channel), config)
    assert len(pc.unique(outcome.rows["group"])) == len(MANY) - 11
    assert len(set.union(*(splits(outcome)[f"v{n}"] for n in range(12)))) == 1


@pytest.mark.parametrize("options", [{}, {"stratify_by": ("tags.top_name",)}])
def test_new_videos_move_no_group(options: dict[str, Any]) -> None:
    """Neither by their number, nor by copies of clips that are there, nor by better copies."""
    config = PartitionConfig(**FIFTH, **options)
    copies = [{"v0-0", "v1-0"}]
    before = splits(partition(tables(MANY, copies), config))
    more = {**MANY, **{f"a{n}": 2 for n in range(100)}}
    copies = [{"a0-0", "v0-0", "v1-0"}, {"a1-0", "v9-0"}, {"a1-1", "a2-0"}]
    read = tables(more, copies)
    gone = pa.array(["v0-0", "v9-0"])  # the copies of the new videos are kept instead
    is_gone = pc.is_in(read[KEPT.name]["clip_id"], value_set=gone)
    read[KEPT.name] = read[KEPT.name].filter(pc.invert(is_gone))
    after = splits(partition(read, config))
    assert all(after[video] == before[video] for video in MANY if video in after)
    assert after["a0"] == before["v1"]
    assert after["a1"] == after["a2"] == before["v9"]


def test_rules_move_nothing_in_strata() -> None:
    """Clips that go move no other, since strata are those of all clips."""
    config = PartitionConfig(**FIFTH, stratify_by=("tags.top_name",))
    before = splits(partition(tables(MANY), config))
    read = tables(MANY)
    read[KEPT.name] = read[KEPT.name].slice(150)
    after = splits(partition(read, config))
    assert all(after[video] == before[video] for video in after)


def test_another_seed_divides_otherwise() -> None:
    """The same seed gives the same splits."""
    first, again, other = (
        splits(partition(tables(MANY), PartitionConfig(**FIFTH, seed=seed))) for seed in (0, 0, 1)
    )
    assert first == again != other


def test_strata_get_equal_shares() -> None:
    """A class of ten videos has two that validate and two that test, to within one."""
    videos = {f"{letter}{n}": 1 for n in range(10) for letter in "abcdefgn"}
    config = PartitionConfig(**FIFTH, stratify_by=("tags.top_name",))
    found = splits(partition(tables(videos), config))
    for letter in "abcdefgn":
        of_class = [split for video, split in found.items() if video[0] == letter]
        assert of_class.count({"validation"}) in (1, 2, 3)
        assert of_class.count({"test"}) in (1, 2, 3)


def test_a_list_names_splits() -> None:
    """A group of which one video is named goes there whole; the others are drawn."""
    copies = [{"v0-0", "v1-0"}]
    read = tables(MANY, copies, listed={"v1": "test", "v2": "validation", "v5": ""})
    drawn = splits(partition(tables(MANY, copies), PartitionConfig(**FIFTH)))
    found = splits(partition(read, PartitionConfig(**FIFTH, split_column="part")))
    named = {"v0": {"test"}, "v1": {"test"}, "v2": {"validation"}}
    assert found == {**drawn, **named}
    found = splits(partition(read, PartitionConfig(split_column="part")))
    assert found == {video: named.get(video, {"train"}) for video in MANY}


@pytest.mark.parametrize(
    ("listed", "column", "message"),
    [
        ({"v0": "test", "v2": "train"}, "part", r"/v0.mp4 \(test\) and /v2.mp4 \(train\)"),
        ({"v0": "val"}, "part", "'val' in part of /v0.mp4 is no split; known are train, val"),
        ({"v0": "test"}, "parts", "no list has a column 'parts': there are part"),
        ({}, "part", "no list has a column 'part': there is none"),
    ],
)
def test_a_list_that_cannot_be_followed_is_refused(
    listed: dict[str, str], column: str, message: str
) -> None:
    """Copies named for different splits, through a third video too, and words that are none."""
    read = tables(MANY, [{"v0-0", "v1-0"}, {"v1-1", "v2-0"}], listed=listed)
    with pytest.raises(UsageError, match=message):
        partition(read, PartitionConfig(split_column=column))


def test_one_content_named_twice_is_refused_where_the_splits_differ() -> None:
    """Two files with equal content are one video, whose copies the list names apart."""
    read = tables(MANY, listed={"v0": "test"})
    extra = pa.array([[("part", "train")]], read[SOURCES.name]["extra"].type)
    again = pa.table({"video_id": ["v0"], "path": ["/copy.mp4"], "extra": extra})
    read[SOURCES.name] = pa.concat_tables([read[SOURCES.name], again])
    with pytest.raises(UsageError, match=r"/v0.mp4 \(test\) and /copy.mp4 \(train\)"):
        partition(read, PartitionConfig(split_column="part"))


def test_quotas_drop_clips_with_the_reason() -> None:
    """The best clips of each class stay; those without a class, or a score, are no class's."""
    read = tables({"a0": 3, "a1": 1, "b0": 1, "n0": 2})
    config = PartitionConfig(
        balance=("by: tags.top_name, at_most: 2, at_least: 4",), prefer="tags.top_probability"
    )
    outcome = partition(read, config)
    assert outcome.rows["clip_id"].to_pylist() == ["a0-2", "a1-0", "b0-0", "n0-0", "n0-1"]
    reasons = dict(zip(*(outcome.done[c].to_pylist() for c in ("id", "reason")), strict=True))
    wanted = "over the quota of 2 for each class of tags.top_name"
    assert {clip for clip, reason in reasons.items() if reason == wanted} == {"a0-0", "a0-1"}
    assert outcome.message == "tags.top_name b lacks 3, tags.top_name a lacks 2"
    found = reported(read, outcome.rows, config).classes
    assert [(c.name, c.came, c.stays, c.missing) for c in found] == [("b", 1, 1, 3), ("a", 4, 2, 2)]


def test_a_share_that_cannot_be_met_is_said() -> None:
    """Of two classes neither goes, and the one that has too many is named."""
    outcome = partition(
        tables({"a0": 3, "b0": 1}), PartitionConfig(balance=("by: tags.top_name, at_most: 30%",))
    )
    assert outcome.rows.num_rows == 4
    assert outcome.message == (
        "tags.top_name a has 2 too many, as so few classes cannot have 30% each"
    )


def test_quotas_move_no_video_between_splits() -> None:
    """What stays is in the split in which it was without a quota."""
    config = PartitionConfig(**FIFTH, balance=({"by": "clips.video_id", "at_most": 1},))
    before = splits(partition(tables(MANY), PartitionConfig(**FIFTH)))
    outcome = partition(tables(MANY), config)
    assert outcome.rows.num_rows == len(MANY)
    assert splits(outcome) == before


def test_without_a_score_clips_are_drawn() -> None:
    """The draw depends on the clip and the seed alone: clips that come later change none."""
    config = PartitionConfig(balance=({"by": "tags.top_name", "at_most": 3},))
    first = set(partition(tables({"a0": 9}), config).rows["clip_id"].to_pylist())
    later = set(partition(tables({"a0": 9, "b0": 9}), config).rows["clip_id"].to_pylist())
    assert first == {clip for clip in later if clip[0] == "a"}
    other = config.model_copy(update={"seed": 1})
    assert first != set(partition(tables({"a0": 9}), other).rows["clip_id"].to_pylist())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 0.5, "test": 0.5}, "leaves nothing to train"),
        ({"balance": ("tags.top_name, at_most: 5",)}, "write it as in YAML"),
        ({"balance": ("by: tags.topname, at_most: 5",)}, "did you mean 'tags.top_name'"),
        ({"balance": ("by: tags.top_name",)}, "name at_most or at_least"),
        ({"balance": ("by: tags.top_name, most: 5",)}, "unknown word 'most'"),
        ({"balance": ("at_most: 5",)}, "name by what"),
        ({"balance": ("by: tags.top_name, at_most: 0",)}, "write 50, or 5%"),
        ({"balance": ("by: clips.duration_s, at_most: 5",)}, "name edges"),
        ({"balance": ("by: clips.duration_s, at_most: 5, edges: [5, 2]",)}, "edges must rise"),
        ({"stratify_by": ("motion.class",)}, "unknown column 'motion.class'"),
        ({"prefer": "tags.top_name"}, "expected a number"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    """Each with what is wrong, before anything runs."""
    with pytest.raises(ValidationError, match=message):
        PartitionConfig(**options)


def test_classes_are_text_whatever_yaml_takes_them_for() -> None:
    """Truths, numbers and words in any script are read as they are written."""
    config = PartitionConfig(
        balance=(
            "by: videos.is_hdr, classes: [true], at_least: 5",
            "by: videos.display_height, classes: [1080, 720], at_most: 2",
            "by: tags.top_name, classes: [日本語, 'yes', Ärger], at_most: 5%",
        )
    )
    classes = [quota.classes for quota in config.balance]
    assert classes == [("true",), ("1080", "720"), ("日本語", "yes", "Ärger")]
    assert PartitionConfig(**config.model_dump(mode="json")) == config


def test_no_clip_is_no_fault() -> None:
    """Without a clip there is nothing to divide, which the stages before it explain."""
    read = tables(MANY)
    read[KEPT.name] = read[KEPT.name].slice(0, 0)
    config = PartitionConfig(
        **FIFTH, stratify_by=("tags.top_name",), balance=("by: tags.top_name, at_most: 5%",)
    )
    assert partition(read, config).rows.num_rows == 0


def test_one_video_cannot_fill_three_splits() -> None:
    """It is in one, and the others are said to be empty, with what can be done."""
    outcome = partition(tables({"v0": 3}), PartitionConfig(**FIFTH))
    [[split]] = splits(outcome).values()
    for other in {"validation", "test"} - {split}:
        assert f"{other} is empty, as no group fell to its share of 0.2" in outcome.message
    assert "take more videos, or another seed, or stratify_by" in outcome.message


def test_a_list_that_was_read_again_is_followed_as_it_is_now() -> None:
    """Rows of an earlier list are there while videos go through in waves, and do not count."""
    read = tables(MANY, listed={"v0": "test"})
    extra = pa.array([[("part", "train")]], read[SOURCES.name]["extra"].type)
    again = pa.table({"video_id": ["v0"], "path": ["/v0.mp4"], "extra": extra})
    read[SOURCES.name] = pa.concat_tables([read[SOURCES.name], again])
    assert splits(partition(read, PartitionConfig(split_column="part")))["v0"] == {"train"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos of two shots, and a smaller mirrored copy of the first."""
    folder = tmp_path_factory.mktemp("videos")
    shots = (SHOTS[0], SHOTS[1], SHOTS[3], "gradients=c0=0xe0e020:c1=0x301060:speed=0.01:seed=9")
    for number, shot in enumerate(shots):
        other = f"gradients=c0=0x{number}0{number}0ff:c1=0x2{number}f010:speed=0.02:seed={number}"
        render(folder / f"{number}.mp4", [(shot, 1.5), (other, 1.5)], size=(192, 108), audio=False)
    ffmpeg("-i", str(folder / "0.mp4"), "-vf", "hflip,scale=160:-2", str(folder / "copy.mp4"))
    return folder


def files_of(out: Path) -> dict[str, tuple[int, int]]:
    """The state of the clip files."""
    return states(stored(out, EXPORTS).files)


def test_other_quotas_and_splits_encode_nothing(videos: Path, tmp_path: Path) -> None:
    """Quotas leave clips out of the export, and let them in again; no file is written anew."""
    out = tmp_path / "out"
    base = {"split": {"min_clip_s": 0.5}, "export": {"preset": "ultrafast", "verify": False}}
    process(out, {**base, "partition": {}}, videos)
    before = files_of(out)
    assert len(before) == 10

    counts = process(out, {**base, "partition": {"balance": ("by: clips.video_id, at_most: 1",)}})
    assert (counts["partition"].rows, sum(counts["partition"].dropped.values())) == (5, 5)
    assert (counts["export"].inputs, counts["export"].rows) == (5, 5)
    kept = {row.clip_id for row in rows(out, PARTITIONS)}
    assert {status for status, _ in done(out, PARTITIONS).values()} == {"ok", "dropped"}
    table = pq.read_table(out / "export" / "data")
    assert set(table["clip_id"].to_pylist()) == kept
    assert set(table["split"].to_pylist()) == {"train"}
    assert side_of(out).kept.num_rows == 5

    halves = {"validation": 0.3, "test": 0.3, "seed": 1}
    process(out, {**base, "partition": halves})
    divided = rows(out, PARTITIONS)
    assert len(divided) == 10
    assert len({row.split for row in divided}) > 1
    assert files_of(out) == before
    check_groups(divided, out)

    process(out, {**base, "partition": {}})
    assert {row.split for row in rows(out, PARTITIONS)} == {"train"}
    assert files_of(out) == before


def check_groups(divided: list[PartitionedClip], out: Path) -> None:
    """Check that the video and its mirrored copy are one group, in one split."""
    copies = [row for row in rows(out, DEDUP) if row.copy_of is not None]
    group = {row.video_id: (row.group, row.split) for row in divided}
    of_clip = {row.clip_id: row.video_id for row in divided}
    assert {row.is_mirrored for row in copies} == {True}
    for row in copies:
        assert group[row.video_id] == group[of_clip[str(row.copy_of)]]
    assert len({group for group, _ in group.values()}) == 4
