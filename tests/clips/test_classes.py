from typing import Any

import pyarrow as pa
import pytest

from vidcurate.clips.classes import check_classes, check_score, classes_of, columns_read
from vidcurate.errors import RuleError
from vidcurate.stages.selection.filter import RULED

CLIPS = pa.table({"clip_id": ["a", "b", "c"], "video_id": ["v", "w", "v"], "duration_s": [1, 2, 9]})
TABLES = {
    "videos": pa.table(
        {"video_id": ["v", "w"], "display_width": [1920, 608], "display_height": [1080, 1080]}
    ),
    "sources": pa.table(
        {
            "video_id": ["v", "w", "w", "v"],
            "path": ["/v.mp4", "/w.mp4", "/w.mp4", "/copy.mp4"],
            "extra": pa.array(
                [[("who", "é")], [("who", "old")], [("who", "new")], [("who", "")]],
                pa.map_(pa.string(), pa.string()),
            ),
        }
    ),
    "tags": pa.table({"clip_id": ["a", "c"], "top_name": ["日本語 猫", "dog"]}),
}


def labels(by: str, *edges: float) -> list[str | None]:
    """The class of each clip."""
    found = classes_of(by, edges, CLIPS, TABLES, RULED)
    return [None if code < 0 else found.names[code] for code in found.codes]


@pytest.mark.parametrize(
    ("by", "edges", "wanted"),
    [
        ("clips.video_id", (), ["v", "w", "v"]),
        ("tags.top_name", (), ["日本語 猫", None, "dog"]),
        ("aspect", (), ["16x9", "9x16", "16x9"]),
        ("sources.extra.who", (), ["é", "new", "é"]),
        ("sources.extra.nothing", (), [None, None, None]),
        ("clips.duration_s", (2.0, 5.0), ["under 2", "2 to 5", "5 and over"]),
        ("videos.display_height", (), ["1080", "1080", "1080"]),
        ("videos.display_width > 1000", (), ["true", "false", "true"]),
        ("videos.display_width / videos.display_height", (1.0,), ["1 and over", "under 1"] * 2),
    ],
)
def test_each_way_of_telling_clips_apart(
    by: str, edges: tuple[float, ...], wanted: list[str | None]
) -> None:
    """Values, buckets, shapes, columns of a list, whose last row counts, and conditions."""
    check_classes(by, edges, RULED, {})
    assert {table for table, _ in columns_read(by)} <= {*TABLES, "clips"}
    assert labels(by, *edges) == wanted[:3]


@pytest.mark.parametrize(
    ("by", "edges", "message"),
    [
        ("tags.topname", (), "unknown column 'tags.topname': did you mean 'tags.top_name'"),
        ("motion.flow_mean", (), "name edges, such as"),
        ("tags.top_name", (1.0,), "only a number has edges"),
        ("aspect", (1.0,), "only a number has edges"),
        ("tags.names", (), "is a list"),
        ("tags.top_name + 1", (), "expected a number"),
        ("shape", (), "a column as table.column"),
    ],
)
def test_what_tells_no_clips_apart_is_refused(
    by: str, edges: tuple[float, ...], message: Any
) -> None:
    """An unknown column, one that is no class, and edges of what is no number."""
    with pytest.raises(RuleError, match=message):
        check_classes(by, edges, RULED, {})


def test_a_score_is_a_number() -> None:
    """Also one that is worked out; a text is none."""
    check_score("-text.area_mean * 2", RULED, {})
    with pytest.raises(RuleError, match=r"tags\.top_name is a string"):
        check_score("tags.top_name", RULED, {})
