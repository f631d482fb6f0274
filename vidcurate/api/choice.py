"""Which stages run, with which options: as the command line and Python both choose them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcurate.analysis.view import recorded_options, recorded_stages
from vidcurate.errors import UsageError
from vidcurate.options import StageConfig
from vidcurate.pipeline.config import load_config, mapping_config, override
from vidcurate.pipeline.recipes import DEFAULT_RECIPE, find_config
from vidcurate.stage import Stage
from vidcurate.stages.registry import STAGES

PathLike = str | os.PathLike[str]
Config = PathLike | Mapping[str, Mapping[str, Any] | StageConfig | None]


@dataclass(frozen=True)
class StageChoice:
    """The stages to run, and options that are given for some; `is_default`: the user chose none."""

    stages: tuple[str, ...]
    given: Mapping[str, StageConfig]
    is_default: bool = False


def choose_stages(
    config: Config | None, dataset: PathLike, without: Sequence[str] = ()
) -> StageChoice:
    """The stages of a config, else those of the data set, else those of the default recipe.

    Raises UsageError where `without` leaves none.
    """
    given = {} if config is None else read_config(config)
    stages = list(given) or recorded_stages(Path(dataset))
    is_default = not stages
    if is_default:
        given = read_config(DEFAULT_RECIPE)
        stages = list(given)
    chosen = tuple(name for name in stages if name not in without)
    if not chosen:
        raise UsageError("without leaves no stage to run: name fewer of them")
    return StageChoice(chosen, given, is_default)


def choose_options(
    stage: Stage, own: Mapping[str, Any], config: Config | None, dataset: PathLike
) -> StageChoice:
    """One stage; its `own` options are put over those of the config, else of the data set."""
    given = {} if config is None else read_config(config)
    if own:
        known = given if stage.name in given else recorded_options(Path(dataset), stage)
        given = {**given, stage.name: override(known, stage, own)}
    return StageChoice((stage.name,), given)


def read_config(config: Config) -> dict[str, StageConfig]:
    """The stages that a config names, with their options.

    Raises ConfigError with one line a fault.
    """
    if isinstance(config, Mapping):
        return mapping_config(config, STAGES)
    return load_config(find_config(os.fspath(config)), STAGES)
