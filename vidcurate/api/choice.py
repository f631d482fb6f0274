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
from vidcurate.pipeline.session import stages_left_out
from vidcurate.stage import Stage
from vidcurate.stages.captions.caption import CAPTION
from vidcurate.stages.captions.versions import version_stage, versions_of
from vidcurate.stages.registry import STAGES, stages_with

PathLike = str | os.PathLike[str]
Config = PathLike | Mapping[str, Mapping[str, Any] | StageConfig | None]


@dataclass(frozen=True)
class StageChoice:
    """The stages to run, and options that are given for some; `is_default`: the user chose none.

    `versions` are all that captions are to have, None where nothing says so.
    """

    stages: tuple[str, ...]
    given: Mapping[str, StageConfig]
    is_default: bool = False
    versions: tuple[str, ...] | None = None


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
    without = stages_left_out(stages_with([*stages, *without]), without)
    chosen = tuple(name for name in stages if name not in without)
    if not chosen:
        raise UsageError("without leaves no stage to run: name fewer of them")
    return StageChoice(chosen, given, is_default, None if is_default else versions_said(given))


def choose_options(
    stage: Stage, own: Mapping[str, Any], config: Config | None, dataset: PathLike
) -> StageChoice:
    """One stage; its `own` options are put over those of the config, else of the data set.

    The versions of captions that a config names are chosen with `caption`.
    """
    given = {} if config is None else read_config(config)
    said = versions_said(given)
    stages = [stage.name]
    if stage is CAPTION:
        stages += [version_stage(version).name for version in said or ()]
    if own:
        known = given if stage.name in given else recorded_options(Path(dataset), stage)
        given = {**given, stage.name: override(known, stage, own)}
    return StageChoice(tuple(stages), given, versions=said)


def choose_version(
    version: str, own: Mapping[str, Any], config: Config | None, dataset: PathLike
) -> StageChoice:
    """A version of captions; its `own` options are put over those that it has, else the captions'.

    Raises UsageError for a name that no version can have.
    """
    stage = version_stage(version)
    given = {} if config is None else read_config(config)
    said = versions_said(given)
    folder = Path(dataset)
    known = {**recorded_options(folder, CAPTION), **recorded_options(folder, stage), **given}
    base = known.get(stage.name, known.get(CAPTION.name, CAPTION.config()))
    given = {**given, stage.name: override({stage.name: base}, stage, own)}
    return StageChoice((stage.name,), given, versions=None if said is None else (*said, version))


def versions_said(given: Mapping[str, StageConfig]) -> tuple[str, ...] | None:
    """The versions of captions that a config names; None for one that does not speak of captions.

    A config that has options for captions says which versions there are, as it says all else.
    """
    return versions_of(given) if CAPTION.name in given else None


def read_config(config: Config) -> dict[str, StageConfig]:
    """The stages that a config names, with their options.

    Raises ConfigError with one line a fault.
    """
    if isinstance(config, Mapping):
        return mapping_config(config, STAGES)
    return load_config(find_config(os.fspath(config)), STAGES)
