"""How all that is known of one clip is shown."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from vidcurate.analysis.clip_details import ClipDetails, Copy, TableRow
from vidcurate.analysis.clip_rules import LimitOutcome, RuleOutcome
from vidcurate.analysis.one_clip import Lineage
from vidcurate.cli.printing import printable
from vidcurate.errors import quantity
from vidcurate.records import (
    BOUNDS,
    CAPTIONS,
    CLIPS,
    PARTITIONS,
    REFINED,
    SCORE_TABLES,
    SOURCES,
    TRANSCRIPTS,
    VERDICTS,
    VIDEOS,
    Decision,
    version_tables,
)

# Units that a number needs no word for: a share or ratio, and a number of things.
PLAIN_UNITS = ("", "1", "count", "number")
UNKNOWN, HOLDS, BREAKS = "?", "✓", "✗"
MARKS = {None: UNKNOWN, True: HOLDS, False: BREAKS}
STYLES = {None: "yellow", True: "green", False: "red"}
# What the heading of a table's scores says.
IN_HEADING = ("backend", "model")
# Columns that are lists of files.
NAMES_FILES = ("mosaics",)
NUMBER_WIDTH = 26
# Of a longer list of files the first and the last are named.
MAX_FILES = 4
MEGABYTE = 1e6


def show_clip(found: ClipDetails) -> None:
    """Print it on stdout, group by group."""
    console = Console(highlight=False)
    facts = list(headlines(found))
    console.print(Text(printable(found.clip_id), style="bold"), soft_wrap=True)
    print_pairs(console, facts)
    print_rules(console, found.rules)
    print_scores(console, found)
    print_group(console, "heard", heard_lines(found))
    print_group(console, "duplicates", [copy_line(copy) for copy in found.copies])
    print_group(console, "keyframes", found.keyframes)
    print_group(console, "captions", caption_lines(found))
    print_group(console, "decisions", [decision_line(one) for one in found.decisions])
    print_group(console, "made by", lineage_lines(found.rows))
    print_group(console, "not made yet", [f"{t}: {c}" for t, c in found.not_made.items()])


def headlines(found: ClipDetails) -> Iterator[tuple[str, str]]:
    """What a reader wants first: fate, film, span, files."""
    yield "fate", found.fate + (f": {found.reason}" if found.reason else "")
    if found.review is not None and found.review.verdict is not None:
        why = f": {found.review.reason}" if found.review.reason else ""
        yield "review", f"{found.review.verdict}ed by {found.review.reviewer}{why}"
    yield from film_lines(found.rows)
    clip = found.rows[CLIPS.name]
    start, end, length = (clip.get(name) for name in ("start_s", "end_s", "duration_s"))
    frames = quantity(clip.get("n_frames"), "frame")
    yield "span", f"{start:.3f} to {end:.3f} s: {length:.3f} s, {frames}"
    ticks = f"{clip.get('start_pts')} to {clip.get('end_pts')}"
    yield "ticks", f"{ticks}, of {clip.get('time_base')} s each"
    yield from bounds_lines(found.rows.get(BOUNDS.name))
    split = found.rows[PARTITIONS.name].get("split") if PARTITIONS.name in found.rows else None
    if split is not None:
        yield "split", split
    yield "strip", found.strip or f"none: {found.strip_fault}"
    for file in found.files:
        yield "file", file


def film_lines(rows: Mapping[str, TableRow]) -> Iterator[tuple[str, str]]:
    """The clip's film: where it lies, and what is in the file."""
    source, video = rows.get(SOURCES.name), rows.get(VIDEOS.name)
    if source is not None and source.values:
        for path in source.get("paths"):
            yield "film", path
    if video is not None and video.values:
        sound = video.get("audio_codec") or "no sound"
        size = f"{video.get('display_width')} × {video.get('display_height')}"
        rate = f"{fraction(video.get('frame_rate')):.5g} frames/s"
        length = f"{video.get('duration_s'):.1f} s"
        megabytes = f"{video.get('size_bytes') / MEGABYTE:.1f} MB"
        yield "", ", ".join([video.get("video_codec"), size, rate, length, megabytes, sound])


def bounds_lines(bounds: TableRow | None) -> Iterator[tuple[str, str]]:
    """The transitions around the clip."""
    if bounds is None or not bounds.values:
        return
    for side in ("start", "end"):
        kind, detector, confidence, distance = (
            bounds.get(f"{side}_{name}")
            for name in ("kind", "detector", "confidence", "distance_frames")
        )
        by = "" if kind == "video" else f" by {detector}, confidence {confidence:.3g},"
        what = "the video's edge," if kind == "video" else f"{kind}{by}"
        yield f"{side}s at", f"{what} {quantity(distance, 'frame')} away"


def fraction(text: str) -> float:
    """The number that a fraction in words is."""
    over, _, under = text.partition("/")
    return int(over) / int(under or 1)


def print_pairs(console: Console, pairs: Iterable[tuple[str, str]]) -> None:
    """Print facts beside their names, each whole on a line that the terminal may wrap."""
    for name, fact in pairs:
        line = Text(f"  {name:<9} ", style="bold")
        console.print(line + Text(printable(fact), style="default not bold"), soft_wrap=True)


def print_group(console: Console, title: str, lines: Iterable[str]) -> None:
    """Print lines below a heading; nothing where there are none."""
    shown = list(lines)
    if not shown:
        return
    print_title(console, title)
    for line in shown:
        console.print(Text(f"  {printable(line)}"), soft_wrap=True)


def print_title(console: Console, title: str) -> None:
    """Print the heading of a group."""
    console.print()
    console.print(Text(title, style="bold"))


def print_rules(console: Console, rules: Sequence[RuleOutcome]) -> None:
    """Print each rule with its mark."""
    if not rules:
        return
    print_title(console, f"rules ({HOLDS} holds, {BREAKS} broken, {UNKNOWN} a number is missing)")
    for rule in rules:
        mark = Text(f"  {MARKS[rule.holds]} ", style=STYLES[rule.holds])
        console.print(mark + Text(printable(rule.rule), style="default"), soft_wrap=True)


def print_scores(console: Console, found: ClipDetails) -> None:
    """Print the scores of each table, each with its unit and the limits that rules set to it."""
    limits: dict[str, list[LimitOutcome]] = {}
    for rule in found.rules:
        for limit in rule.limits:
            limits.setdefault(limit.score, []).append(limit)
    for table in SCORE_TABLES:
        row = found.rows.get(table.name)
        if row is None or table is BOUNDS:
            continue
        print_title(console, made_by(row.made_by))
        if not row.values:
            console.print(
                Text(f"  {printable(why_no_row(row.made_by, found.fate))}"), soft_wrap=True
            )
            continue
        for line in score_lines(row, limits):
            console.print(line, soft_wrap=True)


def score_lines(row: TableRow, limits: Mapping[str, Sequence[LimitOutcome]]) -> Iterator[Text]:
    """The scores of a table, a line each, and in a last one those that have no value."""
    shown = [value for value in row.values if value.name not in IN_HEADING]
    width = max((len(value.name) for value in shown), default=0)
    for value in shown:
        if value.value is not None:
            unit = "" if value.unit in PLAIN_UNITS else f" {value.unit}"
            number = files(value.value) if value.name in NAMES_FILES else words(value.value)
            number += unit
            met = limits.get(f"{row.table}.{value.name}", [])
            padded = f"{number:<{NUMBER_WIDTH}}  " if met else number
            yield Text(f"  {value.name:<{width}}  {printable(padded)}") + limit_text(met)
    if without := [value.name for value in shown if value.value is None]:
        yield Text(f"  without a value: {', '.join(without)}")


def why_no_row(made: Lineage, fate: str) -> str:
    """Why a table has no row of the clip."""
    if made.status is not None:
        return f"{made.status}: {made.reason}"
    return "not measured, since cheaper rules reject it" if fate == "rejected" else "not done yet"


def words(value: Any) -> str:
    """A value as a reader sees it: numbers short, lists with commas."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        between = "; " if value and isinstance(value[0], dict) else ", "
        return between.join(map(words, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {words(part)}" for name, part in value.items())
    return str(value)


def files(names: Sequence[str]) -> str:
    """Files as a reader sees them: of many the number, the first and the last."""
    if len(names) <= MAX_FILES:
        return words([*names])
    return f"{len(names)} files, {names[0]} to {names[-1]}"


def limit_text(limits: Sequence[LimitOutcome]) -> Text:
    """The limits of a score, each with its mark; a percentile with the number that it is now."""
    shown = Text()
    for limit in limits:
        condition = limit.condition.removeprefix(f"{limit.score} ")
        is_stated = limit.limit is None or condition.endswith(f" {limit.limit:g}")
        now = "" if is_stated else f" (now {limit.limit:.4g})"
        space = "  " if shown else ""
        shown.append(f"{space}{MARKS[limit.holds]} {condition}{now}", style=STYLES[limit.holds])
    return shown


def heard_lines(found: ClipDetails) -> Iterator[str]:
    """The words that are said in the clip, and what heard them."""
    made = found.rows.get(TRANSCRIPTS.name)
    if made is None or not made.values:
        return
    yield found.heard_fault or found.heard or "no words"
    yield f"  by {made_by(made.made_by)}"


def copy_line(copy: Copy) -> str:
    """Another clip of the same cluster."""
    kept = "kept" if copy.keep else "not kept"
    likeness = "" if copy.similarity is None else f", similarity {copy.similarity:.3f}"
    of = f" of {copy.copy_of}" if copy.copy_of else ""
    relation = "" if copy.relation == "none" else f", {copy.relation}{of}"
    return f"{copy.clip_id}  {kept}{relation}{likeness}"


def caption_lines(found: ClipDetails) -> Iterator[str]:
    """The clip's texts, the one that is exported first, and what is said against them."""
    if found.review is not None and found.review.caption is not None:
        yield f"{found.review.caption}"
        yield f"  by {found.review.reviewer}"
    refined, first = (found.rows.get(table.name) for table in (REFINED, CAPTIONS))
    if refined is not None and refined.values:
        yield refined.get("text")
        scores = f"score {refined.get('score'):.3g}, before {refined.get('score_before'):.3g}"
        yield f"  refined by {made_by(refined.made_by)}: {scores}"
        for text in refined.get("texts"):
            yield f"  rewritten: {text['text']} ({text['source']})"
    if first is not None and first.values:
        yield first.get("text")
        yield f"  by {made_by(first.made_by)}"
        if first.get("short_text"):
            yield f"  short: {first.get('short_text')}"
        for text in first.get("candidates"):
            yield f"  a candidate: {text['text']} ({text['source']})"
        for conflict in first.get("conflicts"):
            yield f"  contradicts a measurement: {conflict}"
    for version, table in version_tables(found.rows).items():
        row = found.rows[table.name]
        if row.values:
            yield row.get("text")
            yield f"  version {version}, {row.get('language')}, by {made_by(row.made_by)}"
    yield from verdict_lines(found.rows.get(VERDICTS.name))


def verdict_lines(verdict: TableRow | None) -> Iterator[str]:
    """What the judge found in the caption."""
    if verdict is None or not verdict.values:
        return
    grade = verdict.get("grade")
    graded = "" if grade is None else f", grade {grade} of 5"
    yield f"judged {verdict.get('score'):.3g}{graded}, by {made_by(verdict.made_by)}"
    for reason in verdict.get("reasons"):
        yield f"  {reason}"
    for name in ("wrong_objects", "wrong_actions"):
        if verdict.get(name):
            yield f"  {name.replace('_', ' ')}: {words(verdict.get(name))}"
    if verdict.get("explanation"):
        yield f"  {verdict.get('explanation')}"


def decision_line(decision: Decision) -> str:
    """One decision of a person."""
    said = {
        "reject": decision.reason,
        "caption": decision.text,
        "tags": words(list(decision.tags)),
        "spans": f"{words(list(decision.replaces))} became {quantity(len(decision.spans), 'span')}",
    }.get(decision.action)
    detail = f": {said}" if said else ""
    return f"{decision.decided_at}  {decision.reviewer}  {decision.action}{detail}"


def made_by(made: Lineage) -> str:
    """The stage that made a row, and its backend and model where it has any."""
    by = [word for word in (made.backend, made.model) if word]
    return f"{made.stage} ({', '.join(by)})" if by else made.stage


def lineage_lines(rows: Mapping[str, TableRow]) -> Iterator[str]:
    """For each stage that is done with the clip what it did it by.

    Library versions are told once for all that share them.
    """
    shared: dict[str, list[str]] = {}
    for made in (row.made_by for row in rows.values() if row.made_by.status is not None):
        why = f" ({made.reason})" if made.reason else ""
        took = "" if made.seconds is None else f", {made.seconds:.3g} s"
        yield f"{made_by(made)}, version {made.version}: {made.status}{why}{took}"
        if made.options:
            options = (f"{name} {option_text(value)}" for name, value in made.options.items())
            yield f"  {', '.join(options)}"
        if made.libraries:
            key = ", ".join(f"{name} {version}" for name, version in made.libraries.items())
            shared.setdefault(key, []).append(made.stage)
    for libraries, stages in shared.items():
        whose = "all of them" if len(shared) == 1 else ", ".join(stages)
        yield f"{whose}: {libraries}"


def option_text(value: Any) -> str:
    """An option's value as YAML writes it."""
    return json.dumps(value, ensure_ascii=False)
