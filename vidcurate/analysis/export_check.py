"""The check of an export on a data set: nothing is written, and tables are taken as they are."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vidcurate.errors import EmptyResultError
from vidcurate.exporting.forecast.advice import SplitLengths
from vidcurate.exporting.forecast.checking import CheckRequest, Contract, check
from vidcurate.exporting.forecast.clip_facts import read_clip_facts
from vidcurate.exporting.forecast.contract import Setting
from vidcurate.exporting.forecast.size_estimate import EncodingChoice, exported_bits_per_pixel
from vidcurate.exporting.rendition import RenditionOptions
from vidcurate.exporting.settings import (
    MODEL,
    SOURCE,
    rendition_options,
    training_for,
)
from vidcurate.exporting.target import Target
from vidcurate.exporting.targets import target_of
from vidcurate.exporting.training import Size
from vidcurate.options import StageConfig
from vidcurate.pipeline.dataset_view import LiveDatasetView
from vidcurate.pipeline.resolve import ResolvedStage, choose_configs, stages_before
from vidcurate.pipeline.scope import live_scope, unwritten_tables
from vidcurate.records import CAPTIONS, EXPORTS, SOURCES
from vidcurate.stage import reading
from vidcurate.stages.output.export import EXPORT
from vidcurate.stages.output.export_options import QUALITIES, Encode, ExportConfig
from vidcurate.stages.output.export_shape import crops_bars, with_sizes
from vidcurate.stages.registry import STAGES
from vidcurate.stages.shots.split import SPLIT
from vidcurate.stages.shots.split_options import SplitConfig
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import location


def tables_needed(
    folder: Path, given: Mapping[str, StageConfig]
) -> tuple[ExportConfig, tuple[str, ...]]:
    """The options of an export, and the stages that decide which clips it has, and what files.

    Those that only add to its rows, such as captions by a model, are not among them.
    Raises UsageError for what cannot be exported, as for want of an encoder.
    """
    manifest = Dataset(location(folder)).manifest()
    config = choose_configs([EXPORT], given, manifest)[EXPORT.name]
    assert isinstance(config, ExportConfig)
    EXPORT.check(config, given)
    return config, stages_before(STAGES, EXPORT, config, list(manifest))


def require_clips(found: Contract) -> None:
    """Raise EmptyResultError where no clip would be left for a target, with its main reason."""
    lines = []
    for target in found.empty:
        reason = target.groups[0].reason if target.groups and not target.kept else "no caption"
        lines.append(f"no clip would be left for {target.target}: {reason}")
    if lines:
        raise EmptyResultError("\n".join(lines))


def contract_of(
    dataset: Dataset, config: ExportConfig, *, limit: int | None = None, batch_size: int = 1
) -> Contract:
    """Foretell what trainers will do with the clips that a data set keeps now.

    Raises UsageError for options that cannot be exported.
    """
    targets = tuple(target_of(name) for name in config.target)
    view = view_of(dataset, config, limit)
    facts = read_clip_facts(view, crops_bars=crops_bars(config))
    settled = with_sizes(config, facts)
    setting = setting_of(settled, targets)
    split = choose_configs([SPLIT], {}, dataset.manifest())[SPLIT.name]
    assert isinstance(split, SplitConfig)
    request = CheckRequest(
        targets=targets,
        setting=setting,
        media=config.media.name,
        split=SplitLengths(split.min_clip_s, split.max_clip_s),
        default_sizes=sizes_of_model(config, targets),
        others=other_media(config, targets),
        choice=encoding_of(config),
        exported=bits_per_pixel(view, dataset, setting, config),
        batch_size=batch_size,
        has_captions=facts.captions.null_count < len(facts) or view.has(CAPTIONS),
    )
    return check(facts, request)


def view_of(dataset: Dataset, config: ExportConfig, limit: int | None) -> LiveDatasetView:
    """What an export would see of the data set if it read the tables that are there."""
    made = {name: entry["fingerprint"] for name, entry in dataset.manifest().items()}
    made |= unwritten_tables(dataset)
    resolved = ResolvedStage(reading(EXPORT, made), config, "", made)
    scope = live_scope(dataset, resolved.stored(dataset, SOURCES), limit)
    return LiveDatasetView(dataset, resolved, scope, ())


def setting_of(config: ExportConfig, targets: tuple[Target, ...]) -> Setting:
    """The setting that options make; files that are not encoded are as their videos."""
    training = training_for(targets, config.asked)
    if not isinstance(config.media, Encode):
        return Setting(RenditionOptions(), training)
    return Setting(rendition_options(targets, config.asked), training)


def sizes_of_model(config: ExportConfig, targets: tuple[Target, ...]) -> tuple[Size, ...]:
    """The sizes that files have where none are asked for."""
    return training_for(targets, replace(config.asked, shape=(MODEL,))).sizes


def other_media(config: ExportConfig, targets: tuple[Target, ...]) -> dict[str, Setting]:
    """The settings of encoded files, where others are asked for."""
    if isinstance(config.media, Encode):
        return {}
    found = {}
    for shape in ((MODEL,), (SOURCE,)):
        encoded = config.model_copy(update={"media": Encode(shape=shape)})
        found[f"--media encode --shape {shape[0]}"] = setting_of(encoded, targets)
    return found


def encoding_of(config: ExportConfig) -> EncodingChoice | None:
    """How files are encoded; None where they are not."""
    media = config.media
    if not isinstance(media, Encode):
        return None
    crf = QUALITIES[media.encoder][0] if media.crf is None else media.crf
    return EncodingChoice(media.encoder, crf, media.preset, media.audio_kbit if media.audio else 0)


def bits_per_pixel(
    view: LiveDatasetView, dataset: Dataset, setting: Setting, config: ExportConfig
) -> float | None:
    """Bits per pixel of the clips that are exported in this very way; None for too few.

    Those of other sizes or rates say less than a table that was measured at a trainer's.
    """
    if not view.has(EXPORTS):
        return None
    before = choose_configs([EXPORT], {}, dataset.manifest())[EXPORT.name]
    assert isinstance(before, ExportConfig)
    targets = tuple(target_of(name) for name in before.target)
    if encoding_of(before) != encoding_of(config):
        return None
    if setting_of(before, targets).options != setting.options:
        return None
    return exported_bits_per_pixel(view.scan(EXPORTS))
