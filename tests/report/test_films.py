"""What the sections of films, copies, captions and losses hold of a small data set."""

from dataclasses import replace

import pyarrow as pa
import pytest

from vidcurate.analysis.fates import FATES
from vidcurate.clips.reviews import ClipReview
from vidcurate.records import CAPTIONS, VERDICTS, Candidate
from vidcurate.report.clip_facts import STRIP_HEIGHT, STRIP_PICTURES
from vidcurate.report.data import ReportData, ReportOptions, read_report_data
from vidcurate.report.sections.captions import captions_section, choose, versions
from vidcurate.report.sections.duplicates import duplicates_section
from vidcurate.report.sections.failures import failures_section
from vidcurate.report.sections.films import films_section
from vidcurate.report.sections.settings import settings_section, size
from vidcurate.report.sections.vector_map import map_section
from vidcurate.store.dataset import Dataset


@pytest.fixture(scope="module")
def data(finished: Dataset) -> ReportData:
    """The finished data set as the page shows it."""
    return read_report_data(finished, ReportOptions())


def test_scripts_find_each_clip_with_its_fate_and_picture(data: ReportData) -> None:
    """The ids that scripts make of columns are those of the clips, and name their pictures."""
    lines = films_section(data).data["timelines"]
    (video,) = lines["films"]["id"]
    spans = zip(lines["clips"]["start"], lines["clips"]["end"], strict=True)
    ids = [f"{video}-{start}-{end}" for start, end in spans]
    fates = [FATES[fate] for fate in lines["clips"]["fate"]]
    known = data.clips.select(["clip_id", "fate"]).sort_by("clip_id").to_pylist()
    assert sorted(zip(ids, fates, strict=True)) == [(c["clip_id"], c["fate"]) for c in known]
    size_of = f"{STRIP_PICTURES}x{STRIP_HEIGHT}"
    assert all(f"{clip_id}-{size_of}" in data.pictures.jpegs for clip_id in ids)
    assert lines["films"]["cuts"] == [2]
    assert all(len(score["values"]) == len(ids) for score in lines["scores"])


def test_pictures_have_a_bound_that_the_page_tells(finished: Dataset) -> None:
    """Of three clips two may have a picture; the time line has all three."""
    few = read_report_data(finished, ReportOptions(max_pictures=4))
    section = films_section(few)
    assert (section.context["n_pictured"], section.context["n_clips_shown"]) == (2, 3)
    assert len(few.pictures.jpegs) == 2


def test_a_caption_has_its_words_and_its_clip(data: ReportData) -> None:
    """Without a judge nothing is marked, and the section names the command that judges."""
    section = captions_section(data)
    texts = sorted(data.read(CAPTIONS.name)["text"].to_pylist())
    shown = section.data["captions"]
    assert sorted(caption["pieces"][0][0] for caption in shown) == texts
    assert {caption["score"] for caption in shown} == {None}
    assert sum(row["captions"] for row in section.data["lengths"]) == len(texts)
    assert (section.context["n_judged"], section.context["n"]) == (0, len(texts))


def test_versions_of_a_caption_end_with_a_person_s(data: ReportData) -> None:
    """Each other text says who wrote it and what it changes; one that is equal is left out."""
    caption = CAPTIONS.from_arrow(data.read(CAPTIONS.name))[0]
    first = replace(
        caption,
        text="A dog runs.",
        candidates=(Candidate("A dog runs.", "one", None), Candidate("A cat runs.", "two", 0.5)),
    )
    found = versions(first, None, ClipReview(caption="A dog <b>sits</b>.", reviewer="Ada"), {})
    assert [version["name"] for version in found] == ["two, score 0.50", "by Ada, which stands"]
    assert found[1]["changes"] == (("", "A dog "), ("-", "runs."), ("+", "<b>sits</b>."))


def test_the_worst_captions_come_first_and_others_are_sampled() -> None:
    """Half of what is shown has the lowest scores, the rest is spread; unjudged ones come last."""
    ids = [f"c{n}" for n in range(20)]
    rows = pa.table({"clip_id": ids})
    judged = pa.table({"clip_id": ids[:16], "score": [1 - n / 100 for n in range(16)]})
    chosen = choose(rows, judged, 8)
    assert chosen[:4] == [15, 14, 13, 12]
    assert chosen[4:] == [11, 6, 1, 19]
    assert choose(rows, VERDICTS.schema.empty_table(), 99) == list(range(20))


def test_what_was_lost_is_named_by_rule_and_film(data: ReportData) -> None:
    """The clip that a rule rejects stands by its rule, its video's name and its times."""
    section = failures_section(data)
    rejected = data.clips.filter(pa.compute.equal(data.clips["fate"], "rejected"))
    rows = section.data["named"]["rows"]
    of_filter = [row for row in rows if row[0] == "filter"]
    assert [(row[1], row[2], row[3]) for row in of_filter] == [
        ("dropped", clip["reason"], clip["video"]) for clip in rejected.to_pylist()
    ]
    assert all("\u00a0to\u00a0" in row[4] for row in of_filter)
    assert section.context["n_failed"] == 0


def test_settings_tell_what_was_chosen_and_how_fast_it_was(data: ReportData) -> None:
    """Options that are not the default, each stage's speed, and one version a library."""
    context = settings_section(data).context
    changed = {f"{one.stage}.{one.option}": one.value for one in context["changed"]}
    assert changed["split.min_clip_s"] == 1.0
    assert "split.max_clip_s" not in changed
    speeds = {speed.stage: speed for speed, *_ in context["speeds"]}
    assert speeds["scan"].realtime is not None
    assert speeds["scan"].inputs == 1
    assert {one["library"] for one in context["versions"]} >= {"python", "vidcurate"}
    assert not any(one["others"] for one in context["versions"])


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(0, "0 bytes"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (3e9, "3.0 GB")]
)
def test_sizes_have_their_unit(n_bytes: float, text: str) -> None:
    """Bytes are told in powers of ten."""
    assert size(n_bytes) == text


def test_every_clip_with_a_vector_is_on_the_map(data: ReportData) -> None:
    """Places are whole numbers from 0 to 1000 on the longer axis."""
    points = map_section(data).data["points"]
    assert sorted(points["id"]) == sorted(data.clips["clip_id"].to_pylist())
    assert {min(points["x"]), min(points["y"])} == {0}
    assert max(*points["x"], *points["y"]) == 1000


def test_sections_without_their_tables_hold_no_data(ingested: Dataset) -> None:
    """Nothing is shown, and no script is in the page for it."""
    nothing = read_report_data(ingested, ReportOptions())
    for make in (films_section, duplicates_section, map_section, captions_section):
        section = make(nothing)
        assert (section.data, section.scripts) == ({}, ())
    assert failures_section(nothing).context["lost"] == []
