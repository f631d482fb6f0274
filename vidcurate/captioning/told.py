"""What captions are told of a clip besides its pictures, as their strategy and prompts ask for it.

A table is read only where a prompt tells of it, so that other captions stay as it changes.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from vidcurate.captioning.options import AboutSound, CaptionConfig, FactsConfig
from vidcurate.captioning.prompts import asked_for
from vidcurate.captioning.strategies.registry import STRATEGIES, listens, prompts_of
from vidcurate.captioning.voice_over import told_otherwise
from vidcurate.records import PERCEPTION, SOUNDS, SUITABILITY, Caption
from vidcurate.stage import DatasetView
from vidcurate.store.table import Table


def placeholders_told(config: CaptionConfig) -> frozenset[str]:
    """The placeholders that a model's prompts have; none for captions from measurements."""
    if config.chat is None:
        return frozenset()
    return asked_for(p for name, p in prompts_of(config).items() if name != "form")


def uses_score(config: CaptionConfig, table: Table[Any]) -> bool:
    """Whether a model is told of a score table, by its strategy or by a placeholder."""
    if table in (SUITABILITY, PERCEPTION):
        return "quality" in placeholders_told(config)
    if table == SOUNDS and listens(config):
        return False
    return table in STRATEGIES[config.strategy.name].reads


def tells_words(config: CaptionConfig) -> bool:
    """Whether a model is told what is said."""
    return "heard" in placeholders_told(config)


def reads_source(config: CaptionConfig) -> bool:
    """Whether a model is told what lies beside the video, or hears it."""
    return listens(config) or not placeholders_told(config).isdisjoint(("heard", "title"))


def reads_video(config: CaptionConfig) -> bool:
    """Whether the words or the sound of the video count."""
    return tells_words(config) or is_about_sound(config)


def reads_scan(config: CaptionConfig) -> bool:
    """Whether samples of the picture or the clock of the sound count."""
    return isinstance(config.backend, FactsConfig) or listens(config)


def is_about_sound(config: CaptionConfig) -> bool:
    """Whether captions say what is heard."""
    return config.chat is not None and isinstance(config.strategy, AboutSound)


@dataclass(frozen=True, slots=True)
class ToldOtherwise:
    """The clips whose captions in a table were told other words, or another title, than are now."""

    table: Table[Caption]

    def __call__(self, config: CaptionConfig, view: DatasetView) -> pa.Array:
        """The ids of the clips; none where captions are told neither."""
        told = placeholders_told(config)
        words, title = "heard" in told, "title" in told
        if not words and not title:
            return pa.array([], pa.string())
        return told_otherwise(view, self.table, words=words, title=title)
