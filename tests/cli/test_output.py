import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from vidcurate.cli.output import (
    Bars,
    Lines,
    Quiet,
    headline,
    listener,
    reason_lines,
    sentence,
    show_funnel,
    show_run,
)
from vidcurate.cli.printing import printable, say, tell_json
from vidcurate.pipeline.counts import StageCount
from vidcurate.pipeline.job import Report
from vidcurate.store.dataset import DROPPED, FAILED, OK

COUNT = StageCount(
    stage="probe",
    table="videos",
    inputs=5,
    ok=2,
    dropped={"too short": 1},
    failed=1,
    reasons={"an empty file": 1},
    pending=1,
    pruned=0,
    rows=2,
    seconds=0.5,
    stale=False,
)
STEERING = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\x08\u202evideo"
REPORT = Report((("a", OK, None), ("b", FAILED, STEERING), ("c", DROPPED, "short")), 0.1)


def steers(text: str) -> bool:
    """Whether text holds what a terminal obeys: all controls but the line end, and C1 and bidi."""
    return any(not c.isprintable() for c in text if c != "\n")


def test_printable_keeps_text_and_shows_controls() -> None:
    """Letters of all scripts and line ends stay; a control character is spelled out."""
    assert printable("Ünïcode 日本\nline") == "Ünïcode 日本\nline"
    assert printable("a\x1b[31m\r\x9b\udce9") == "a\\x1b[31m\\r\\x9b\\udce9"


def test_a_line_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What is said goes to stderr alone, with nothing in it that a terminal obeys."""
    say(STEERING)
    out, err = capsys.readouterr()
    assert out == ""
    assert "owned" in err
    assert not steers(err)


def test_a_json_line_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A result is one line of JSON on stdout that reads back as it was, controls escaped."""
    value = {"path": STEERING, "name": "日本", "lone": "\udce9"}
    tell_json(value)
    out, err = capsys.readouterr()
    assert err == ""
    assert not steers(out)
    assert json.loads(out) == value


def test_plain_json_stays_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """Letters beyond ASCII are printed as they are."""
    tell_json({"name": "日本 é"})
    assert capsys.readouterr().out == '{"name": "日本 é"}\n'


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Off a terminal a stage says what is to do and what came of it, a line each, on stderr."""
    lines = listener(quiet=False, verbose=False)
    assert isinstance(lines, Lines)
    lines.began("probe", 4, 1)
    lines.advanced("probe", REPORT)
    lines.ended(COUNT)
    lines.note("5 clips written")
    lines.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "probe: 4 to do, 1 already done",
        "probe: 2 of 5 ok, 2 rows, 1 dropped, 1 failed (an empty file), 1 pending",
        "5 clips written",
    ]


def test_verbose_lines_name_each_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """With -v each failed row is a line of its own; a dropped one is no failure."""
    lines = Lines(verbose=True)
    lines.began("probe", 3, 0)
    lines.advanced("probe", REPORT)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "probe: 3 to do"
    assert len(said) == 2
    assert said[1].startswith("probe: b failed: ")
    assert not steers(said[1])


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """-q leaves both streams empty, whatever happens."""
    quiet = listener(quiet=True, verbose=True)
    assert isinstance(quiet, Quiet)
    quiet.began("probe", 3, 0)
    quiet.advanced("probe", REPORT)
    quiet.ended(COUNT)
    quiet.note("done")
    quiet.close()
    assert capsys.readouterr() == ("", "")


def shown_by_bars(act: Callable[[Bars], None]) -> str:
    """What bars draw on a terminal that has no colours and cannot move its cursor."""
    file = io.StringIO()
    console = Console(file=file, width=160, force_terminal=False, no_color=True)
    bars = Bars(console, verbose=True)
    bars.began("probe", 3, 2)
    act(bars)
    bars.close()
    return file.getvalue()


def test_bars_count_what_was_done_before() -> None:
    """A bar counts all inputs, those done by an earlier run too, and names the failures."""
    drawn = shown_by_bars(lambda bars: bars.advanced("probe", REPORT))
    assert "5/5" in drawn
    assert "1 failed" in drawn


def test_bars_cannot_be_steered() -> None:
    """Reasons and notes above the bars hold nothing that a terminal obeys."""
    assert not steers(shown_by_bars(lambda bars: bars.advanced("probe", REPORT)))
    assert not steers(shown_by_bars(lambda bars: bars.note(STEERING)))


def test_sentence_leaves_out_what_did_not_happen() -> None:
    """A stage without losses is told in two numbers."""
    whole = replace(COUNT, ok=5, dropped={}, failed=0, reasons={}, pending=0, rows=7)
    assert sentence(whole) == "5 of 5 ok, 7 rows"


def test_funnel_shows_reasons_below(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stand in columns, zeros as dots, reasons below with how often; stale is said."""
    counts = [
        COUNT,
        replace(
            COUNT,
            stage="scan",
            dropped={},
            failed=0,
            reasons={},
            stale=True,
            why_stale="clips changed",
        ),
    ]
    show_funnel(counts, stderr=False)
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert err == ""
    assert lines[0] == ["stage", "inputs", "ok", "dropped", "failed", "pending", "rows"]
    assert lines[1] == ["probe", "5", "2", "1", "1", "1", "2"]
    assert lines[2] == ["scan", "5", "2", "·", "·", "1", "2"]
    assert lines[3][:3] == ["scan", "is", "stale:"]
    assert lines[4] == ["probe", "failed", "1", "×", "an", "empty", "file"]
    assert lines[5] == ["probe", "dropped", "1", "×", "too", "short"]


def test_funnel_shows_what_was_lost_inside_videos(capsys: pytest.CaptureFixture[str]) -> None:
    """Seconds of video that are in no row have a column, and a line a kind with its count."""
    lost = {"damaged frame": {"count": 3, "seconds": 0.12}, "hole": {"count": 1, "seconds": 2.0}}
    show_funnel([COUNT, replace(COUNT, stage="scan", losses=lost)], stderr=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][-2:] == ["lost", "s"]
    assert [lines[1][-1], lines[2][-1]] == ["·", "2.1"]
    assert ["scan:", "0.1", "s,", "3", "×", "damaged", "frame"] in lines


def test_the_headline_says_what_is_left_to_do() -> None:
    """A data set's size and state are one line."""
    whole = replace(COUNT, table="videos", failed=0, reasons={}, pending=0)
    assert headline([whole]) == "2 videos; all done, nothing lost"
    assert headline([COUNT]) == "2 videos; pending in probe; 1 failed"


def test_a_run_without_work_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Stages that had nothing to do, and lack nothing, are counted together."""
    idle = replace(COUNT, failed=0, reasons={}, pending=0)
    show_run([idle, idle], ())
    show_run([idle, COUNT], ("probe",))
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "nothing to do for all 2 stages"


def test_funnel_shows_what_was_pruned(capsys: pytest.CaptureFixture[str]) -> None:
    """A column of its own counts the inputs that were pruned, where there are any."""
    show_funnel([COUNT, replace(COUNT, stage="text", pruned=7)], stderr=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][-2:] == ["pruned", "rows"]
    assert [lines[1][-2:], lines[2][-2:]] == [["·", "2"], ["7", "2"]]


def test_funnel_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A reason with control characters or markup is shown as its letters."""
    show_funnel([replace(COUNT, reasons={STEERING + "[red]x[/red]": 1})], stderr=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "[red]x[/red]" in err
    assert not steers(err)


def test_many_reasons_are_summed_up() -> None:
    """Four reasons are shown, the others are counted together."""
    assert reason_lines({f"r{n}": 9 - n for n in range(6)}) == [
        *("9 × r0", "8 × r1", "7 × r2", "6 × r3"),
        "9 × other reasons",
    ]
