from fractions import Fraction

from vidcurate.analysis.copies import Clusters, clusters_of_copies, in_words
from vidcurate.records import CLIPS, DEDUP, SOURCES, Clip, Duplicate


def duplicate(number: int, cluster: int, copy_of: int | None, similarity: float = 0.9) -> Duplicate:
    """A clip of a cluster, kept unless it is a copy."""
    is_copy = copy_of is not None
    return Duplicate(
        clip_id=f"v-{number}-{number + 1}",
        video_id="v",
        keep=not is_copy,
        relation="near" if is_copy else "none",
        cluster_id=f"v-{cluster}-{cluster + 1}",
        copy_of=f"v-{copy_of}-{number}" if is_copy else None,
        leaks_from=None,
        similarity=similarity if is_copy else None,
        offset_s=0.0 if is_copy else None,
        speed=2.0 if is_copy else None,
        is_mirrored=True if is_copy else None,
    )


def found(*rows: Duplicate, max_clusters: int = 9, max_clips: int = 9) -> Clusters:
    """The clusters of rows."""
    clips = [
        Clip(r.clip_id, "v", n, n + 1, Fraction(1), float(n), float(n + 1), 1.0, 25)
        for n, r in enumerate(rows)
    ]
    tables = {
        DEDUP.name: DEDUP.to_arrow(rows),
        CLIPS.name: CLIPS.to_arrow(clips),
        SOURCES.name: SOURCES.schema.empty_table(),
    }
    return clusters_of_copies(tables.__getitem__, max_clusters, max_clips)


def test_the_largest_cluster_comes_first_and_in_it_what_is_kept() -> None:
    """After the kept clip come its copies, the most similar first; lone clips are no cluster."""
    small = [duplicate(1, 1, None), duplicate(2, 1, 1)]
    large = [duplicate(4, 5, 5, 0.81), duplicate(5, 5, None), duplicate(6, 5, 5, 0.99)]
    result = found(*small, *large, duplicate(8, 8, None))
    assert [cluster.size for cluster in result.clusters] == [3, 2]
    assert [clip.clip_id for clip in result.clusters[0].clips] == ["v-5-6", "v-6-7", "v-4-5"]
    assert (result.n_clips, result.n_clusters, result.n_copies) == (6, 2, 3)
    assert result.relations == {"near": 3}


def test_what_is_not_shown_is_counted() -> None:
    """Bounds shorten the lists, and not the numbers."""
    rows = [duplicate(n, 10 * (n // 10), None if n % 10 == 0 else 1) for n in range(40)]
    result = found(*rows, max_clusters=2, max_clips=3)
    assert (result.n_clusters, result.n_copies) == (4, 36)
    assert [(cluster.size, len(cluster.clips)) for cluster in result.clusters] == [(10, 3)] * 2


def test_what_a_copy_is_stands_in_words() -> None:
    """A mirrored copy at another speed says so."""
    [cluster] = found(duplicate(1, 1, None), duplicate(2, 1, 1)).clusters
    assert [in_words(clip) for clip in cluster.clips] == [
        "",
        "near, mirrored, the other runs 2x as fast",
    ]
