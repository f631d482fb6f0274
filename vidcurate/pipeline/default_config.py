"""The full default config, made from the stages' own config models."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

import yaml

from vidcurate.options import OptionSpec, StageConfig, options_of
from vidcurate.pipeline.option_text import notes_on
from vidcurate.stage import Stage

WIDTH = 96
# The main job: these stages need no model, no extra and no choice of the user's.
MAIN_JOB = frozenset(
    {
        *("ingest", "probe", "scan", "cuts", "split", "bounds", "quality", "motion"),
        *("filter", "partition", "keyframes", "caption", "export", "verify"),
    }
)
MODELS_EXAMPLE = (
    "# Models that stages name by model, with the options of a backend, such as",
    "# models: {captioner: {backend: openai, model: NAME, base_url: http://localhost:8000/v1}}",
    "# Further captions of the same clips, each in what it differs from the captions, such as",
    "# caption: {model: captioner, versions: {chinese: {language: Chinese}}}",
)
LEFT_OUT = "Not part of the main job: uncomment the lines below to run it."


def default_config(stages: Sequence[Stage]) -> str:
    """A complete config file: each option with its default, description, unit and bound.

    Stages of the main job stand in it, so that the file runs as it is; all others are comments.
    """
    lines = [*MODELS_EXAMPLE, ""]
    for stage in stages:
        own = list(stage_lines(stage))
        if stage.name in MAIN_JOB:
            lines += own
        else:
            lines += [own[0], f"# {LEFT_OUT}", *(f"#{line}" if line else "" for line in own[1:])]
    return "\n".join(lines).rstrip()


def stage_lines(stage: Stage) -> Iterator[str]:
    """One stage's part of the config file; options of ways that are not chosen are comments."""
    yield f"# {stage.summary}"
    config: type[StageConfig] = stage.config
    specs = options_of(config)
    yield f"{stage.name}:" if specs else f"{stage.name}: {{}}"
    taken = config().model_dump()
    for condition, group in groupby(specs.values(), lambda spec: spec.condition):
        if condition:
            yield f"  # -- With {condition} --"
        for spec in group:
            yield from (f"  # {line}" for line in textwrap.wrap(comment(spec), WIDTH))
            yield f"  {'' if spec.name in taken else '# '}{spec.name}: {as_yaml(spec)}"
    yield ""


def comment(spec: OptionSpec) -> str:
    """Description, unit, bound and choices of an option."""
    notes = notes_on(spec)
    return f"{spec.description} ({'; '.join(notes)})" if notes else spec.description


def as_yaml(spec: OptionSpec) -> str:
    """An option's default as YAML writes it."""
    value = list(spec.default) if isinstance(spec.default, tuple) else spec.default
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
