"""From sections to one HTML file that needs no other: no network, no script but its own."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jinja2

from vidcurate.report import text
from vidcurate.report.data import ReportData
from vidcurate.report.section import Section

STATIC = files("vidcurate.report") / "static"
STYLES = ("theme.css", "report.css")
# What would end the element that a script stands in, or hide its end.
ENDS = {"</script": "<\\/script", "<!--": "<\\!--"}


@dataclass(frozen=True)
class Inlined:
    """A script or a style sheet inside the page, and its hash by which browsers allow it."""

    content: str

    @property
    def source(self) -> str:
        """The hash as a source of a content security policy."""
        digest = hashlib.sha256(self.content.encode("utf-8")).digest()
        return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def render_page(
    data: ReportData,
    sections: Sequence[Section],
    chart_script: Future[str],
    mark: str,
    folder: str,
) -> str:
    """Fill the page's template.

    `mark` is an element by which the page is known as ours, `folder` where linked pictures lie,
    seen from the page.
    """
    scripts = [
        script(chart_script.result()),
        *(script(static_text(name)) for name in script_names(sections)),
    ]
    styles = [Inlined(static_text(name)) for name in style_names(sections)]
    templates = environment()
    bodies = {
        section.id: templates.get_template(section.template).render(
            {**section.context, "section": section, "data": data}
        )
        for section in sections
    }
    page = templates.get_template("report.html.j2")
    return page.render(
        data=data,
        title=data.options.title or f"{data.dataset.root.name}: report",
        sections=sections,
        bodies=bodies,
        embedded=dict(embedded(data, sections, folder)),
        scripts=scripts,
        styles=styles,
        policy=policy(scripts, styles),
        mark=mark,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def environment() -> jinja2.Environment:
    """Templates that escape what they are given, and refuse a name that nobody gave."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("vidcurate.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        clock=text.clock,
        size=lambda things: text.count(len(things)),
        duration=text.duration,
        count=text.count,
        figure=text.figure,
        quantity=text.things,
        name=text.plain_name,
    )
    made.globals["share"] = text.share
    return made


def embedded(
    data: ReportData, sections: Sequence[Section], folder: str
) -> Iterable[tuple[str, str]]:
    """The ids and contents of all elements that hold JSON."""
    for section in sections:
        for name, chart in section.charts.items():
            yield f"chart-{section.id}-{name}", text.embedded_json(chart)
        for name, value in section.data.items():
            yield f"data-{section.id}-{name}", text.embedded_json(value)
    yield "pictures", text.embedded_json(data.pictures.addresses(folder))


def script_names(sections: Sequence[Section]) -> list[str]:
    """The files of scripts, each once: the page's own, then those of sections."""
    return list(dict.fromkeys(["report.js", *(n for s in sections for n in s.scripts)]))


def style_names(sections: Sequence[Section]) -> list[str]:
    """The files of style sheets, each once: the page's own, then those of sections."""
    return list(dict.fromkeys([*STYLES, *(n for s in sections for n in s.styles)]))


def static_text(name: str) -> str:
    """A file of static/."""
    return (STATIC / name).read_text("utf-8")


def script(source: str) -> Inlined:
    """A script that cannot end its element early."""
    for end, harmless in ENDS.items():
        source = source.replace(end, harmless)
    return Inlined(source)


def policy(scripts: Iterable[Inlined], styles: Iterable[Inlined]) -> str:
    """What the browser may load and run: the scripts and styles of the page, and its pictures."""
    allowed: Mapping[str, Any] = {
        "default-src": ["'none'"],
        "script-src": [s.source for s in scripts],
        "style-src": [s.source for s in styles],
        "img-src": ["'self'", "data:", "file:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in allowed.items())
