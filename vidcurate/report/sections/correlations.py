"""Which scores go together, so that two rules may ask the same."""

from typing import Any

from vidcurate.report.correlation import correlations
from vidcurate.report.data import ReportData
from vidcurate.report.measures import compared_scores
from vidcurate.report.sampling import sample_by_fate
from vidcurate.report.section import Section

MAX_SCORES = 28
# Ranks of more clips take long and change nothing that is seen.
MAX_CLIPS = 20_000
STRONGEST = 10
CELL = 24


def correlations_section(data: ReportData) -> Section:
    """Make the section of correlations."""
    found = data.measures
    chosen = sample_by_fate(data.clips["fate"], MAX_CLIPS)
    names = compared_scores(found, MAX_SCORES)
    numbers = {name: found.numbers(name)[chosen] for name in names}
    pairs: list[dict[str, Any]] = [
        {
            "first": first,
            "second": second,
            "correlation": None if value is None else round(value, 3),
            "clips": count,
        }
        for first, second, value, count in correlations(numbers)
    ]
    known = [pair for pair in pairs if pair["correlation"] is not None]
    context = {
        "strongest": sorted(known, key=lambda pair: -abs(pair["correlation"]))[:STRONGEST],
        "n_scores": len(names),
        "n_clips": len(chosen),
    }
    charts = {"heat": heat_map(names)} if known else {}
    return Section(
        "correlations",
        "Correlation of scores",
        "sections/correlations.html.j2",
        context,
        charts,
        {"pairs": pairs} if known else {},
    )


def heat_map(names: list[str]) -> dict[str, Any]:
    """A cell for each pair, below the diagonal; its value is told when it is pointed at."""
    axis = {"grid": False, "domain": False, "ticks": False, "labelLimit": 190}
    return {
        "width": {"step": CELL},
        "height": {"step": CELL},
        "data": {"name": "pairs"},
        "mark": {"type": "rect", "stroke": "var(--ground)", "strokeWidth": 1},
        "encoding": {
            "x": {
                "field": "first",
                "type": "nominal",
                "sort": names,
                "title": None,
                "axis": {**axis, "labelAngle": -50},
            },
            "y": {"field": "second", "type": "nominal", "sort": names, "title": None, "axis": axis},
            "color": {
                "field": "correlation",
                "type": "quantitative",
                "scale": {
                    "domain": [-1, 0, 1],
                    "interpolate": "rgb",
                    "range": ["var(--heat-low)", "var(--heat-middle)", "var(--heat-high)"],
                },
                "legend": {"title": "correlation", "orient": "top", "gradientLength": 160},
            },
            "tooltip": [
                {"field": "first", "type": "nominal"},
                {"field": "second", "type": "nominal"},
                {"field": "correlation", "type": "quantitative", "format": ".2f"},
                {"field": "clips", "type": "quantitative", "format": ",d"},
            ],
        },
    }
