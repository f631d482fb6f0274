"""Ways to come from a clip's stills to a text: each a conversation with a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vidcurate.captioning.material import Strategy
from vidcurate.captioning.options import CaptionConfig, StrategyName
from vidcurate.captioning.prompts import Prompt, load_prompt
from vidcurate.captioning.single import single


@dataclass(frozen=True, slots=True)
class Way:
    """A strategy and the names of the prompts that it uses; the first is the one to replace."""

    talk: Strategy
    prompts: tuple[str, ...]


STRATEGIES: Mapping[StrategyName, Way] = MappingProxyType({"single": Way(single, ("describe",))})


def prompts_of(config: CaptionConfig) -> dict[str, Prompt]:
    """The prompts of a config's strategy, by the package's names for them.

    Raises UsageError for a prompt that cannot be used.
    """
    first, *others = STRATEGIES[config.strategy].prompts
    own = {name: load_prompt(name) for name in others}
    return {first: load_prompt(config.prompt or first), **own}
