"""shape auto: the sizes that lose least of the kept clips stand in its place when files are cut."""

from vidcurate.errors import UsageError
from vidcurate.exporting.forecast.clip_facts import ClipFacts, read_clip_facts
from vidcurate.exporting.forecast.contract import long_enough_pictures
from vidcurate.exporting.forecast.shape import MAX_SHAPES, choose_sizes
from vidcurate.exporting.settings import AUTO, UNTRAINED, model_of, rendition_options, training_for
from vidcurate.exporting.targets import target_of
from vidcurate.options import listed
from vidcurate.stage import DatasetView, Settling
from vidcurate.stages.output.export_options import Encode, ExportConfig

# Where no model is trained, sides are multiples that every codec and most models take.
UNTRAINED_MULTIPLE = 16


def open_shape(config: ExportConfig) -> str:
    """Name the option that the clips decide, "" where sizes are given."""
    media = config.media
    return "export.shape auto" if isinstance(media, Encode) and media.shape == (AUTO,) else ""


def settle_shape(config: ExportConfig, view: DatasetView) -> tuple[ExportConfig, str]:
    """Put sizes chosen from the kept clips in the place of shape auto, and say which."""
    chosen = with_sizes(config, read_clip_facts(view, crops_bars=crops_bars(config)))
    assert isinstance(chosen.media, Encode)
    return chosen, f"export.shape auto stands for {', '.join(chosen.media.shape)}"


def with_sizes(config: ExportConfig, facts: ClipFacts) -> ExportConfig:
    """Put sizes chosen from clips in the place of shape auto.

    Raises UsageError where nothing says how large pictures may be, or no clip fills any size.
    """
    media = config.media
    if not isinstance(media, Encode) or not open_shape(config):
        return config
    targets = [target_of(name) for name in config.target]
    options = rendition_options(targets, config.asked)
    training = training_for(targets, config.asked)
    is_trained = training.model is not UNTRAINED
    pixels = media.pixels or training.model.size.width * training.model.size.height
    if not pixels:
        raise UsageError(
            f"export.shape auto: {listed(config.target, 'and')} trains no model whose size says "
            "how large pictures may be: set export.pixels or export.training_model"
        )
    sizes = choose_sizes(
        long_enough_pictures(facts, options),
        training.model.side_multiple if is_trained else UNTRAINED_MULTIPLE,
        pixels,
        enlarge=media.enlarge,
        max_shapes=1 if any(target.one_size for target in targets) else MAX_SHAPES,
    )
    if not sizes:
        raise UsageError(
            "export.shape auto: no clip is long and large enough for any size; "
            "`vidcurate export --check` says what they lack"
        )
    return with_shape(config, tuple(map(str, sizes)))


def with_shape(config: ExportConfig, shape: tuple[str, ...]) -> ExportConfig:
    """Return the same options with another shape."""
    media = config.media.model_copy(update={"shape": shape})
    return config.model_copy(update={"media": media})


def crops_bars(config: ExportConfig) -> bool:
    """Check whether black bars are cropped away: if asked, else where a model is trained."""
    media = config.media
    if not isinstance(media, Encode):
        return False
    if media.crop_bars is not None:
        return media.crop_bars
    targets = [target_of(name) for name in config.target]
    return model_of(targets, config.training_model) is not None


SHAPE = Settling(open_shape, settle_shape)
