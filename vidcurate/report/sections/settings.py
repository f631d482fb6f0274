"""How the data set was made: options, versions, time and speed, space on disk, use of models."""

from collections import Counter
from itertools import groupby
from typing import Any

from vidcurate.analysis.making import (
    StageSpeed,
    disk_use,
    library_versions,
    model_use,
    settings,
    speeds,
)
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section
from vidcurate.report.text import figure

# Rates from here on have no digits behind the point.
WHOLE_FROM = 100


def settings_section(data: ReportData) -> Section:
    """Make the section of settings."""
    every = list(settings(data.plan))
    disk = disk_use(data.dataset)
    timed = list(speeds(data.dataset, data.plan, data.counts, data.read))
    return Section(
        "settings",
        "Settings and speed",
        "sections/settings.html.j2",
        {
            "changed": [setting for setting in every if setting.is_changed],
            "stages": [(stage, list(own)) for stage, own in groupby(every, lambda s: s.stage)],
            "n_options": len(every),
            "versions": versions(data),
            "speeds": [(speed, rate(speed.rate), rate(speed.realtime)) for speed in timed],
            "worker_s": sum(speed.worker_s for speed in timed),
            "disk": [(folder, size(n_bytes)) for folder, n_bytes in disk],
            "disk_all": size(sum(n_bytes for _, n_bytes in disk)),
            "models": list(model_use(data.plan, data.read)),
            "stale": [count for count in data.counts if count.stale],
        },
        styles=("settings.css",),
        charts={"time": time_chart(timed)},
        data={"time": [row for speed in timed for row in time_row(speed)]},
    )


def versions(data: ReportData) -> list[dict[str, Any]]:
    """Each library with its versions; the stages of one that did not make them all."""
    found = []
    for library, by_version in library_versions(data.dataset.manifest()).items():
        most = Counter({version: len(stages) for version, stages in by_version.items()})
        main = most.most_common(1)[0][0]
        others = {v: stages for v, stages in by_version.items() if v != main}
        found.append({"library": library, "version": main, "others": others})
    return found


def rate(value: float | None) -> str:
    """Write how fast something is with three digits, or as a whole number; a dash for nothing."""
    if value is None:
        return figure(None)
    return f"{value:,.0f}" if value >= WHOLE_FROM else f"{value:.3g}"


def size(n_bytes: float) -> str:
    """Write a number of bytes in the unit that suits it, of powers of ten."""
    for unit_size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit_size:
            return f"{n_bytes / unit_size:.1f} {unit}"
    return f"{n_bytes:.0f} bytes"


def time_row(speed: StageSpeed) -> list[dict[str, Any]]:
    """A stage's bar; none for a stage that took no time."""
    return [{"stage": speed.stage, "seconds": round(speed.worker_s, 2)}] if speed.worker_s else []


def time_chart(timed: list[StageSpeed]) -> dict[str, Any]:
    """Bars of the time that each stage took of workers."""
    return {
        "data": {"name": "time"},
        "width": "container",
        "height": {"step": 20},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "mark": {"type": "bar", "color": "var(--kept)"},
        "encoding": {
            "y": {
                "field": "stage",
                "type": "nominal",
                "sort": [speed.stage for speed in timed],
                "title": None,
            },
            "x": {
                "field": "seconds",
                "type": "quantitative",
                "title": "worker seconds",
            },
            "tooltip": [{"field": "stage"}, {"field": "seconds", "title": "worker seconds"}],
        },
    }
