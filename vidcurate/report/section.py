"""What a section of the report is: a template, what it is filled with, its charts and data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """One section of the page.

    `template` lies in templates/ and is filled with `context`. `charts` are Vega-Lite
    specifications; a colour in one may be a variable of the theme, `var(--kept)`, and a source of
    data `{"name": NAME}` is that entry of `data`. `data` are JSON values, without NaN, which
    scripts read as `report.data(ID, NAME)`. `scripts` and `styles` name files of static/.
    """

    id: str
    title: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    charts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
