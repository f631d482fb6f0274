"""The full default config, made from the stages' own config models."""

import textwrap
from collections.abc import Iterator, Sequence

import yaml
from pydantic.fields import FieldInfo

from vidcurate.pipeline.option_text import bounds, choices, facts
from vidcurate.stage import Stage

WIDTH = 96
# The main job: these stages need no model, no extra and no choice of the user's.
MAIN_JOB = frozenset(
    {
        *("ingest", "probe", "scan", "cuts", "split", "bounds", "quality", "motion"),
        *("filter", "keyframes", "caption", "export", "verify"),
    }
)
LEFT_OUT = "Not of the main job: uncomment the lines below to run it."


def default_config(stages: Sequence[Stage]) -> str:
    """A complete config file: each option with its default, description, unit and bound.

    Stages of the main job stand in it, so that the file runs as it is; all others are comments.
    """
    lines: list[str] = []
    for stage in stages:
        own = list(stage_lines(stage))
        if stage.name in MAIN_JOB:
            lines += own
        else:
            lines += [own[0], f"# {LEFT_OUT}", *(f"#{line}" if line else "" for line in own[1:])]
    return "\n".join(lines).rstrip()


def stage_lines(stage: Stage) -> Iterator[str]:
    """One stage's part of the config file."""
    yield f"# {stage.summary}"
    fields = stage.config.model_fields
    yield f"{stage.name}:" if fields else f"{stage.name}: {{}}"
    for name, info in fields.items():
        yield from (f"  # {line}" for line in textwrap.wrap(comment(info), WIDTH))
        yield f"  {name}: {as_yaml(info)}"
    yield ""


def comment(info: FieldInfo) -> str:
    """Description, unit, bound and choices of an option."""
    notes = [n for n in (facts(info)["unit"], bounds(info), choices(info)) if n]
    return f"{info.description} ({'; '.join(notes)})" if notes else info.description or ""


def as_yaml(info: FieldInfo) -> str:
    """An option's default as YAML writes it."""
    value = list(info.default) if isinstance(info.default, tuple) else info.default
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
