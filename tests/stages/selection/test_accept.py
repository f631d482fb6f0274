from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tests.support.decisions import decided
from tests.support.pipeline import process, rows, states
from vidcurate.analysis.compare import side_of
from vidcurate.analysis.fates import clip_fates
from vidcurate.analysis.status import funnel
from vidcurate.analysis.tune import read_scores, tune_scores
from vidcurate.analysis.view import present_plan, present_scope, reader
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.records import (
    ACCEPTED,
    ALIGNMENT,
    CAPTIONS,
    DECISIONS,
    PARTITIONS,
    TABLES,
    TEXT_TABLES,
)
from vidcurate.report.data import ReportOptions, read_report_data
from vidcurate.report.sections.funnel import funnel_steps
from vidcurate.stage import Outcome
from vidcurate.stages.selection.accept import ACCEPT, JUDGED, AcceptConfig, accept
from vidcurate.store.dataset import Dataset

OPTIONS = {"split": {"min_clip_s": 1.0}, "caption": {"backend": "facts"}}
EXPORT = {"export": {"media": "none"}}
MANY_WORDS = "words(captions.text) >= 1000"


def clips(n_rows: int) -> pa.Table:
    """Clips of 1, 2, 3 and so on seconds, two of each video, the last of them to validate."""
    plain = {"time_base": {"num": 1, "den": 24}, "start_pts": 0, "end_pts": 1, "start_s": 0.0}
    numbers = [
        {
            **plain,
            "clip_id": f"c{n}",
            "video_id": f"v{n // 2}",
            "group": f"v{n // 2}",
            "split": "train" if n < n_rows - 1 else "validation",
            "end_s": n + 1.0,
            "duration_s": n + 1.0,
            "n_frames": 24 * (n + 1),
        }
        for n in range(n_rows)
    ]
    return pa.Table.from_pylist(numbers, schema=PARTITIONS.schema)


def texts(*captions: str | None, scores: Sequence[Sequence[float | None]] = ()) -> pa.Table:
    """Captions of c0, c1 and so on, with the scores of their candidates; None has no row."""
    blank: dict[str, Any] = {field.name: None for field in CAPTIONS.schema}
    found = [
        blank
        | {"clip_id": f"c{n}", "video_id": f"v{n // 2}", "text": text, "conflicts": []}
        | {
            "candidates": [
                {"text": text, "source": "a", "score": score}
                for score in (scores[n] if n < len(scores) else ())
            ]
        }
        for n, text in enumerate(captions)
        if text is not None
    ]
    schema = pa.schema([field.with_nullable(True) for field in CAPTIONS.schema])
    return pa.Table.from_pylist(found, schema=schema)


def verdicts(found: Outcome) -> list[tuple[str, str | None]]:
    """Status and reason of each clip, in order."""
    return [(row["status"], row["reason"]) for row in found.done.to_pylist()]


def test_rules_over_texts_refuse_with_the_first_that_is_broken() -> None:
    """A clip without the text fails as decision 9 has it; no rule accepts all as they are."""
    no_logo = "captions.text not contains ['logo', 'watermark']"
    long = "words(captions.text) >= 3"
    tables = {
        "partitions": clips(4),
        "captions": texts("A Logo at the top", "Grass", None, "Grass grows slowly"),
    }
    found = accept(tables, AcceptConfig(rules=(no_logo, long)))
    assert verdicts(found) == [
        ("dropped", no_logo),
        ("dropped", long),
        ("failed", f"a number is missing for: {no_logo}"),
        ("ok", None),
    ]
    assert found.rows["clip_id"].to_pylist() == ["c3"]
    assert found.rows.schema == ACCEPTED.schema
    assert accept(tables, AcceptConfig()).rows == clips(4)


def test_people_stand_above_rules_over_texts() -> None:
    """What a person accepted is accepted, and what one rejected is not."""
    tables = {
        "partitions": clips(3),
        "captions": texts("logo", "grass", None),
        "decisions": DECISIONS.to_arrow(
            [decided("accept", "c0"), decided("reject", "c1"), decided("accept", "c2")]
        ),
    }
    found = accept(tables, AcceptConfig(rules=("captions.text not contains 'logo'",)))
    assert [status for status, _ in verdicts(found)] == ["ok", "dropped", "ok"]


def test_a_matching_score_and_its_margin_decide() -> None:
    """Panda-70M's rule: the best of several texts fits well, and clearly better than the next."""
    scores = [[0.5, 0.2], [0.5, 0.49], [0.3, 0.1], [0.6]]
    aligned = [
        {f.name: 0 if pa.types.is_integer(f.type) else 0.0 for f in ALIGNMENT.schema}
        | {"clip_id": f"c{n}", "video_id": f"v{n // 2}", "clip_cosine": max(of_clip)}
        | {"text_from": "", "model": "", "pretrained": "", "is_cut": False}
        for n, of_clip in enumerate(scores)
    ]
    tables = {
        "partitions": clips(4),
        "captions": texts("a", "b", "c", "d", scores=scores),
        "alignment": pa.Table.from_pylist(aligned, schema=ALIGNMENT.schema),
    }
    fits, clear = "alignment.clip_cosine >= 0.43", "margin(captions.candidates) >= 0.05"
    found = accept(tables, AcceptConfig(rules=(fits, clear)))
    missing = f"a number is missing for: {clear}"
    assert verdicts(found) == [
        ("ok", None),
        ("dropped", clear),
        ("dropped", fits),
        ("failed", missing),
    ]


def test_rules_may_name_the_split_and_lists() -> None:
    """Where a clip is put, and what its caption contradicts, can be ruled too."""
    rule = "partitions.split != 'train' or length(captions.conflicts) > 0"
    tables = {"partitions": clips(3), "captions": texts("a", "b", "c")}
    found = accept(tables, AcceptConfig(rules=(rule,)))
    assert found.rows["clip_id"].to_pylist() == ["c2"]


def test_only_the_tables_that_rules_name_are_asked_for() -> None:
    """Without rules nothing but clips and decisions is read."""
    config = AcceptConfig(rules=("clips.n_frames > 1 and length(captions.text) > 3",))
    assert [lookup.table for lookup in ACCEPT.lookups(config)] == [CAPTIONS, DECISIONS]
    assert ACCEPT.lookups(config)[0].columns == ("clip_id", "text")
    assert [lookup.required for lookup in ACCEPT.lookups(AcceptConfig())] == [False]


def test_every_table_of_texts_can_be_ruled() -> None:
    """All are keyed by clip, and none comes after accept."""
    names = list(TABLES)
    for table in TEXT_TABLES:
        assert table.key == "clip_id"
        assert JUDGED[table.name] is table
        assert names.index(table.name) < names.index(ACCEPTED.name)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("caption.text contains 'a'", r"did you mean 'captions.text'\? \(`vidcurate caption`"),
        ("captions.text matches '('", "this is no pattern: missing"),
        ("words(captions.candidates) > 1", "is a list of candidates, and words takes a string"),
        ("exports.width > 1", "unknown table 'exports'"),
        ("captions.text contains", "expected a number, string, true or false"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: str, fault: str) -> None:
    """Before anything runs, with what is wrong."""
    with pytest.raises(ValidationError, match=fault):
        AcceptConfig(rules=(rule,))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """A data set with captions and an export, without accept."""
    root = tmp_path_factory.mktemp("accept") / "out"
    process(root, {**OPTIONS, **EXPORT}, video)
    return root


def test_a_data_set_that_never_ran_it_has_no_accept(out: Path) -> None:
    """The stage costs nothing where no rules are set to texts."""
    assert "accepted" not in Dataset(out).manifest()
    assert "accept" not in {count.stage for count in funnel(Dataset(out))}


def test_the_export_holds_what_is_accepted_and_keeps_its_files(out: Path) -> None:
    """Refused clips leave the export, its rows stay as they were made, and all are counted."""
    before = states(out / "exports")
    made = Dataset(out).manifest()["exports"]["fingerprint"]
    clips_kept = rows(out, PARTITIONS)
    first = min(clips_kept, key=lambda clip: clip.start_s).clip_id
    n_left = len(clips_kept) - 1
    rule = "captions.text not contains 'a' or clips.start_s > 0.1"
    counts = process(out, {"accept": {"rules": (rule,)}, **EXPORT})
    assert counts["accept"].dropped == {rule: 1}
    assert (counts["accept"].rows, counts["export"].inputs) == (n_left, n_left)
    assert Dataset(out).manifest()["exports"]["fingerprint"] == made
    assert states(out / "exports").items() >= before.items()
    exported = pq.read_table(out / "export" / "data")["clip_id"].to_pylist()
    assert sorted(exported) == [clip.clip_id for clip in rows(out, ACCEPTED)]
    assert first not in exported
    card = (out / "export" / "README.md").read_text()
    assert rule in card
    dataset = Dataset(out)
    plan = present_plan(dataset)
    read = reader(dataset, plan, present_scope(dataset, plan))
    fates = {row["clip_id"]: row for row in clip_fates(dataset, plan, read).to_pylist()}
    assert (fates[first]["fate"], fates[first]["reason"]) == ("refused", rule)
    status = {count.stage: count for count in funnel(dataset)}
    assert (status["export"].inputs, status["export"].stale) == (n_left, False)
    steps = list(funnel_steps(read_report_data(dataset, ReportOptions())))
    labels = [(rule, 1), ("Accepted", n_left), ("Exported", n_left)]
    assert [(step.label, step.clips) for step in steps[-3:]] == labels
    tuned = tune_scores(read_scores(dataset, (), every=False), None)
    assert [(r.rule, r.removes) for r in tuned.rules] == [(rule, 1)]
    assert tuned.kept == n_left
    assert first in side_of(out).left_out["id"].to_pylist()


def test_rules_that_are_taken_back_bring_clips_back(out: Path) -> None:
    """Without a rule all are accepted; left out, accept changes no export at all."""
    process(out, {"accept": {"rules": ()}, **EXPORT})
    assert len(rows(out, ACCEPTED)) == len(rows(out, PARTITIONS))
    assert len(pq.read_table(out / "export" / "data")) == len(rows(out, PARTITIONS))


def test_rules_that_refuse_everything_say_which(out: Path) -> None:
    """Nothing accepted is said with the rule that did it."""
    with pytest.raises(EmptyResultError, match=r"accept left none of 3 .*3 times: words"):
        process(out, {"accept": {"rules": (MANY_WORDS,)}, **EXPORT})


def test_rules_may_name_a_version_of_the_captions() -> None:
    """Its table is read where it is there, and one that is not is named with what makes it."""
    config = AcceptConfig(rules=("captions_chinese.text contains '兔'",))
    assert ACCEPT.lookups(config)[0].table.name == "captions_chinese"
    tables = {"partitions": clips(2)}
    found = accept({**tables, "captions_chinese": texts("一只兔子", "草")}, config)
    assert [status for status, _ in verdicts(found)] == ["ok", "dropped"]
    with pytest.raises(UsageError, match="`vidcurate caption --version chinese` makes it"):
        accept(tables, config)
    with pytest.raises(ValidationError, match="unknown table 'captions_Chinese'"):
        AcceptConfig(rules=("captions_Chinese.text contains 'a'",))
