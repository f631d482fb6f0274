"""Which split each clip is in: groups of videos that stay together, and their draws."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.classes import classes_of, listed
from vidcurate.clips.quotas import NOTHING
from vidcurate.clips.splits import SPLITS, dealt, drawn, split_codes
from vidcurate.deduplication.choice import clusters
from vidcurate.errors import UsageError, some, suggest
from vidcurate.records import CLIPS, DEDUP, FILES, KEPT, SOURCES, VIDEOS
from vidcurate.stages.selection.filter import RULED
from vidcurate.stages.selection.partition_options import PartitionConfig
from vidcurate.store.table import positions

Tables = Mapping[str, pa.Table]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Division:
    """The split of each clip, as its number, and the first video of its group."""

    codes: Numbers
    groups: pa.Array


def divide(clips: pa.Table, tables: Tables, config: PartitionConfig) -> Division:
    """Find the split of each clip."""
    if not config.divides:
        return Division(np.zeros(clips.num_rows, np.int64), clips["video_id"].combine_chunks())
    videos = tables[VIDEOS.name]["video_id"].combine_chunks()
    first = first_of_group(videos, clips, tables, config)
    numbers = (
        dealt(strata(tables, config), config.seed)
        if config.stratify_by
        else drawn(videos.to_pylist(), config.seed)
    )
    codes = split_codes(numbers[first], config.validation, config.test)
    if config.split_column is not None:
        codes = with_named(codes, first, tables, config.split_column)
    at = positions(clips["video_id"], pa.chunked_array([videos])).to_numpy()
    return Division(codes[at], videos.take(pa.array(first[at])))


def first_of_group(
    videos: pa.Array, clips: pa.Table, tables: Tables, config: PartitionConfig
) -> Numbers:
    """For each video the number of the first of those that are in one split with it.

    Videos are in the order in which they came into the data set, so those that come later never
    become the first.
    """
    links: list[tuple[int, int]] = []
    for by in config.group_by:
        every = tables[CLIPS.name]
        codes = classes_of(by, (), every, tables, RULED).codes
        links += linked(codes, positions(every["video_id"], pa.chunked_array([videos])))
    if config.keep_together != "videos":
        copies = tables[DEDUP.name]
        if config.keep_together == "kept-copies":
            kept = clips[KEPT.key].combine_chunks()
            copies = copies.filter(pc.is_in(copies[DEDUP.key], value_set=kept))
        name = "setup_id" if config.keep_together == "set-ups" else "cluster_id"
        codes = copies[name].combine_chunks().dictionary_encode().indices
        at = positions(copies["video_id"], pa.chunked_array([videos]))
        links += linked(codes.fill_null(-1).to_numpy(), at)
    return clusters(len(videos), links)


def linked(codes: NDArray[np.int32], at: pa.Array) -> list[tuple[int, int]]:
    """Link the videos of clips with equal codes; those with a code below zero have none."""
    has_others = (codes >= 0) & (np.bincount(codes[codes >= 0], minlength=1)[codes] > 1)
    pairs = np.stack([codes, at.to_numpy()], axis=1).astype(np.int64)[has_others]
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    differ = (pairs[1:, 0] == pairs[:-1, 0]) & (pairs[1:, 1] != pairs[:-1, 1])
    return list(zip(pairs[:-1, 1][differ].tolist(), pairs[1:, 1][differ].tolist(), strict=True))


def strata(tables: Tables, config: PartitionConfig) -> list[str]:
    """For each video its classes, which are those that most of its clips have, kept or not.

    So neither rules nor copies in later videos change them.
    """
    videos, clips = tables[VIDEOS.name]["video_id"], tables[CLIPS.name]
    at = positions(clips["video_id"], videos).to_numpy()
    found = []
    for stratum in config.stratify_by:
        classes = classes_of(stratum.by, stratum.edges, clips, tables, RULED)
        names = (*classes.names, "")
        most = most_frequent(classes.codes, at, len(videos))
        found.append([names[code] for code in most])
    return ["\n".join(parts) for parts in zip(*found, strict=True)]


def most_frequent(codes: NDArray[np.int32], at: Numbers, n_videos: int) -> Numbers:
    """For each video the most frequent code of its clips, the lowest of several; -1 for none."""
    has = codes >= 0
    pairs, counts = np.unique(np.stack([at[has], codes[has]], axis=1), axis=0, return_counts=True)
    pairs = pairs.reshape(-1, 2)
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    videos, first = np.unique(pairs[order, 0], return_index=True)
    most = np.full(n_videos, NOTHING, np.int64)
    most[videos] = pairs[order, 1][first]
    return most


def with_named(codes: Numbers, first: Numbers, tables: Tables, column: str) -> Numbers:
    """The splits of videos, those of groups of which the user's list names one in its place.

    Raises UsageError where the list has no such column or names what is no split, and where it
    names different splits for videos that stay together.
    """
    sources = tables[SOURCES.name]
    known = pc.unique(tables[FILES.name]["extra"].combine_chunks().keys).to_pylist()
    if column not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "there is none"
        raise UsageError(f"partition.split_column: no list has a column '{column}': {there}")
    said = listed(column, sources)
    at = positions(said["video_id"], tables[VIDEOS.name]["video_id"]).to_pylist()
    of_group: dict[int, tuple[str, str]] = {}
    crossing = []
    for video, path, split in zip(
        at, *(said[c].to_pylist() for c in ("path", "value")), strict=True
    ):
        if video is None:  # it could not be read
            continue
        if split not in SPLITS:
            raise UsageError(
                f"partition.split_column: '{split}' in {column} of {path} is no split"
                f"{suggest(split, SPLITS)}"
            )
        before = of_group.setdefault(int(first[video]), (split, path))
        if before[0] != split:
            crossing.append(f"{before[1]} ({before[0]}) and {path} ({split})")
    if crossing:
        raise UsageError(
            f"partition.split_column: {column} puts videos that hold copies of each other, perhaps "
            f"through others, into different splits: {some(crossing, joint='; ')}: name one "
            "split for each pair, or drop one"
        )
    by_first = np.full(len(codes), NOTHING, np.int64)
    for group, (split, _) in of_group.items():
        by_first[group] = SPLITS.index(split)
    return np.where(by_first[first] == NOTHING, codes, by_first[first])
