"""The `config` command: default options and recipes as config files, and a check of yours."""

from pathlib import Path
from typing import Annotated

import typer

from vidcurate.cli.printing import say, tell
from vidcurate.cli.reference import default_config
from vidcurate.errors import quantity
from vidcurate.pipeline.checks import check_stages
from vidcurate.pipeline.config import load_config
from vidcurate.pipeline.resolve import resolve_stages
from vidcurate.stages import STAGES


def config(
    file: Annotated[
        Path | None, typer.Option("--check", help="Check this config file instead.")
    ] = None,
) -> None:
    """The full default config: each option with description, unit and bound."""
    if file is None:
        tell(default_config(STAGES))
        return
    configs = load_config(file, STAGES)
    defaults = {stage.name: stage.config() for stage in STAGES}
    check_stages(resolve_stages(STAGES, list(configs), {**defaults, **configs}, []))
    say(f"{file}: {quantity(len(configs), 'stage')}, no fault")
