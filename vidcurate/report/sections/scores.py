"""The scores: how the values of each lie, kept and rejected, with the limits of the rules."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from vidcurate.analysis.tune import Distribution
from vidcurate.records import CLIPS, KEPT
from vidcurate.report.data import ReportData
from vidcurate.report.histograms import GROUPS, Histogram, groups_of, histogram
from vidcurate.report.measures import score_info
from vidcurate.report.section import Section
from vidcurate.report.text import figure

COLOURS = {
    "kept": "var(--captioned)",
    "rejected": "var(--rejected)",
    "undecided": "var(--unmeasured)",
}
# A second difference, for those who do not see the first: full, light with an outline, empty.
FULLNESS = {"kept": 1.0, "rejected": 0.3, "undecided": 0.0}
HEIGHT = 150
PERCENTILES = ("p1", "p5", "p25", "p50", "p75", "p95", "p99")


def scores_section(data: ReportData) -> Section:
    """Make the section of the scores: those of rules first, then the others of each table."""
    found = data.measures
    groups = groups_of(data.clips["fate"])
    cards: list[dict[str, Any]] = []
    charts: dict[str, dict[str, Any]] = {}
    for number, distribution in enumerate(found.tuning.scores):
        name = distribution.score
        limits = [limit.value for limit in distribution.limits if limit.value is not None]
        values = histogram(found.numbers(name), groups, limits)
        card = score_card(distribution, values, number)
        card["is_of_rule"] = name in found.of_rules
        cards.append(card)
        if values.edges:
            charts[card["chart"]] = histogram_chart(values, card)
    context = {
        "of_rules": [card for card in cards if card["is_of_rule"]],
        "others": by_table([card for card in cards if not card["is_of_rule"]]),
        "n_clips": data.clips.num_rows,
        "groups": [group for group, chosen in groups.items() if chosen.any()],
        "command": data.missing.get(CLIPS.name),
        "filter_command": data.missing.get(KEPT.name),
    }
    return Section(
        "scores", "Scores", "sections/scores.html.j2", context, charts, styles=("scores.css",)
    )


def score_card(found: Distribution, values: Histogram, number: int) -> dict[str, Any]:
    """What a score's card says beside its chart."""
    info = score_info(found.score)
    return {
        "name": found.score,
        "chart": f"score-{number}",
        "unit": info.unit if info and info.unit != "1" else "",
        "about": info.description if info else "What a rule compares",
        "values": found.values,
        "missing": values.missing,
        "is_log": values.is_log,
        "low": values.low,
        "high": values.high,
        "percentiles": {p: v for p, v in found.percentiles.items() if p in PERCENTILES},
        "limits": [
            {
                "condition": limit.condition,
                "value": limit.value,
                "rule": limit.rule,
                "kept_share": limit.kept_share,
            }
            for limit in found.limits
        ],
    }


def histogram_chart(values: Histogram, card: Mapping[str, Any]) -> dict[str, Any]:
    """A histogram whose groups stand on one another, with a line at each limit."""
    named = [group for group in GROUPS if any(values.counts[group])]
    rows = [
        {"from": low, "to": high, "values": span, "clips": count, "group": group}
        for group in named
        for low, high, span, count in zip(
            values.edges, values.edges[1:], spans(values), values.counts[group], strict=False
        )
        if count
    ]
    scale = {"domain": named, "range": [COLOURS[group] for group in named]}
    bars = {
        "mark": {"type": "bar", "strokeWidth": 1, "binSpacing": 1},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "bin": "binned",
                "title": None,
                "scale": {
                    "domain": [values.edges[0], values.edges[-1]],
                    "nice": False,
                    "type": "log" if values.is_log else "linear",
                },
                "axis": {"grid": False, "tickCount": 6},
            },
            "x2": {"field": "to"},
            "y": {
                "field": "clips",
                "type": "quantitative",
                "stack": "zero",
                "title": "clips",
                "axis": {"tickCount": 4, "format": ",d", "tickMinStep": 1},
            },
            "color": {"field": "group", "type": "nominal", "scale": scale, "legend": None},
            "stroke": {"field": "group", "type": "nominal", "scale": scale, "legend": None},
            "fillOpacity": {
                "field": "group",
                "type": "ordinal",
                "sort": named,
                "scale": {"domain": named, "range": [FULLNESS[group] for group in named]},
                "legend": None,
            },
            "order": {"field": "order"},
            "tooltip": [
                {"field": "values", "type": "nominal"},
                {"field": "group", "type": "nominal"},
                {"field": "clips", "type": "quantitative", "format": ",d"},
            ],
        },
        "transform": [{"calculate": order_of(named), "as": "order"}],
    }
    return {
        "width": "container",
        "height": HEIGHT,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "layer": [bars, *limit_lines(values, card["limits"])],
    }


def order_of(groups: Sequence[str]) -> str:
    """An expression that numbers the groups, so that they stand on one another in this order."""
    return f"indexof({list(groups)!r}, datum.group)"


def spans(values: Histogram) -> list[str]:
    """Each bin's span in words; the outer ones reach to the least and the greatest value."""
    edges = list(values.edges)
    if values.low is not None and values.high is not None:
        edges[0], edges[-1] = min(edges[0], values.low), max(edges[-1], values.high)
    return [f"{figure(a)} to {figure(b)}" for a, b in pairwise(edges)]


def limit_lines(values: Histogram, limits: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A line and a label for each limit that lies between the edges."""
    rows = [
        {"at": limit["value"], "limit": limit["condition"], "rule": limit["rule"], "row": row}
        for row, limit in enumerate(limits)
        if limit["value"] is not None and values.edges[0] <= limit["value"] <= values.edges[-1]
    ]
    if not rows:
        return []
    middle = values.edges[len(values.edges) // 2]
    tooltip = [{"field": name, "type": "nominal"} for name in ("limit", "rule")]
    lines: dict[str, Any] = {
        "data": {"values": rows},
        "mark": {"type": "rule", "strokeWidth": 2, "strokeDash": [5, 3], "color": "var(--text)"},
        "encoding": {"x": {"field": "at", "type": "quantitative"}, "tooltip": tooltip},
    }
    labels = [
        {
            "data": {"values": [{**row, "label": label_of(row["limit"])}]},
            "mark": {
                "type": "text",
                "align": "left" if row["at"] < middle else "right",
                "dx": 5 if row["at"] < middle else -5,
                "y": 6 + 13 * row["row"],
                "fontWeight": "bold",
                "fontSize": 12,
                "color": "var(--text)",
                "stroke": "var(--ground)",
                "strokeWidth": 4,
                "strokeJoin": "round",
            }
            | mark,
            "encoding": {
                "x": {"field": "at", "type": "quantitative"},
                "text": {"field": "label", "type": "nominal"},
            },
        }
        for row in rows
        # A wide outline in the colour of the ground below the letters keeps them readable.
        for mark in ({}, {"stroke": None, "strokeWidth": 0})
    ]
    return [lines, *labels]


def label_of(condition: str) -> str:
    """A condition without the score's name: its operator and limit."""
    return " ".join(condition.split()[-2:])


def by_table(cards: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Cards by the table of their score."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for card in cards:
        tables.setdefault(card["name"].partition(".")[0], []).append(card)
    return tables
