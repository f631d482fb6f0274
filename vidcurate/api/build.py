"""Functions that run something, built with the signatures that their options give them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from vidcurate.api import calls
from vidcurate.options import OptionSpec, options_of
from vidcurate.pipeline.option_text import option_line
from vidcurate.pipeline.run_options import RUN_ONLY, RunOptions
from vidcurate.stage import Stage
from vidcurate.stages.captions.caption import CAPTION
from vidcurate.stages.output.export import EXPORT

VERSION_LINE = "    version: A further caption of each clip is written under this name"


def parameters_of(options: Mapping[str, OptionSpec]) -> list[inspect.Parameter]:
    """A keyword parameter for each option."""
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=spec.default,
            annotation=spec.annotation,
        )
        for name, spec in options.items()
    ]


def with_options(
    function: Callable[..., Any], specs: Mapping[str, OptionSpec], name: str, doc: str
) -> Callable[..., Any]:
    """A function of this name whose signature has these options in place of `**options`."""

    def call(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    signature = inspect.signature(function)
    kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    call.__signature__ = signature.replace(parameters=[*kept, *parameters_of(specs)])  # type: ignore[attr-defined]
    return call


def stage_doc(stage: Stage) -> str:
    """A stage's docstring: what it does, and its options."""
    options = [f"    {name}: {option_line(o)}" for name, o in options_of(stage.config).items()]
    return "\n".join(
        [
            stage.summary,
            "",
            f"Reads the table {stage.reads.name} and writes {stage.writes.name}. Options that are",
            "not given stay as they are in the data set. Takes and raises what `run` does.",
            *(["", "Options:", *options] if options else []),
        ]
    )


def stage_function(stage: Stage) -> Callable[..., calls.RunResult]:
    """The function of one stage."""
    specs = {**options_of(stage.config), **options_of(RunOptions)}
    doc = stage_doc(stage)
    if stage is CAPTION:
        return with_options(calls.run_caption, specs, stage.name, f"{doc}\n{VERSION_LINE}")
    return with_options(partial(calls.run_stage, stage), specs, stage.name, doc)


def functions(stages: Sequence[Stage]) -> dict[str, Callable[..., Any]]:
    """Every function by its name: `run` and its like, then the stages in order."""
    of_run = options_of(RunOptions)
    of_estimate = {name: spec for name, spec in of_run.items() if name not in RUN_ONLY}
    return {
        "run": with_options(calls.run, of_run, "run", calls.run.__doc__ or ""),
        "estimate": with_options(
            calls.estimate, of_estimate, "estimate", calls.estimate.__doc__ or ""
        ),
        "check_export": with_options(
            calls.check_export,
            {**options_of(EXPORT.config), **of_run},
            "check_export",
            calls.check_export.__doc__ or "",
        ),
        **{stage.name: stage_function(stage) for stage in stages},
    }
