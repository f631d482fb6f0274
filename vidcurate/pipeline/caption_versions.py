"""The part `versions` of a config's section `caption`: further captions, each by its name.

A version states in what it differs from the captions. What is read are whole options, so that a
version stays as it is when the captions change.
"""

from collections.abc import Mapping
from typing import Any

from vidcurate.errors import UsageError
from vidcurate.options import StageConfig, put_over
from vidcurate.pipeline.named_models import NamedModels, UnusableModelError
from vidcurate.pipeline.yaml_file import ConfigFault, dotted, line_of, validated
from vidcurate.stage import Stage
from vidcurate.stages.captions.caption import CAPTION
from vidcurate.stages.captions.versions import version_stage

VERSIONS = "versions"
NO_MAPPING = "must be a mapping of names to options"


def parted(stage: str, options: Any) -> tuple[Any, Any]:
    """A section's options without its versions, and these; only `caption` has any."""
    if stage != CAPTION.name or not isinstance(options, dict):
        return options, None
    return {n: v for n, v in options.items() if n != VERSIONS}, options.get(VERSIONS)


def check_versions(
    stage: Stage, base: Any, versions: Any, models: NamedModels
) -> tuple[dict[str, StageConfig], list[ConfigFault]]:
    """The versions by their stages' names, with their options, and what is wrong with them.

    `base` are the options of the captions, over which each version's own are put.
    """
    at = (stage.name, VERSIONS)
    if versions is None:
        return {}, []
    if not isinstance(versions, dict):
        return {}, [ConfigFault(line_of(models.lines, at), dotted(at), NO_MAPPING)]
    found: dict[str, StageConfig] = {}
    faults: list[ConfigFault] = []
    for name, own in versions.items():
        checked = check_version(stage, base, str(name), own, models)
        if isinstance(checked, list):
            faults += checked
        else:
            found[version_stage(str(name)).name] = checked
    return found, faults


def check_version(
    stage: Stage, base: Mapping[str, Any], name: str, own: Any, models: NamedModels
) -> StageConfig | list[ConfigFault]:
    """One version's options as a config model, or what is wrong with them."""
    at = (stage.name, VERSIONS, name)
    try:
        version_stage(name)
    except UsageError as error:
        return [ConfigFault(line_of(models.lines, at), dotted(at), str(error))]
    if not isinstance(own, dict | type(None)):
        return [ConfigFault(line_of(models.lines, at), dotted(at), NO_MAPPING)]
    try:
        merged = put_over(
            stage.config, models.put_into(stage, base), models.put_into(stage, own or {})
        )
    except UnusableModelError as error:
        return error.faults
    return validated(stage.config, merged, at, models.lines)
