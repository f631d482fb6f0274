"""The strategies by name, with the prompts and measurements that each one uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from vidcurate.captioning.clip_input import Strategy
from vidcurate.captioning.forms import load_form
from vidcurate.captioning.options import (
    CaptionConfig,
    CleaningRule,
    Shots,
    Single,
    StrategyName,
    Structured,
    Teachers,
    teacher_of,
)
from vidcurate.captioning.prompts import (
    INSERTED,
    Prompt,
    asked_for,
    load_prompt,
    prompts_with_tags,
)
from vidcurate.captioning.strategies.audible import audible
from vidcurate.captioning.strategies.audio_visual import audio_visual
from vidcurate.captioning.strategies.dense import dense
from vidcurate.captioning.strategies.differential import differential
from vidcurate.captioning.strategies.motion_detail import motion_detail
from vidcurate.captioning.strategies.script import script
from vidcurate.captioning.strategies.shots import shots
from vidcurate.captioning.strategies.single import single
from vidcurate.captioning.strategies.structured import structured
from vidcurate.captioning.strategies.teachers import teachers
from vidcurate.captioning.text.json_answer import JSON_PROMPTS
from vidcurate.records import MOTION, SOUNDS, SPEECH
from vidcurate.store.table import Table


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A strategy and the names of its prompts; an option can replace the first.

    `reads` are the score tables that it uses, where the data set has them. Where a strategy is
    about sound, `hearing` are its prompts for a model that hears, which needs no table of sounds.
    `unfit` are cleaning rules that would take away what the strategy asks for.
    """

    converse: Strategy
    prompts: tuple[str, ...]
    reads: tuple[Table[Any], ...] = ()
    hearing: tuple[str, ...] = ()
    unfit: tuple[CleaningRule, ...] = ()


STRATEGIES: Mapping[StrategyName, StrategySpec] = MappingProxyType(
    {
        "single": StrategySpec(single, ("describe", *JSON_PROMPTS)),
        "differential": StrategySpec(differential, ("merge-notes", "first-frame", "next-frame")),
        "script": StrategySpec(script, ("script", "voice-over", *JSON_PROMPTS)),
        "dense": StrategySpec(dense, ("dense", *JSON_PROMPTS)),
        "structured": StrategySpec(
            structured, ("structured", "measured", *JSON_PROMPTS), (MOTION,)
        ),
        "shots": StrategySpec(
            shots,
            (
                *("shots", "shot-type", "shot-angle", "shot-position", "camera-motion"),
                *("expression", "word-again", "fuse-t2v", "fuse-i2v", *JSON_PROMPTS),
            ),
            (MOTION,),
            unfit=("opener",),  # "A long shot shows" names what an expert decided
        ),
        "motion-detail": StrategySpec(motion_detail, ("fuse", "motion", "details")),
        "audible": StrategySpec(
            audible,
            ("audible", "audible-told", *JSON_PROMPTS),
            (SPEECH, SOUNDS),
            ("audible", "audible-hear", *JSON_PROMPTS),
        ),
        "audio-visual": StrategySpec(
            audio_visual,
            ("merge-sound", "merge-heard", "describe", "still"),
            (SPEECH, SOUNDS),
            ("merge-sound", "merge-heard", "describe", "still", "see-and-hear", *JSON_PROMPTS),
        ),
        "teachers": StrategySpec(teachers, ("describe", "choose", *JSON_PROMPTS)),
    }
)


def prompts_of(config: CaptionConfig) -> dict[str, Prompt]:
    """Load the prompts of a config's strategy, by the package's names for them.

    Raises UsageError for a prompt that cannot be used.
    """
    spec = STRATEGIES[config.strategy.name]
    first, *others = spec.hearing if listens(config) else spec.prompts
    asked = {first: load_prompt(config.prompt or first)}
    asked |= {name: load_prompt(name) for name in others}
    strategy = config.strategy
    if isinstance(strategy, Teachers):
        named = {teacher_of(config, teacher).prompt for teacher in strategy.teachers}
        asked |= {name: load_prompt(name) for name in sorted(named - {""})}
    detail = strategy.detail if isinstance(strategy, Single) else "detailed"
    chosen = {"style": f"style-{config.style}", "detail": f"detail-{detail}"}
    for part in INSERTED:
        if part in asked_for(asked.values()):
            asked[part] = load_prompt(chosen[part])
    asked = prompts_with_tags(asked)
    if isinstance(strategy, Structured):
        asked["form"] = load_form(strategy.form)
    if isinstance(strategy, Shots):
        asked["form"] = load_form("skyreels")
    return asked


def listens(config: CaptionConfig) -> bool:
    """Whether the model is given the clips' sound."""
    is_about_sound = bool(STRATEGIES[config.strategy.name].hearing)
    return config.chat is not None and config.chat.hears and is_about_sound


def cleaning_rules(config: CaptionConfig) -> tuple[CleaningRule, ...]:
    """The rules by which a strategy's text is cleaned."""
    unfit = STRATEGIES[config.strategy.name].unfit
    return tuple(rule for rule in config.clean if rule not in unfit)
