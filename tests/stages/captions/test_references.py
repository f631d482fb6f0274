from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.decisions import decided
from tests.support.pipeline import process, rows
from tests.support.videos import render
from vidcurate.analysis.decisions import deciding
from vidcurate.errors import UsageError
from vidcurate.records import CAPTIONS, KEPT, REFERENCES, SOURCES, Reference, Source
from vidcurate.stage import Outcome, fingerprint
from vidcurate.stages.captions.references import (
    REFERENCES_STAGE,
    ReferencesConfig,
    references,
)
from vidcurate.store.dataset import Dataset

OPTIONS = {"split": {"min_clip_s": 0.5}, "caption": {"backend": "facts"}}
LONG = "word " * 10_000


def tables(*spans: tuple[str, float, float]) -> dict[str, pa.Table]:
    """Kept clips c0, c1 and so on of videos v1 and v2, with these spans."""
    plain: dict[str, Any] = {"time_base": {"num": 1, "den": 24}, "start_pts": 0, "end_pts": 1}
    kept = [
        {
            **plain,
            "clip_id": f"c{n}",
            "video_id": video,
            "start_s": start,
            "end_s": end,
            "start_pts": int(24 * start),
            "duration_s": end - start,
            "n_frames": 24,
        }
        for n, (video, start, end) in enumerate(spans)
    ]
    sources = [
        Source(video, video, f"/films/{video}.mp4", (f"/films/{video}.mp4",), 1, {}, (1,), video)
        for video in ("v1", "v2")
    ]
    return {
        "kept": pa.Table.from_pylist(kept[::-1], schema=KEPT.schema),
        "sources": SOURCES.to_arrow(sources),
    }


KEPT_CLIPS = (("v1", 0.0, 4.0), ("v1", 4.0, 10.0), ("v2", 1.0, 3.0))


def read(folder: Path, items: Sequence[Mapping[str, Any]], **options: Any) -> Outcome:
    """What comes of a list of references to three kept clips."""
    file = folder / "r.parquet"
    names = dict.fromkeys(name for item in items for name in item)
    columns = {name: [item.get(name) for item in items] for name in names}
    pq.write_table(pa.table(columns), file)
    return references(tables(*KEPT_CLIPS), ReferencesConfig(file=str(file), **options))


def rows_of(found: Outcome) -> list[Reference]:
    """The references that are of a kept clip."""
    return REFERENCES.from_arrow(found.rows)


def reasons(found: Outcome, status: str) -> list[str]:
    """Why references of a status have no row."""
    return [row["reason"] for row in found.done.to_pylist() if row["status"] == status]


def test_a_reference_is_of_the_clip_that_shares_most_of_its_span(tmp_path: Path) -> None:
    """By intersection over union, of a film named in any way; or of the clip that it names."""
    about = {"film": "v1.mp4", "text": "A fox.", "start_s": 4.2, "end_s": 9.9}
    named = {"clip_id": "c2", "text": "Grass.", "kind": "Background", "film": None}
    first, second = rows_of(read(tmp_path, [about, named]))
    assert (first.clip_id, first.video_id, first.kind) == ("c1", "v1", "detailed")
    assert first.overlap == pytest.approx(5.7 / 6)
    assert (second.clip_id, second.kind, second.overlap) == ("c2", "background", 1.0)
    assert second.source == "r.parquet, row 2"


def test_references_that_contradict_are_all_kept(tmp_path: Path) -> None:
    """A clip has as many as are given, each once, however long."""
    found = read(
        tmp_path, [{"clip_id": "c0", "text": t} for t in ("A fox.", "No fox.", LONG, "A fox.")]
    )
    assert [reference.text for reference in rows_of(found)] == ["A fox.", "No fox.", LONG.strip()]


def test_a_reference_of_no_kept_clip_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """Of another span, another video or a clip that is gone; those of kept clips stay."""
    found = read(
        tmp_path,
        [
            {"text": "a", "film": "v1", "start_s": 4.0, "end_s": 8.0},
            {"text": "b", "film": "v2", "start_s": 5.0, "end_s": 8.0},
            {"text": "c", "film": "v9.mp4", "start_s": 5.0, "end_s": 8.0},
            {"text": "d", "clip_id": "c9"},
            {"text": "e", "clip_id": "c0"},
        ],
    )
    apart, beyond, elsewhere, gone = reasons(found, "dropped")
    assert apart.endswith("v1 in kept shares 0.9 of 4 to 8 s; the nearest, c1, shares 0.67")
    assert beyond == "r.parquet, row 2: no clip of v2 in kept shares 0.9 of 5 to 8 s"
    assert "no film here has the path or name 'v9.mp4': did you mean v" in elsewhere
    assert gone.startswith("r.parquet, row 4: no clip in kept has the id 'c9'")
    assert [reference.text for reference in rows_of(found)] == ["e"]
    assert found.message == "4 references of 5 of no kept clip"
    half = [{"text": "a", "film": "v1", "start_s": 4.0, "end_s": 8.0}]
    assert len(rows_of(read(tmp_path, half, min_overlap=0.5))) == 1


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"clip_id": "c0", "text": None}, "it has no text"),
        ({"film": "v1", "text": "a"}, "it needs a clip_id, or film, start_s and end_s"),
        ({"clip_id": "c0", "text": "a", "kind": "long"}, "kind is 'long'; known are short, "),
        ({"clip_id": "c0", "text": "a", "film": "v2"}, "the clip c0 is not of the film 'v2'"),
        ({"film": "v1", "text": "a", "start_s": 3, "end_s": 1}, "it ends at 1 s, which is not"),
    ],
)
def test_a_reference_that_makes_no_sense_fails_alone(
    tmp_path: Path, row: Mapping[str, Any], fault: str
) -> None:
    """The reason says what is wrong with it; others are read."""
    blank = dict.fromkeys(("clip_id", "film", "kind", "start_s", "end_s", "text"))
    found = read(tmp_path, [{**blank, **row}, {**blank, "clip_id": "c2", "text": "Grass."}])
    [reason] = reasons(found, "failed")
    assert reason.startswith(f"r.parquet, row 1: {fault}")
    assert [reference.clip_id for reference in rows_of(found)] == ["c2"]


def test_references_of_which_none_is_of_a_clip_are_refused(tmp_path: Path) -> None:
    """The first reason says why; and without a list or data set there is nothing to read."""
    with pytest.raises(UsageError, match="none of 1 reference is of a kept clip, such as r"):
        read(tmp_path, [{"text": "a", "clip_id": "c9"}])
    with pytest.raises(UsageError, match="--references FILE, or --captions-of DATASET"):
        references(tables(), ReferencesConfig())
    with pytest.raises(UsageError, match="has no captions: run `vidcurate caption"):
        references(tables(), ReferencesConfig(captions_of=str(tmp_path)))


def test_captions_of_another_data_set_are_references_to_equal_spans(tmp_path: Path) -> None:
    """By the share of the spans; a person's text comes first, and the content decides."""
    film = render(tmp_path / "film.mp4", [("testsrc2", 1.0)], size=(160, 90), audio=False)
    first, second = tmp_path / "first", tmp_path / "second"
    process(first, OPTIONS, film)
    texts = {caption.clip_id: caption.text for caption in rows(first, CAPTIONS)}
    rewritten = next(iter(texts))
    texts[rewritten] = "A person's words."
    with deciding(Dataset(first)) as log:
        log.add([decided("caption", rewritten, text=texts[rewritten])])
    options = {"references": {"captions_of": str(first)}, "split": {"min_clip_s": 0.5}}
    count = process(second, options, film)["references"]
    found = rows(second, REFERENCES)
    assert {r.clip_id: r.text for r in found if r.kind == "detailed"} == texts
    assert count.failed == 0
    config = ReferencesConfig(captions_of=str(first))
    before = fingerprint(REFERENCES_STAGE, config, {})
    (first / "captions").rename(tmp_path / "gone")
    assert fingerprint(REFERENCES_STAGE, config, {}) != before
