from dataclasses import fields, replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcurate.analysis.caption_findings import (
    ADDED,
    EQUAL,
    FLAGS,
    REMOVED,
    marked_text,
    word_changes,
)
from vidcurate.analysis.caption_statistics import caption_statistics
from vidcurate.captioning.quality.faults import FAULTS
from vidcurate.records import CAPTIONS, VERDICTS, Verdict


def verdict(**found: object) -> Verdict:
    """A verdict of a model without a fault but those given."""
    plain = VERDICTS.from_arrow(
        pa.Table.from_pylist(
            [
                {
                    field.name: ""
                    if field.type == pa.string()
                    else []
                    if pa.types.is_list(field.type)
                    else 0
                    for field in VERDICTS.schema
                    if not field.nullable and field.type != pa.bool_()
                }
                | {field.name: False for field in VERDICTS.schema if field.type == pa.bool_()}
            ],
            schema=VERDICTS.schema,
        )
    )[0]
    assert {field.name for field in fields(plain)} >= found.keys()
    return replace(plain, **found)  # type: ignore[arg-type]


def test_flags_are_those_that_rules_set() -> None:
    """Every fault of the judge is one flag here, in its order, as the reasons are."""
    assert tuple(FAULTS) == FLAGS


def test_words_that_a_model_called_wrong_are_marked() -> None:
    """Whatever their case and the space between them; inside another word nothing is marked."""
    text = "A Red\ncar and a redcar: the red car <b>drives</b>."
    pieces, found = marked_text(
        text, verdict(wrong_objects=("red car", "a <script>"), wrong_actions=("drives",))
    )
    assert [(p.text, p.finding) for p in pieces if p.finding] == [
        ("Red\ncar", "wrong object"),
        ("red car", "wrong object"),
        ("drives", "wrong action"),
    ]
    assert "".join(p.text for p in pieces) == text
    assert [(f.what, f.is_marked) for f in found] == [
        ("red car", True),
        ("a <script>", False),
        ("drives", True),
    ]


def test_flags_mark_the_words_that_they_speak_of() -> None:
    """Each flag has the reason that the judge gave, also where no word can be marked."""
    pieces, found = marked_text(
        "It seems that the Camera Pans Left, perhaps.",
        verdict(
            length=True,
            vagueness=True,
            camera=True,
            reasons=("length: 8 words", "vagueness: vague words", "camera: says pan"),
        ),
    )
    assert [(p.text, p.finding) for p in pieces if p.finding] == [
        ("seems", "vagueness"),
        ("Pans Left", "camera"),
        ("perhaps", "vagueness"),
    ]
    assert [(f.kind, f.what, f.is_marked) for f in found] == [
        ("length", "8 words", False),
        ("vagueness", "vague words", True),
        ("camera", "says pan", True),
    ]


@given(st.text(), st.lists(st.text()), st.lists(st.text()), st.booleans())
def test_no_finding_changes_the_text(
    text: str,
    objects: list[str],
    actions: list[str],
    flag: bool,
) -> None:
    """The pieces put together are the text, whatever is marked in it."""
    pieces, _ = marked_text(
        text,
        verdict(
            wrong_objects=tuple(objects), wrong_actions=tuple(actions), vagueness=flag, light=flag
        ),
    )
    assert "".join(piece.text for piece in pieces) == text


@given(st.text("ab \n"), st.text("ab \n"))
def test_changes_hold_both_texts(before: str, after: str) -> None:
    """What is not added is the first text but for spaces, what is not removed the second."""
    changes = word_changes(before, after)
    words = [word for kind, text in changes if kind != ADDED for word in text.split()]
    assert words == before.split()
    assert "".join(text for kind, text in changes if kind != REMOVED) == after


def test_a_word_that_changed_stands_between_equal_ones() -> None:
    """The rest of the sentence is not marked as changed."""
    assert word_changes("A dog runs fast.", "A cat runs fast.") == (
        (EQUAL, "A "),
        (REMOVED, "dog "),
        (ADDED, "cat "),
        (EQUAL, "runs fast."),
    )


def captions(*texts: str, **columns: list[object]) -> pa.Table:
    """Captions of texts."""
    n = len(texts)
    plain: dict[str, list[object]] = {
        "text": list(texts),
        "repairs": [[]] * n,
        "conflicts": [[]] * n,
        "status": ["ok"] * n,
    }
    schema = pa.schema([CAPTIONS.schema.field(name) for name in plain])
    return pa.table({**plain, **columns}, schema=schema)


def test_the_statistics_count_captions_and_not_words() -> None:
    """A word counts once a caption, common words not at all; every caption is in a bin."""
    found = caption_statistics(
        captions(
            "The dog and the dog.",
            "The dog runs.",
            "",
            repairs=[["loops"], [], []],
            status=["ok", "truncated", "ok"],
        )
    )
    assert found.words == (("dog", 2),)
    assert (found.n, sum(found.counts), found.median_words) == (3, 3, 3.0)
    assert found.shares == {
        "repaired": pytest.approx(1 / 3),
        "contradict a measurement": 0,
        "break off": pytest.approx(1 / 3),
        "empty": pytest.approx(1 / 3),
    }


def test_no_captions_have_no_statistics() -> None:
    """Nothing is counted, and nothing divided by it."""
    found = caption_statistics(captions())
    assert (found.n, found.counts, found.words, found.shares) == (0, (), (), {})
