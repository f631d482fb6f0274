from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import pyarrow as pa
import pytest

from tests.support.split_videos import scan_of
from vidcurate.analysis.fates import FATES
from vidcurate.analysis.timelines import Timelines, film_timelines, some_films
from vidcurate.records import CLIPS, CUTS, SCANS, SOURCES, Clip, Cut, Scan, Source, VideoCuts

TICK = Fraction(1, 10)
Spans = Sequence[tuple[int, int, str]]


def source(name: str) -> Source:
    """A file of a film."""
    return Source(name, name, f"/films/{name}.mp4", (), 1, {}, (), name)


def scan(name: str) -> Scan:
    """A film of ten seconds that begins at tick 5."""
    return replace(scan_of(list(range(5, 105)), 105, TICK), video_id=name)


def clip(name: str, start: int, end: int) -> Clip:
    """A clip of a film."""
    span = (float(start * TICK), float(end * TICK), float((end - start) * TICK))
    return Clip(f"{name}-{start}-{end}", name, start, end, TICK, *span, end - start)


def timelines(films: Mapping[str, Spans], cuts: Sequence[VideoCuts] = ()) -> Timelines:
    """The time lines of films with clips, each clip with its fate."""
    spans = [(name, *span) for name, spans in films.items() for span in spans]
    clips = [clip(name, start, end) for name, start, end, _ in spans]
    tables = {
        SOURCES.name: SOURCES.to_arrow([source(name) for name in films]),
        SCANS.name: SCANS.to_arrow([scan(name) for name in films]),
        CLIPS.name: CLIPS.to_arrow(clips),
        CUTS.name: CUTS.to_arrow(cuts),
    }
    fates = {
        "clip_id": [c.clip_id for c in clips],
        "fate": [fate for *_, fate in spans],
        "reason": pa.array([None] * len(clips), pa.string()),
    }
    return film_timelines(tables.__getitem__, list(tables), pa.table(fates))


def test_what_stays_of_a_film_is_the_union_of_its_clips_that_stay() -> None:
    """Overlapping clips count once, rejected ones not at all, and each film by itself."""
    found = timelines(
        {
            "a": [(5, 45, "kept"), (25, 65, "exported"), (65, 105, "rejected")],
            "b": [(5, 15, "captioned"), (95, 105, "kept")],
            "c": [],
        }
    )
    assert found.films["kept_s"].to_pylist() == pytest.approx([6, 2, 0])
    assert found.films["n_clips"].to_pylist() == [3, 2, 0]


def test_clips_and_transitions_follow_their_films_in_order_of_time() -> None:
    """Rows lie film by film, so that the counts of films say where each one's begin."""
    late, early = (Cut(n, n + 1, n / 10, (n + 1) / 10, "cut", 0.9, "learned") for n in (50, 20))
    fade = Cut(70, 80, 7, 8, "fade", 0.5, "learned")
    found = timelines(
        {"b": [(50, 60, "kept"), (5, 20, "rejected")], "a": [(5, 9, "waiting")]},
        [VideoCuts("b", (late, early)), VideoCuts("a", (fade,))],
    )
    assert found.films["path"].to_pylist() == ["/films/a.mp4", "/films/b.mp4"]
    assert found.clips["start_pts"].to_pylist() == [5, 5, 50]
    assert [FATES[fate] for fate in found.clips["fate"].to_pylist()] == [
        "waiting",
        "rejected",
        "kept",
    ]
    assert found.cuts["start_pts"].to_pylist() == [70, 20, 50]
    assert found.cuts["kind"].to_pylist() == ["fade", "cut", "cut"]
    assert found.films["n_cuts"].to_pylist() == [1, 2]


def test_too_many_clips_leave_whole_films_evenly_spread() -> None:
    """Films that stay have all their clips, and their numbers fit the shorter list."""
    films = {f"f{n:02}": [(5, 9, "kept"), (10, 20, "kept")] for n in range(10)}
    found = some_films(timelines(films), 8)
    assert found.films["video_id"].to_pylist() == ["f01", "f03", "f06", "f08"]
    assert found.clips["film"].to_pylist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found.clips["clip_id"].to_pylist()[2] == "f03-5-9"
    assert some_films(timelines({"a": films["f00"]}), 1).clips.num_rows == 2
