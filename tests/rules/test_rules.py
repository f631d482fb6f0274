"""The rule language by example: what it reads, what it refuses, and what it says of rows."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vidcurate.errors import RuleError
from vidcurate.records import Quality, Video
from vidcurate.rules import check, evaluate_rules, parse
from vidcurate.rules.tree import Column, Comparison, Constant, Percentile
from vidcurate.store.table import Table

SCHEMAS = {
    "quality": Table("quality", Quality, "clip_id").schema,
    "videos": Table("videos", Video, "video_id").schema,
}
COMMANDS = {"quality": "quality", "videos": "probe"}


def verdicts(columns: Mapping[str, Sequence[Any]], *rules: str) -> list[tuple[Any, Any]]:
    """(first failed, undecided) of every row."""
    found = evaluate_rules([parse(rule) for rule in rules], pa.table(columns))
    assert isinstance(found.first_failed, pa.Int32Array)
    assert isinstance(found.undecided, pa.Int32Array)
    return list(zip(found.first_failed.to_pylist(), found.undecided.to_pylist(), strict=True))


def outcomes(rule: str, **columns: Sequence[Any]) -> list[bool | None]:
    """What one rule says of every row of table `t`."""
    found = verdicts({f"t.{name}": values for name, values in columns.items()}, rule)
    return [None if undecided == 0 else failed is None for failed, undecided in found]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("t.a>1 or t.b>2 and t.c>3", "t.a > 1 or (t.b > 2 and t.c > 3)"),
        ("not t.a>1 and t.b>2", "(not (t.a > 1)) and t.b > 2"),
        ("not not t.a", "not (not t.a)"),
        ("t.a + 2 * t.b - 1 < 3", "((t.a + (2 * t.b)) - 1) < 3"),
        ("t.a - (t.b - 1) < 3 / t.c / 2", "t.a - (t.b - 1) < ((3 / t.c) / 2)"),
        ("-t.a * -2 < - - t.b", "((-t.a) * (-2)) < (-(-t.b))"),
        ("t.a in ['it''s', \"it\"\"s\"]", "t.a in [\"it's\", 'it\"s']"),
        ("t.a not in [-1, 2.5e-3, .5]", "t.a not in [-1, 0.0025, 0.5]"),
        ("t.a + 1 is not null", "(t.a + 1) is not null"),
        ("t.p10 > p2.5", "(t.p10) > p2.5"),
        ("p10.x > 1", "(p10.x) > 1"),
        ("t.a\n  > 1\tand t.b", "t.a > 1 and t.b"),
    ],
)
def test_operators_hold_as_tightly_as_in_python(text: str, meaning: str) -> None:
    """A rule without brackets means the same as with the brackets that Python would imply."""
    assert parse(text).tree == parse(meaning).tree


def test_tree_of_a_rule() -> None:
    """A chain of comparisons is one node, a percentile a decimal, a sign part of its number."""
    ends = (Constant(-0.1), Column("t", "a"), Percentile(Decimal("97.5")))
    assert parse("-0.1 <= t.a < p97.5").tree == Comparison(ends, ("<=", "<"))


def test_columns() -> None:
    """A rule tells every column that it reads, once each."""
    rule = parse("t.a > 1 and not (u.b + t.a < p10 or t.c in [1]) and v.d is null")
    assert rule.columns == {("t", "a"), ("t", "c"), ("u", "b"), ("v", "d")}


@pytest.mark.parametrize(
    ("text", "fault", "at"),
    [
        ("t.a = 3", "write '==' for '='", 4),
        ("t.a > 3 AND t.b", "write 'and' for 'AND'", 8),
        ("t.a && t.b", "write 'and' for '&&'", 4),
        ("t.a == 'abc", "this string is not closed", 7),
        ("t.a > 3 ; t.b", "';' has no meaning in a rule", 8),
        ("sharpness > 3", "expected a column as table.column, found 'sharpness'", 0),
        ("t.a.b > 3", "expected a column as table.column, found 't.a.b'", 0),
        ("t.a in [1, t.b]", "expected a number, string, true or false, found 't.b'", 11),
        ("t.a in [-'x']", "expected a number, found ''x''", 9),
        ("t.a in []", "expected a number, string, true or false, found ']'", 8),
        ("t.a is 3", "expected 'null', found '3'", 7),
        ("t.a not 3", "expected 'in', 'contains' or 'matches', found '3'", 8),
        ("(t.a > 3", "expected ')', found the end", 8),
        ("t.a > 3)", "expected an operator, 'and', 'or' or the end, found ')'", 7),
        ("t.a < 3 in [1]", "expected an operator, 'and', 'or' or the end, found 'in'", 8),
        ("t.a > 1e999", "this number is too large", 6),
        ("t.a > p101", "expected a percentile from p0 to p100, found 'p101'", 6),
        ("t.a > p10 + 1", "expected an operator, 'and', 'or' or the end, found '+'", 10),
        ("t.a > p10 > t.b", "expected an operator, 'and', 'or' or the end, found '>'", 10),
        ("t.a + p10 > 3", "a percentile stands alone on one side of a comparison", 6),
        ("p10 and t.a", "a percentile stands alone on one side of a comparison", 0),
        ("t.a > p10 of clip", "expected 'video', found 'clip'", 13),
        ("3 < p10 of video", "a percentile is compared with something that has columns", 2),
        ("3 < p10", "a percentile is compared with something that has columns", 2),
    ],
)
def test_a_fault_is_shown_under_its_place(text: str, fault: str, at: int) -> None:
    """A rule that cannot be read is shown with what is wrong and a caret under the place."""
    with pytest.raises(RuleError) as error:
        parse(text)
    assert str(error.value) == f"cannot read the rule: {fault}\n  {text}\n  {' ' * at}^"


@pytest.mark.parametrize("text", ["", " ", "t.a >", "t.a > 1 or", "t.a == null", "1 + not t.a"])
def test_a_value_is_asked_for_where_none_is(text: str) -> None:
    """Where a value must stand, the fault says what a value is."""
    with pytest.raises(RuleError, match=r"expected a value \(table.column, number, string"):
        parse(text)


def test_a_long_rule_is_shown_in_part() -> None:
    """Of a long rule, only the neighbourhood of the fault is shown, and the caret still fits."""
    with pytest.raises(RuleError) as error:
        parse("t.a > 1 and\n" * 50 + "= 2" + " and t.a > 1" * 50)
    _, shown, caret = str(error.value).split("\n")
    assert len(shown) < 140
    assert shown[caret.index("^")] == "="


@pytest.mark.parametrize("opening", ["(", "not ", "-"])
def test_depth_is_bounded(opening: str) -> None:
    """A rule nested too deeply is a fault of the rule; up to the bound it can be judged."""
    close = ")" if opening == "(" else ""
    value = 2 if opening == "-" else True
    assert outcomes(f"{opening * 100}t.a{close * 100} == t.a", a=[value]) == [True]
    with pytest.raises(RuleError, match="more than 100 brackets, signs and nots"):
        parse(opening * 5000 + "t.a" + close * 5000)


def test_check_accepts_what_there_is() -> None:
    """Rules over the real tables pass, fractions being numbers."""
    texts = [
        "quality.sharpness >= p10 and not (quality.freeze_share > 0.5)",
        "videos.display_width >= videos.display_height or videos.is_hdr",
        "videos.frame_rate >= 23.9 and videos.is_vfr == false",
        "videos.video_codec in ['h264', 'hevc'] and videos.faults is not null",
    ]
    check([parse(text) for text in texts], SCHEMAS, COMMANDS)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "quality.sharpnes > 1",
            (
                "unknown column 'quality.sharpnes': did you mean 'quality.sharpness'?"
                " (`vidcurate quality` makes it)"
            ),
        ),
        (
            "video.display_width > 1",
            (
                "unknown table 'video': did you mean 'videos.display_width'?"
                " (`vidcurate probe` makes it)"
            ),
        ),
        (
            "quality.frame_rate > 1",
            (
                "unknown column 'quality.frame_rate': did you mean 'videos.frame_rate'?"
                " (`vidcurate probe` makes it)"
            ),
        ),
        ("xyz.xyz > 1", "unknown table 'xyz'; known are quality, videos"),
        (
            "videos.video_codec >= 3",
            "videos.video_codec >= 3: videos.video_codec is a string, 3 is a number",
        ),
        (
            "videos.width in [1, 'a']",
            "videos.width in [1, 'a']: videos.width is a number, 'a' is a string",
        ),
        (
            "videos.video_codec >= p10",
            "videos.video_codec >= p10: videos.video_codec is a string, p10 is a number",
        ),
        (
            "videos.is_hdr > false",
            "videos.is_hdr > false: true and false have no order, compare them by == or !=",
        ),
        (
            "videos.faults == videos.faults",
            (
                "videos.faults == videos.faults: videos.faults is a list of strings,"
                " which only contains, length, 'is null' can test"
            ),
        ),
        (
            "videos.width + 'a' > 3",
            "videos.width + 'a': 'a' is a string, expected a number",
        ),
        (
            "not videos.width",
            "not videos.width: videos.width is a number, expected a condition",
        ),
        ("3", "3: 3 is a number, expected a condition"),
    ],
)
def test_check_names_the_fault(text: str, fault: str) -> None:
    """An unknown name suggests the nearest and its command; unlike types are named."""
    with pytest.raises(RuleError) as error:
        check([parse(text)], SCHEMAS, COMMANDS)
    assert str(error.value) == fault


def test_check_tells_all_faults_at_once() -> None:
    """Every fault of every rule is told, one line each, and none twice."""
    rules = ["quality.noize > 1 and videos.width == 'a'", "quality.noize < 5 or not 3"]
    with pytest.raises(RuleError) as error:
        check([parse(rule) for rule in rules], SCHEMAS, COMMANDS)
    faults = [line.partition(":")[0] for line in str(error.value).split("\n")]
    assert faults == ["unknown column 'quality.noize'", "videos.width == 'a'", "not 3"]


def test_judge_refuses_a_column_that_is_not_there() -> None:
    """Judging rows that lack a rule's column is a RuleError, not a verdict."""
    with pytest.raises(RuleError, match=r"unknown column 't\.b'"):
        outcomes("t.b > 1", a=[1])


def test_verdicts_name_the_first_rule() -> None:
    """A row is charged to the first rule it fails; an undecided rule counts only before that."""
    columns = {"t.a": [5, 1, 5, 1, None, None, 5, 1], "t.b": [5, 5, 1, 1, 5, 1, None, None]}
    found = verdicts(columns, "t.a > 3", "t.b > 3", "true")
    passed, first, second = (None, None), (0, None), (1, None)
    assert found == [passed, first, second, first, (None, 0), (1, 0), (None, 1), first]


def test_no_rules_and_no_rows() -> None:
    """Without rules every row passes; without rows there is nothing to say."""
    assert verdicts({"t.a": [1, 2]}) == [(None, None)] * 2
    assert outcomes("t.a > p50", a=pa.array([], pa.float64())) == []


@pytest.mark.parametrize("missing", [None, math.nan])
def test_missing_values_follow_kleene(missing: float | None) -> None:
    """A missing value leaves a rule undecided unless the rest of it settles the matter."""
    columns = {"a": pa.array([missing], pa.float64()), "b": [1.0]}
    undecided = ["t.a > 1", "not t.a > 1", "t.a in [1]", "t.a not in [1]", "t.a != t.a"]
    undecided += ["t.a > 1 and t.b > 0", "t.a > 1 or t.b > 1", "0 < t.a < 2", "t.b / 0 > 1"]
    for rule in undecided:
        assert outcomes(rule, **columns) == [None], rule
    for rule in ["t.a is null", "t.a > 1 or t.b > 0", "not (t.a > 1 and t.b > 1)"]:
        assert outcomes(rule, **columns) == [True], rule
    for rule in ["t.a is not null", "t.a > 1 and t.b > 1", "0 < t.a < t.b < 0"]:
        assert outcomes(rule, **columns) == [False], rule


def test_percentile_is_over_the_rows_that_have_a_value() -> None:
    """p2.5 of 0 to 1000 is 25, whatever else is null or NaN; both ends may be percentiles."""
    values = [*map(float, range(1001)), None, math.nan]
    assert outcomes("t.a >= p2.5", a=values) == [a >= 25 for a in range(1001)] + [None] * 2
    middle = outcomes("p10 < t.a * -1 <= p90", a=list(range(101)))
    assert middle == [10 <= a < 90 for a in range(101)]


def test_percentile_is_interpolated() -> None:
    """The median of 0, 4, 6 and 10 is 5, which no row has; of no values there is none."""
    assert outcomes("t.a == p50", a=[0, 4, 6, 10]) == [False] * 4
    assert outcomes("t.a == p50", a=[0, 4, 5, 6, 10]) == [False, False, True, False, False]
    assert outcomes("t.a >= p0", a=pa.array([None, None], pa.float64())) == [None, None]


def test_percentile_of_a_video() -> None:
    """Each video's clips are compared with their own limit, found as that of all clips is."""
    dice = np.random.default_rng(5)
    videos = dice.choice(list("abcde"), 200).tolist()
    scores = [None if n % 9 == 0 else float(v) for n, v in enumerate(dice.integers(0, 30, 200))]
    columns: dict[str, Sequence[Any]] = {"t.a": scores, "clips.video_id": videos}
    for rank in ("0", "12.5", "50", "100"):
        found = verdicts(columns, f"t.a >= p{rank} of video")
        for name in "abcde":
            own = [number for number, video in enumerate(videos) if video == name]
            alone = verdicts({"t.a": [scores[n] for n in own]}, f"t.a >= p{rank}")
            assert [found[n] for n in own] == alone


def test_a_video_without_a_value_has_no_percentile() -> None:
    """What cannot be compared stays undecided; the other videos are judged all the same."""
    columns: dict[str, Sequence[Any]] = {"t.a": [1.0, None, 2.0], "clips.video_id": ["x", "y", "x"]}
    assert verdicts(columns, "t.a > p50 of video") == [(0, None), (None, 0), (None, None)]
    assert str(parse("p50.0 of video <= t.a").tree) == "p50.0 of video <= t.a"
    assert ("clips", "video_id") in parse("t.a > p50 of video").columns


def test_large_whole_numbers() -> None:
    """Whole numbers are compared exactly, and beside fractions as doubles, never refused."""
    big = 2**53
    assert outcomes(f"t.a > {big}", a=[big, big + 1]) == [False, True]
    assert outcomes("t.a > 0.5 and t.a in [0.5, 9007199254740992]", a=[big, big + 1]) == [
        True,
        True,
    ]
    assert outcomes("-t.a < 1e30 and t.a + 1 > 0", a=[big + 1]) == [True]


def test_what_infinity_leaves_open_is_missing() -> None:
    """Infinity compares as a number, but its difference from itself or a mean with it does not."""
    ends = [math.inf, -math.inf]
    assert outcomes("t.a > 1", a=ends) == [True, False]
    assert outcomes("t.a - t.a == 0", a=ends) == outcomes("t.a > p50", a=ends) == [None, None]


def test_zero_has_one_value() -> None:
    """Minus zero equals zero, compared or looked up."""
    assert outcomes("t.a in [0] and t.a == 0 and t.a in [-0.0]", a=[0.0, -0.0]) == [True, True]


def test_fractions_are_numbers() -> None:
    """A frame rate kept as a fraction compares as its value."""
    rates = [{"num": 24000, "den": 1001}, {"num": 25, "den": 1}, None]
    column = pa.array(rates, SCHEMAS["videos"].field("frame_rate").type)
    assert outcomes("23.9 <= t.rate < 24", rate=column) == [True, False, None]


def test_chunks_do_not_matter() -> None:
    """Columns in several pieces, each cut elsewhere, are judged like whole ones."""
    a, b = pa.chunked_array([[1], [2, 3]]), pa.chunked_array([[3, 2], [1]])
    assert outcomes("t.a >= t.b and t.a >= p50", a=a, b=b) == [False, True, True]
